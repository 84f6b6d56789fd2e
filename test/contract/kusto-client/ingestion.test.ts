import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { SubmitRequest } from '../../../src/kusto/ports.js';
import { createQueuedIngestion } from '../../../src/kusto/queued.js';
import { createMessageIngestion } from '../../../src/kusto/queued-message.js';
import { createRestIngestion } from '../../../src/kusto/queued-rest.js';
import { createMessageResources } from '../../../src/kusto/resources.js';
import { createStreamingIngestion } from '../../../src/kusto/streaming.js';
import { KfError } from '../../../src/runtime/errors.js';
import { SasUrl } from '../../../src/storage/sas-url.js';
import { kustoParts } from '../../helpers/kusto-parts.js';
import { createManualClock } from '../../helpers/manual-clock.js';
import { type StubAnswer, type StubRequest, type StubServer, startStub } from '../../helpers/stub-server.js';

const stubs: StubServer[] = [];
after(() => Promise.all(stubs.map((stub) => stub.stop())));

const configuration = {
  containerSettings: {
    containers: [{ path: 'https://a.blob.example/c1?sig=s1' }, { path: 'https://b.blob.example/c2?sig=s2' }],
  },
};

async function rest(answer: (request: StubRequest) => StubAnswer) {
  const stub = await startStub((request) =>
    request.url.includes('metadata') ? { status: 404 } : answer(request),
  );
  stubs.push(stub);
  const { http, session, client } = kustoParts(stub.url);
  const clock = createManualClock();
  const ingestion = createRestIngestion({
    ingestUrl: stub.url,
    http,
    authorize: session.authorize,
    clock,
    cacheMs: 3_600_000,
  });
  const streaming = createStreamingIngestion({ engineUrl: stub.url, http, authorize: session.authorize });
  return { stub, ingestion, streaming, clock, client };
}

const request = (more: Partial<SubmitRequest> = {}): SubmitRequest => ({
  database: 'My Db',
  table: 'T/x',
  blobs: [{ sourceId: 'id-1', url: new SasUrl('https://own.blob.example/c/b?sig=secret'), rawSizeBytes: 10 }],
  properties: { format: 'json', mapping: 'M', tags: ['drop-by:a'], flushImmediately: true },
  clientRequestId: 'KF.queued;1',
  ...more,
});

const codeIs = (code: string, check?: (error: KfError) => void) => (error: unknown) => {
  assert.ok(error instanceof KfError, String(error));
  assert.equal(error.code, code, error.message);
  check?.(error);
  return true;
};

test('a queued call names its blobs, mapping and tags, with tracking on', async () => {
  const { stub, ingestion } = await rest(() => ({ body: { ingestionOperationId: 'op-1' } }));
  assert.deepEqual(await ingestion.submit(request()), {
    path: 'rest',
    operationId: 'op-1',
    database: 'My Db',
    table: 'T/x',
  });
  const sent = stub.requests.at(-1);
  assert.equal(sent?.url, '/v1/rest/ingestion/queued/My%20Db/T%2Fx');
  const body = JSON.parse(String(sent?.body)) as Record<string, unknown>;
  assert.deepEqual(body['blobs'], [
    { url: 'https://own.blob.example/c/b?sig=secret', sourceId: 'id-1', rawSize: 10 },
  ]);
  assert.deepEqual(body['properties'], {
    format: 'json',
    enableTracking: true,
    skipBatching: true,
    tags: ['drop-by:a'],
    ingestionMappingReference: 'M',
  });
});

test('more than twenty blobs never leave in one call', async () => {
  const { ingestion, stub } = await rest(() => ({}));
  const blobs = Array.from({ length: 21 }, () => request().blobs[0]!);
  await assert.rejects(ingestion.submit(request({ blobs })), codeIs('INTERNAL'));
  assert.equal(stub.requests.length, 0);
});

test('an answer that is lost is told from a call that never arrived', async () => {
  const answers: [StubAnswer, string, boolean | undefined][] = [
    [{ drop: true }, 'KUSTO_TRANSIENT', true],
    [{ body: 'half' }, 'KUSTO_BAD_ANSWER', true],
    [{ status: 503 }, 'KUSTO_TRANSIENT', undefined],
    [
      { status: 400, body: { error: { code: 'BadRequest_TableNotExist', '@permanent': true } } },
      'KUSTO_PERMANENT',
      undefined,
    ],
  ];
  let answer: StubAnswer = {};
  const { ingestion, stub } = await rest(() => answer);
  for (const [given, code, lost] of answers) {
    answer = given;
    await assert.rejects(
      ingestion.submit(request()),
      codeIs(code, ({ fields }) => assert.equal(fields['answerLost'], lost)),
    );
  }
  await stub.stop();
  // Over a new connection: a kept one that breaks leaves open what the other side saw.
  const { http } = kustoParts(stub.url);
  const options = {
    ingestUrl: stub.url,
    http,
    authorize: async () => ({}),
    clock: createManualClock(),
    cacheMs: 1,
  };
  await assert.rejects(
    createRestIngestion(options).submit(request()),
    codeIs('KUSTO_UNREACHABLE', ({ fields }) => assert.equal(fields['answerLost'], false)),
  );
});

