import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { KfError } from '../../../src/runtime/errors.js';
import { kustoParts } from '../../helpers/kusto-parts.js';
import { type StubAnswer, type StubRequest, type StubServer, startStub } from '../../helpers/stub-server.js';

const stubs: StubServer[] = [];
after(() => Promise.all(stubs.map((stub) => stub.stop())));

async function cluster(
  answer: (request: StubRequest) => StubAnswer,
  more: Parameters<typeof kustoParts>[1] = {},
) {
  const stub = await startStub((request) =>
    request.url.startsWith('/v1/rest/auth/metadata') ? { status: 404 } : answer(request),
  );
  stubs.push(stub);
  return { stub, ...kustoParts(stub.url, more) };
}

const codeIs = (code: string, check?: (error: KfError) => void) => (error: unknown) => {
  assert.ok(error instanceof KfError, String(error));
  assert.equal(error.code, code, error.message);
  check?.(error);
  return true;
};

const v1 = (columns: string, rows: string): string =>
  `{"Tables":[{"TableName":"T","Columns":${columns},"Rows":${rows}}]}`;
const v2 = (columns: string, rows: string, end = '"HasErrors":false'): string =>
  `[{"FrameType":"DataSetHeader"},{"FrameType":"DataTable","TableId":1,"TableKind":"PrimaryResult","TableName":"P","Columns":${columns},"Rows":${rows}},{"FrameType":"DataSetCompletion",${end}}]`;
const columns = JSON.stringify(
  ['long', 'decimal', 'datetime', 'timespan', 'bool', 'dynamic', 'string'].map((type) => ({
    ColumnName: `c_${type}`,
    ColumnType: type,
  })),
);

test('values of a query are exact: longs, decimals, times, dynamic', async () => {
  const row =
    '[9223372036854775807,"12345678901234567890.123","2026-01-01T00:00:00.1234567Z","1.02:03:04.1234567",true,{"id":9007199254740993,"t":"12345678901234567"},"say \\"1234567890123456789\\""]';
  const { client } = await cluster(() => ({
    body: v2(columns, `[${row},[-9007199254740991,null,null,null,false,[0.1],""]]`),
  }));
  const table = await client.query('Db', 'T');
  assert.deepEqual(table.columns[0], { name: 'c_long', type: 'long' });
  assert.deepEqual(table.rows, [
    [
      9_223_372_036_854_775_807n,
      '12345678901234567890.123',
      '2026-01-01T00:00:00.1234567Z',
      '1.02:03:04.1234567',
      true,
      { id: 9_007_199_254_740_993n, t: '12345678901234567' },
      'say "1234567890123456789"',
    ],
    [-9_007_199_254_740_991, null, null, null, false, [0.1], ''],
  ]);
});

test('commands go to the endpoint they belong to, with request id and application, never a path of this machine', async () => {
  const { client, stub } = await cluster(() => ({
    body: v1('[{"ColumnName":"a","ColumnType":"long"}]', '[[1]]'),
  }));
  await client.command('Db', '.show tables', { clientRequestId: 'KF.test;1', timeoutMs: 60_000 });
  const request = stub.requests.at(-1);
  assert.equal(request?.url, '/v1/rest/mgmt');
  assert.equal(request?.headers['x-ms-client-request-id'], 'KF.test;1');
  assert.equal(request?.headers['x-ms-app'], 'kusto-functions');
  assert.equal(request?.headers['x-ms-user'], 'kusto-functions');
  assert.equal(request?.headers.authorization, undefined);
  const body = JSON.parse(String(request?.body)) as {
    csl: string;
    properties: { Options: Record<string, string> };
  };
  assert.equal(body.csl, '.show tables');
  assert.match(JSON.stringify(body.properties), /servertimeout/);
});

