import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { KustoConnectionStringBuilder } from 'azure-kusto-data';
import {
  DataFormat,
  IngestClient,
  IngestionProperties,
  ManagedStreamingIngestClient,
  ReportLevel,
  ReportMethod,
} from 'azure-kusto-ingest';
import { addFault, listFaults } from '../../helpers/kusto-admin.js';
import {
  type KustoReady,
  kustoCommand,
  kustoQuery,
  type Part,
  startPart,
  until,
} from '../../helpers/stack.js';

/**
 * Defects of the Node SDK against a whole service, for which the app owns a step. Each test shows the defect: when
 * one fails, the SDK was mended, and the step may be given back.
 */
let kusto: Part<KustoReady>;

before(async () => {
  kusto = await startPart<KustoReady>('local/kusto/main.js', ['--port', '0', '--json']);
  for (const table of ['Managed', 'Tracked']) {
    await kustoCommand({ kusto }, 'Samples', `.create table ${table} (n: long)`);
  }
  await kustoCommand({ kusto }, 'Samples', '.alter table Managed policy streamingingestion enable');
});
after(() => kusto.child.stop());

const connection = () => new KustoConnectionStringBuilder(kusto.ready.engine);
const body = () => Readable.from([Buffer.from('{"n":1}\n')]);

describe('SDK', { concurrency: true }, () => {
  test('the SDK’s managed client queues what streaming refused for good, after three attempts', async (t) => {
    const fault = await addFault(
      { kusto },
      { target: 'engine', match: '/v1/rest/ingest/Samples/Managed', action: 'permanent' },
    );
    const client = new ManagedStreamingIngestClient(connection(), connection());
    t.after(() => client.close());
    const properties = { database: 'Samples', table: 'Managed', format: DataFormat.JSON };
    await client.ingestFromStream(
      body(),
      new IngestionProperties({ ...properties, flushImmediately: true, ingestionMappingReference: 'M' }),
    );
    const hits = (await listFaults({ kusto })).find(({ id }) => id === fault)?.hits;
    assert.equal(hits, 3, 'a permanent error is not tried again: the defect is gone');
    const failures = await until(
      () =>
        kustoQuery(
          { kusto },
          'Samples',
          ".show ingestion failures | where Table == 'Managed' | project Table, ErrorCode",
        ),
      (rows) => rows.length > 0,
    );
    assert.deepEqual(failures, [['Managed', 'BadRequest_MappingReferenceWasNotFound']]);
  });

  test('the SDK’s status write costs each tracked call three seconds, and over http there is no status', async (t) => {
    const client = new IngestClient(connection());
    t.after(() => client.close());
    const properties = {
      database: 'Samples',
      table: 'Tracked',
      format: DataFormat.JSON,
      ingestionMappingReference: 'M',
    };
    const untracked = await client.ingestFromStream(body(), new IngestionProperties(properties));
    assert.equal((await untracked.getIngestionStatusCollection())['Status'], 'Queued');
    const startedMs = performance.now();
    const tracked = await client.ingestFromStream(
      body(),
      new IngestionProperties({
        ...properties,
        reportLevel: ReportLevel.FailuresAndSuccesses,
        reportMethod: ReportMethod.Table,
      }),
    );
    const tookMs = performance.now() - startedMs;
    // One second, then two, between the attempts; timers may be a little early.
    assert.ok(tookMs > 2_900, `the call took ${tookMs} ms: the defect is gone`);
    await assert.rejects(
      async () => tracked.getIngestionStatusCollection(),
      'the status is there: the defect is gone',
    );
  });
});