test('a status is read in either case of keys, and what is not known is pending', async () => {
  const detail = (id: string, status: string, more: object = {}) => ({ sourceId: id, status, ...more });
  const bodies = [
    {
      status: { succeeded: 1, failed: 1, inProgress: 1, canceled: 0 },
      details: [
        detail('id-1', 'Succeeded'),
        detail('ID-2', 'Failed', { errorCode: 'Stream_X', failureStatus: 'Permanent', details: 'd' }),
        detail('id-3', 'Astonished'),
      ],
    },
    {
      Status: { Succeeded: 1, Failed: 1, InProgress: 1, Canceled: 0 },
      Details: [
        { SourceId: 'id-1', Status: 'Succeeded' },
        {
          SourceId: 'id-2',
          Status: 'Failed',
          ErrorCode: 'Stream_X',
          FailureStatus: 'Permanent',
          Details: 'd',
        },
      ],
    },
  ];
  for (const body of bodies) {
    const { ingestion, stub } = await rest(() => ({ body }));
    const operation = { path: 'rest', operationId: 'op 1', database: 'D', table: 'T' } as const;
    assert.deepEqual(await ingestion.status(operation, ['id-1', 'id-2', 'id-3']), [
      { sourceId: 'id-1', state: 'succeeded' },
      { sourceId: 'id-2', state: 'failed', errorCode: 'Stream_X', failure: 'permanent', details: 'd' },
      { sourceId: 'id-3', state: 'pending' },
    ]);
    assert.equal(stub.requests.at(-1)?.url, '/v1/rest/ingestion/queued/D/T/op%201?details=true');
  }
});

test('counters without details count only when all ended well; unknown operations and empty ids are pending', async () => {
  let answer: StubAnswer = { body: { status: { Succeeded: 2, Failed: 0, InProgress: 0, Canceled: 0 } } };
  const { ingestion, stub } = await rest(() => answer);
  const states = async (operationId: string) =>
    (await ingestion.status({ path: 'rest', operationId, database: 'D', table: 'T' }, ['a', 'b'])).map(
      ({ state }) => state,
    );
  assert.deepEqual(await states('x'), ['succeeded', 'succeeded']);
  answer = { body: { status: { succeeded: 1, failed: 1, inProgress: 0, canceled: 0 } } };
  assert.deepEqual(await states('x'), ['pending', 'pending']);
  answer = { status: 404 };
  assert.deepEqual(await states('x'), ['pending', 'pending']);
  const before = stub.requests.length;
  assert.deepEqual(await states(''), ['pending', 'pending']);
  assert.equal(stub.requests.length, before);
});

test('containers take turns, are fetched once, and again early when one is refused', async () => {
  const { ingestion, stub, clock } = await rest(() => ({ body: configuration }));
  const first = await Promise.all(Array.from({ length: 4 }, () => ingestion.serviceContainer()));
  assert.equal(new Set(first.map(({ address }) => address)).size, 2);
  const asked = () => stub.requests.filter(({ url }) => url.endsWith('/configuration')).length;
  assert.equal(asked(), 1);
  clock.advance(61_000);
  ingestion.reportContainer?.(first[0]!, 'refused');
  await ingestion.serviceContainer();
  assert.equal(asked(), 2);
  clock.advance(3_600_001);
  await ingestion.serviceContainer();
  assert.equal(asked(), 3);
});

test('old resources serve while new ones cannot be had', async () => {
  let answer: StubAnswer = { body: configuration };
  const { ingestion, clock } = await rest(() => answer);
  await ingestion.serviceContainer();
  answer = { status: 503 };
  clock.advance(3_600_001);
  assert.match((await ingestion.serviceContainer()).address, /blob\.example/);
});

test('an account that fails is used less', async () => {
  const { ingestion } = await rest(() => ({ body: configuration }));
  const bad = await ingestion.serviceContainer();
  for (let count = 0; count < 5; count++) ingestion.reportContainer?.(bad, 'failed');
  for (let count = 0; count < 6; count++)
    assert.notEqual((await ingestion.serviceContainer()).address, bad.address);
});

