import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { Client, KustoConnectionStringBuilder } from 'azure-kusto-data';
import { DataFormat, IngestClient, IngestionProperties, StreamingIngestClient } from 'azure-kusto-ingest';
import { type KustoReady, startPart, until } from '../../helpers/stack.js';

test('official clients ingest queued and streaming, and see their rows', async (t) => {
  const kusto = await startPart<KustoReady>('local/kusto/main.js', ['--port', '0', '--json']);
  t.after(() => kusto.child.stop());
  const connection = () => new KustoConnectionStringBuilder(kusto.ready.engine);
  const client = new Client(connection());
  t.after(() => client.close());
  await client.executeMgmt('Samples', '.create table T (a: long, b: string)');
  await client.executeMgmt('Samples', '.alter table T policy streamingingestion enable');
  const properties = {
    database: 'Samples',
    table: 'T',
    format: DataFormat.CSV,
    flushImmediately: true,
    additionalTags: ['one'],
  };
  const queued = new IngestClient(connection(), new IngestionProperties(properties));
  t.after(() => queued.close());
  await queued.ingestFromStream(Readable.from(['1,x\n2,y\n']));
  const { flushImmediately: _, additionalTags: __, ...plain } = properties;
  const streaming = new StreamingIngestClient(connection(), new IngestionProperties(plain));
  t.after(() => streaming.close());
  await streaming.ingestFromStream(Readable.from(['3,z\n']));
  const numbers = async () => {
    const result = await client.execute('Samples', 'T | sort by a asc | project a');
    return [...(result.primaryResults[0]?.rows() ?? [])].map((row) => row.getValueAt(0));
  };
  assert.deepEqual(await until(numbers, (found) => found.length >= 3), [1, 2, 3]);
  const tagged = await client.execute(
    'Samples',
    ".show table T extents where tags has 'one' | project RowCount",
  );
  assert.equal(tagged.primaryResults[0]?.rows().next().value?.getValueAt(0), 2);
  const statistics = await client.execute('Samples', '.show streamingingestion statistics');
  const [row] = [...(statistics.primaryResults[0]?.rows() ?? [])].map((one) => one.toJSON<object>());
  assert.deepEqual(
    [row && 'Count' in row && row.Count, row && 'TotalRowCount' in row && row.TotalRowCount],
    [1, 1],
  );
  await client.execute('Samples', '.ingest inline into table T [10,"q,r"] [11,"s"]');
  await client.execute(
    'Samples',
    '.ingest inline into table T with (ignoreFirstRecord = true) <|\na,b\n12,t',
  );
  assert.deepEqual(await numbers(), [1, 2, 3, 10, 11, 12]);
});