test('parameters of a query travel apart from its text', async () => {
  const { client, stub } = await cluster(() => ({ body: v2('[]', '[]') }));
  await client.query('Db', 'declare query_parameters(n:string); T | where a == n', {
    parameters: { n: 'x"y' },
  });
  assert.match(String(stub.requests.at(-1)?.body), /"Parameters":\{"n":"x\\"y"\}/);
});

test('each failure has its code, with the service’s own beside it', async () => {
  const error = (permanent: boolean) => ({
    error: {
      code: 'General_BadRequest',
      message: 'bad',
      '@message': 'Semantic error: no',
      '@permanent': permanent,
      innererror: { code: 'SEM0100' },
    },
  });
  const cases: [StubAnswer, string, ((error: KfError) => void)?][] = [
    [
      { status: 400, body: error(true) },
      'KUSTO_PERMANENT',
      ({ serviceCode, message }) =>
        assert.deepEqual([serviceCode, /Semantic error/.test(message)], ['SEM0100', true]),
    ],
    [{ status: 400, body: error(false) }, 'KUSTO_TRANSIENT'],
    [{ status: 500, body: error(true) }, 'KUSTO_PERMANENT'],
    [{ status: 503, body: 'busy' }, 'KUSTO_TRANSIENT'],
    [
      { status: 429, headers: { 'retry-after': '7' } },
      'KUSTO_THROTTLED',
      ({ retryAfterMs }) => assert.equal(retryAfterMs, 7_000),
    ],
    [{ status: 401 }, 'KUSTO_UNAUTHORIZED'],
    [{ status: 403 }, 'KUSTO_FORBIDDEN'],
    [{ status: 302, headers: { location: 'https://elsewhere.example/' } }, 'KUSTO_PERMANENT'],
    [{ body: 'not json' }, 'KUSTO_BAD_ANSWER'],
    [{ body: v2('[]', '[]').slice(0, 60) }, 'KUSTO_BAD_ANSWER'],
    [
      {
        body: v2(
          '[]',
          '[{"OneApiErrors":[{"error":{"code":"LimitsExceeded","@message":"too many","@permanent":true}}]}]',
        ),
      },
      'KUSTO_PERMANENT',
    ],
    [
      { body: v2('[]', '[]', '"HasErrors":true,"OneApiErrors":[{"error":{"code":"E","message":"half"}}]') },
      'KUSTO_TRANSIENT',
    ],
    [{ drop: true }, 'KUSTO_UNREACHABLE'],
  ];
  let answer: StubAnswer = {};
  const { client } = await cluster(() => answer);
  for (const [given, code, check] of cases) {
    answer = given;
    await assert.rejects(client.query('Db', 'T'), codeIs(code, check), `${JSON.stringify(given)}`);
  }
});

test('a call ends when its signal or its time does', async () => {
  const { client } = await cluster(() => ({ hang: true }));
  const controller = new AbortController();
  const call = client.query('Db', 'T', { signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  await assert.rejects(call, codeIs('CANCELLED'));
  await assert.rejects(client.query('Db', 'T', { timeoutMs: 100 }), codeIs('DEADLINE_EXCEEDED'));
});

test('the cloud is asked for once however many calls begin at once, and again after a failure', async () => {
  let fails = 1;
  const stub = await startStub((request) => {
    if (!request.url.includes('metadata')) return { body: v1('[]', '[]') };
    return fails-- > 0 ? { status: 503 } : { body: { AzureAD: null } };
  });
  stubs.push(stub);
  const { client } = kustoParts(stub.url);
  await assert.rejects(client.command('Db', '.show x'), codeIs('KUSTO_TRANSIENT'));
  await Promise.all(Array.from({ length: 20 }, () => client.command('Db', '.show x')));
  assert.equal(stub.requests.filter(({ url }) => url.includes('metadata')).length, 2);
});

test('a token is sent to hosts of the cluster’s cloud only', async () => {
  const stub = await startStub(() => ({ status: 404 }));
  stubs.push(stub);
  const { session } = kustoParts(stub.url, { auth: { kind: 'accessToken', token: 'secret-token' } });
  await assert.rejects(
    session.authorize('https://help.kusto.windows.net.evil.example/v1'),
    codeIs('CONFIG_INVALID', ({ message }) => assert.doesNotMatch(message, /secret-token/)),
  );
  assert.deepEqual(await session.authorize('https://help.kusto.windows.net/v1'), {
    authorization: 'Bearer secret-token',
  });
  assert.deepEqual(await session.authorize(stub.url), { authorization: 'Bearer secret-token' });
});
