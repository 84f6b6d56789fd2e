import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, KustoConnectionStringBuilder } from 'azure-kusto-data';
import { columns, resultTable } from '../../../local/kusto/commands/results.js';
import { cannedQueries, startEngine } from './engine.js';

test('official client creates a table and reads its schema back', async (t) => {
  const server = await startEngine(t);
  const client = new Client(new KustoConnectionStringBuilder(server.url));
  t.after(() => client.close());
  const created = await client.executeMgmt('Samples', '.create table T (Name: string, At: datetime)');
  const row = created.primaryResults[0]?.rows().next().value;
  assert.equal(row?.getValueAt(0), 'T');
  const schema = await client.executeMgmt('Samples', '.show table T cslschema');
  const [shown] = [...(schema.primaryResults[0]?.rows() ?? [])];
  assert.equal(shown?.getValueAt(1), 'Name:string,At:datetime');
});

test('official client reads exact answers of a query in the v2 and the v1 form', async (t) => {
  const answer = resultTable(columns('A:long, B:datetime, C:timespan, D:bool'), [
    [1n, 638_000_000_000_000_000n, 10_000_000n, true],
    [null, null, null, null],
  ]);
  const server = await startEngine(t, { queryEngine: cannedQueries({ q: [answer] }) });
  const client = new Client(new KustoConnectionStringBuilder(server.url));
  t.after(() => client.close());
  for (const result of [
    await client.executeQuery('Samples', 'q'),
    await client.executeQueryV1('Samples', 'q'),
  ]) {
    const [first, second] = [...(result.primaryResults[0]?.rows() ?? [])].map((row) => row.toJSON<object>());
    assert.deepEqual(first, { A: 1, B: new Date('2022-09-28T22:13:20Z'), C: 1000, D: true });
    assert.deepEqual(Object.values(second ?? {})[0], null);
    assert.equal(result.primaryResults.length, 1);
  }
});

test('official client gets the result of a command piped into a query', async (t) => {
  const server = await startEngine(t);
  const client = new Client(new KustoConnectionStringBuilder(server.url));
  t.after(() => client.close());
  await client.executeMgmt('Samples', '.create tables A (x: int), B (x: int)');
  const result = await client.executeMgmt('Samples', '.show tables | count');
  assert.equal(result.primaryResults[0]?.rows().next().value?.getValueAt(0), 2);
  assert.equal(result.tables.length, 4);
});