test('a cluster without the API is served by messages, decided once; a failing probe decides nothing', async () => {
  let probe: StubAnswer = { status: 503 };
  const commands = (csl: string) =>
    csl.includes('identity')
      ? [['token-text']]
      : [
          ['SecuredReadyForAggregationQueue', 'https://q.queue.example/in?sig=q'],
          ['TempStorage', 'https://t.blob.example/temp?sig=t'],
          ['IngestionsStatusTable', 'https://t.table.example/status?sig=st'],
        ];
  const { ingestion, clock, client } = await rest((incoming) => {
    if (incoming.url.includes('/configuration')) return probe;
    const { csl } = JSON.parse(String(incoming.body)) as { csl: string };
    return {
      body: { Tables: [{ Columns: [{ ColumnName: 'a' }, { ColumnName: 'b' }], Rows: commands(csl) }] },
    };
  });
  const messages: string[] = [];
  const rows = new Map<string, Record<string, unknown>>();
  const message = createMessageIngestion({
    resources: createMessageResources({ client, cacheMs: 3_600_000, clock }),
    transport: {
      enqueue: async (_queue, text) => {
        messages.push(text);
      },
      readStatus: async (_table, id) => rows.get(id),
    },
    clock,
    quietMs: 1_000,
  });
  const queued = createQueuedIngestion({ rest: ingestion, message });
  await assert.rejects(queued.submit(request()), codeIs('KUSTO_TRANSIENT'));
  probe = { status: 404 };
  const operation = await queued.submit(
    request({ properties: { format: 'csv', mapping: [{ column: 'a', ordinal: 0 }], tags: ['t'] } }),
  );
  assert.equal(operation.path, 'message');
  const sent = JSON.parse(Buffer.from(messages[0] ?? '', 'base64').toString()) as Record<
    string,
    Record<string, unknown>
  >;
  assert.deepEqual(
    [
      sent['Id'],
      sent['DatabaseName'],
      sent['TableName'],
      sent['RawDataSize'],
      sent['ReportLevel'],
      sent['ReportMethod'],
      sent['RetainBlobOnSuccess'],
    ],
    ['id-1', 'My Db', 'T/x', 10, 0, 1, true],
  );
  assert.equal(sent['AdditionalProperties']?.['authorizationContext'], 'token-text');
  assert.equal(sent['AdditionalProperties']?.['ingestionMappingType'], 'Csv');
  assert.deepEqual(JSON.parse(String(sent['AdditionalProperties']?.['ingestionMapping'])), [
    { Column: 'a', Properties: { Ordinal: '0' } },
  ]);
  assert.deepEqual(await queued.status(operation, ['id-1']), [{ sourceId: 'id-1', state: 'pending' }]);
  rows.set('id-1', { Status: 'Failed', ErrorCode: 'Download_Forbidden', FailureStatus: 'Transient' });
  assert.deepEqual(await queued.status(operation, ['id-1']), [
    { sourceId: 'id-1', state: 'failed', errorCode: 'Download_Forbidden', failure: 'transient' },
  ]);
  rows.clear();
  clock.advance(1_001);
  assert.deepEqual(await queued.status(operation, ['id-1']), [{ sourceId: 'id-1', state: 'succeeded' }]);
});

test('a streamed request is one gzip body at an escaped address', async () => {
  const { streaming, stub } = await rest(() => ({ body: { Tables: [] } }));
  await streaming.stream({
    database: 'a/b',
    table: 't?x',
    format: 'json',
    mapping: 'm&n',
    body: gzipSync('{"a":1}\n'),
    clientRequestId: 'r',
  });
  const sent = stub.requests.at(-1);
  assert.equal(sent?.url, '/v1/rest/ingest/a%2Fb/t%3Fx?streamFormat=json&mappingName=m%26n');
  assert.equal(sent?.headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(sent?.body ?? '').toString(), '{"a":1}\n');
});

test('failures of streaming are told apart', async () => {
  const error = (code: string, message: string, permanent = true) => ({
    error: { code, '@message': message, '@permanent': permanent },
  });
  const cases: [StubAnswer, string][] = [
    [
      {
        status: 400,
        body: error(
          'BadRequest_StreamingIngestionPolicyNotEnabled',
          'Streaming ingestion is not enabled for the table',
        ),
      },
      'KUSTO_STREAMING_OFF',
    ],
    [
      { status: 400, body: error('X', 'streaming ingestion is disabled on this cluster') },
      'KUSTO_STREAMING_OFF',
    ],
    [{ status: 404, body: '' }, 'KUSTO_STREAMING_OFF'],
    [{ status: 413 }, 'KUSTO_TOO_LARGE'],
    [
      { status: 400, body: error('Stream_InputStreamTooLarge', 'the input exceeds the limit') },
      'KUSTO_TOO_LARGE',
    ],
    [{ status: 429 }, 'KUSTO_THROTTLED'],
    [{ status: 400, body: error('BadRequest_TableNotExist', "table 'T' does not exist") }, 'KUSTO_PERMANENT'],
    [{ status: 400, body: error('Stream_WrongNumberOfFields', 'row 3') }, 'KUSTO_PERMANENT'],
    [{ status: 500, body: error('General_InternalServerError', 'oops', false) }, 'KUSTO_TRANSIENT'],
  ];
  let answer: StubAnswer = {};
  const { streaming } = await rest(() => answer);
  const call = () =>
    streaming.stream({
      database: 'd',
      table: 't',
      format: 'json',
      body: gzipSync('x'),
      clientRequestId: 'r',
    });
  for (const [given, code] of cases) {
    answer = given;
    await assert.rejects(call(), codeIs(code), JSON.stringify(given));
  }
});
