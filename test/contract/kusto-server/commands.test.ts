import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columns, resultTable } from '../../../local/kusto/commands/results.js';
import { cannedQueries, command, post, startEngine } from './engine.js';

test('existing table is left as it is by create, widened by create-merge, reordered by alter', async (t) => {
  const server = await startEngine(t);
  const run = (csl: string) => command(server, csl);
  await run(".create table T (a: int, b: string) with (docstring = 'doc', folder = 'f')");
  const [again] = await run('.create table T (c: real)');
  assert.deepEqual(
    JSON.parse(String(again?.['Schema'])).OrderedColumns.map((column: { Name: string }) => column.Name),
    ['a', 'b'],
  );
  await run(".create-merge table T (b: string, ['c d']: dynamic)");
  const [csl] = await run('.show table T cslschema');
  assert.deepEqual(csl, {
    TableName: 'T',
    Schema: "a:int,b:string,['c d']:dynamic",
    DatabaseName: 'Samples',
    Folder: 'f',
    DocString: 'doc',
  });
  await assert.rejects(run('.alter-merge table T (a: string)'), /cannot change to string/);
  await run('.alter table T (b: string, a: int)');
  assert.equal((await run('.show table T cslschema'))[0]?.['Schema'], 'b:string,a:int');
  await assert.rejects(
    run('.alter-merge table U (a: string)'),
    /Entity ID 'U' of kind 'Table' was not found/,
  );
});

test('tables are swapped in one step and dropped with what remains', async (t) => {
  const server = await startEngine(t, {
    queryEngine: cannedQueries({ 'print 1': [resultTable(columns('x:int'), [[1]])] }),
  });
  const run = (csl: string) => command(server, csl);
  await run('.set A <| print 1');
  await run('.create table B (x: int)');
  await run('.rename tables A = B, B = A');
  const counts = (await run('.show tables details')).map((row) => [row['TableName'], row['TotalRowCount']]);
  assert.deepEqual(counts.sort(), [
    ['A', 0],
    ['B', 1],
  ]);
  assert.deepEqual(await run('.drop table A'), [{ TableName: 'B', DatabaseName: 'Samples' }]);
  assert.deepEqual(await run('.drop tables (A, B) ifexists'), []);
  await assert.rejects(run('.drop table A'), /was not found/);
});

test('a new table based on another takes its schema only', async (t) => {
  const server = await startEngine(t);
  await command(server, '.create table A (x: int, y: guid)');
  await command(server, '.alter table A policy retention softdelete = 7d');
  await command(server, ".create table B based-on A ifnotexists with (folder = 'tmp', hidden = true)");
  assert.equal((await command(server, '.show table B cslschema'))[0]?.['Schema'], 'x:int,y:guid');
  assert.equal((await command(server, '.show table B policy retention'))[0]?.['Policy'], 'null');
  assert.deepEqual(
    (await command(server, '.show tables')).map((row) => row['TableName']),
    ['A'],
  );
  assert.equal((await command(server, '.show tables with (IncludeHiddenTables = true)')).length, 2);
});

test('query ingestion maps columns by order and type and honours tags', async (t) => {
  const wide = resultTable(columns('p:int, q:string, r:long'), [[1, 'x', 2n]]);
  const server = await startEngine(t, {
    queryEngine: cannedQueries({
      narrow: [resultTable(columns('p:int, q:string'), [[5, 'y']])],
      wide: [wide],
    }),
  });
  const run = (csl: string) => command(server, csl);
  await assert.rejects(run('.append T <| narrow'), /Entity ID 'T'/);
  await run('.create table T (a: int, b: string)');
  const [made] = await run(`.set-or-append T with (tags = '["ingest-by:k","drop-by:d"]') <| narrow`);
  assert.equal(made?.['RowCount'], 1);
  await assert.rejects(run('.append T <| wide'), /Query schema does not match table schema/);
  await run('.set-or-append async T with (extend_schema = true) <| wide');
  assert.deepEqual(await run(`.append T with (ingestIfNotExists = '["k"]') <| narrow`), []);
  const extents = await run('.show table T extents');
  assert.equal(extents.length, 2);
  assert.equal(extents[0]?.['Tags'], 'ingest-by:k\r\ndrop-by:d');
  assert.equal((await run(".show table T extents where tags has 'drop-by:d'")).length, 1);
  assert.equal((await run(".show table T extents where tags !contains 'DROP'")).length, 1);
  assert.equal((await run('.show table T cslschema'))[0]?.['Schema'], 'a:int,b:string,r:long');
  await run('.set-or-replace T with (recreate_schema = true) <| wide');
  assert.deepEqual(
    (await run('.show tables details')).map((row) => [row['TotalRowCount'], row['TotalExtents']]),
    [[1, 1]],
  );
  await assert.rejects(run('.set T <| wide'), /already exists/);
});

test('extents are dropped by id and by query', async (t) => {
  const server = await startEngine(t, {
    queryEngine: cannedQueries({ q: [resultTable(columns('p:int'), [[5]])] }),
  });
  const run = (csl: string) => command(server, csl);
  const ids: unknown[] = [];
  await run('.create table T (p: int)');
  for (let at = 0; at < 3; at += 1) {
    ids.push((await run('.append T <| q'))[0]?.['ExtentId']);
  }
  assert.equal((await run(`.drop extent ${ids[0]} from T`))[0]?.['ExtentId'], ids[0]);
  assert.equal((await run('.drop-pretend extents from T')).length, 2);
  assert.equal((await run(`.drop extents <| .show table T extents (${ids[1]})`)).length, 1);
  await assert.rejects(run(`.drop extents (${ids[1]}) from T`), /of kind 'Extent' was not found/);
  assert.deepEqual(
    (await run('.show database Samples extents')).map((row) => row['ExtentId']),
    [ids[2]],
  );
  await run('.clear table T data');
  assert.deepEqual(await run('.show cluster extents'), []);
});

test('asynchronous command answers an id whose operation completes with the details of the result', async (t) => {
  const server = await startEngine(t, {
    queryEngine: cannedQueries({ q: [resultTable(columns('p:int'), [[5]])] }),
  });
  const [started] = await command(server, '.set async T <| q');
  const id = String(started?.['OperationId']);
  for (;;) {
    const [row] = await command(server, `.show operations ${id}`);
    if (row?.['State'] !== 'InProgress') {
      assert.equal(row?.['State'], 'Completed');
      assert.equal(row?.['Operation'], 'TableSet');
      break;
    }
  }
  const [details] = await command(server, `.show operation ${id} details`);
  assert.equal(details?.['RowCount'], 1);
  const [cancelled] = await command(server, `.cancel operation ${id} with (reason = 'late')`);
  assert.equal(cancelled?.['CancellationState'], 'Cancel failed');
  assert.equal((await command(server, '.show operations')).length, 2);
});

test('mappings of every kind are stored at table and database level', async (t) => {
  const server = await startEngine(t);
  const run = (csl: string) => command(server, csl);
  await run('.create table T (a: int, b: string)');
  const json = `[{"column":"a","Properties":{"Path":"$.a"}},{"Name":"b","path":"$.b"}]`;
  for (const kind of ['csv', 'json', 'avro', 'parquet', 'orc', 'w3clogfile']) {
    await run(`.create table T ingestion ${kind} mapping 'M' '${json}'`);
  }
  await assert.rejects(run(`.create table T ingestion json mapping 'M' '${json}'`), /already exists/);
  await run(`.create-or-alter database Samples ingestion json mapping "D" '${json}'`);
  assert.equal((await run('.show table T ingestion mappings')).length, 6);
  const [one] = await run('.show table T ingestion json mapping "M"');
  assert.equal(one?.['Mapping'], json);
  assert.equal(one?.['Kind'], 'Json');
  await run(`.alter-merge table T ingestion json mapping "M" '[{"column":"b","Path":"$.c"}]'`);
  const merged = JSON.parse(String((await run('.show table T ingestion json mapping "M"'))[0]?.['Mapping']));
  assert.deepEqual(
    merged.map((element: { column: string; Properties: { Path: string } }) => element.Properties.Path),
    ['$.a', '$.c'],
  );
  await run('.drop table T ingestion json mapping "M"');
  assert.equal((await run('.show table T ingestion json mappings')).length, 0);
  assert.equal((await run('.show database Samples ingestion mappings')).length, 1);
  await assert.rejects(run(`.create table T ingestion json mapping 'X' 'nope'`), /ingestion mapping/);
});

test('policies keep defaults for what is left out and refuse values out of range', async (t) => {
  const server = await startEngine(t);
  const run = (csl: string) => command(server, csl);
  const policy = async (csl: string) => JSON.parse(String((await run(csl))[0]?.['Policy']));
  await run('.create table T (a: int)');
  assert.equal(await policy('.show table T policy ingestionbatching'), null);
  assert.deepEqual(
    await policy(`.alter table T policy ingestionbatching '{"MaximumBatchingTimeSpan": "00:00:30"}'`),
    { MaximumBatchingTimeSpan: '00:00:30', MaximumNumberOfItems: 500, MaximumRawDataSizeMB: 1024 },
  );
  await assert.rejects(
    run(`.alter table T policy ingestionbatching '{"MaximumNumberOfItems": 0}'`),
    /from 1 to 25000/,
  );
  assert.equal((await policy('.alter table T policy streamingingestion enable')).IsEnabled, true);
  assert.equal((await policy('.alter database Samples policy streamingingestion disable')).IsEnabled, false);
  assert.deepEqual(
    await policy('.alter-merge table T policy retention softdelete = 7d recoverability = disabled'),
    { SoftDeletePeriod: '7.00:00:00', Recoverability: 'Disabled' },
  );
  assert.equal(
    (await policy(`.alter-merge table T policy merge '{"AllowRebuild": "false"}'`)).AllowRebuild,
    false,
  );
  assert.deepEqual(await policy('.alter tables (T) policy restricted_view_access true'), { IsEnabled: true });
  assert.equal(await policy('.delete table T policy retention'), null);
  await assert.rejects(run(`.alter table T policy mirroring '[]'`), /policy 'mirroring' is not supported/);
});

test('functions are created, altered, listed and dropped', async (t) => {
  const server = await startEngine(t);
  const run = (csl: string) => command(server, csl);
  const body = "{ T | where x == '}' // }\n | take n }";
  await run(`.create-or-alter function with (folder = 'F', docstring = "d") Some(n: long = 5) ${body}`);
  assert.deepEqual(await run('.show functions'), [
    { Name: 'Some', Parameters: '(n: long = 5)', Body: body, Folder: 'F', DocString: 'd' },
  ]);
  await assert.rejects(run('.create function Some() { 1 }'), /already exists/);
  await run('.create function ifnotexists Some() { 1 }');
  await run('.alter function Some() { 2 }');
  assert.equal((await run('.show function Some'))[0]?.['Body'], '{ 2 }');
  await run('.drop function Some');
  assert.deepEqual(await run('.show functions'), []);
});

test('script runs its commands one by one and skips shows', async (t) => {
  const server = await startEngine(t);
  const script = `.execute database script with (ContinueOnErrors = true) <|
    // first
    .create table A (x: int)
    .show tables
    .drop table Missing
    .create-merge table A
      (y: string)`;
  const rows = await command(server, script);
  assert.deepEqual(
    rows.map((row) => row['Result']),
    ['Completed', 'Skipped', 'Failed', 'Completed'],
  );
  await assert.rejects(
    command(server, '.execute database script with (ThrowOnErrors = true) <| .drop table Missing'),
    /Missing/,
  );
});

test('databases, cluster and principals are shown', async (t) => {
  const server = await startEngine(t);
  const run = (csl: string) => command(server, csl);
  await run('.create database Other');
  assert.deepEqual(
    (await run('.show databases')).map((row) => row['DatabaseName']),
    ['NetDefaultDB', 'Samples', 'Other'],
  );
  await command(server, '.create table T (a: decimal)', 'Other');
  const [json] = await run('.show database Other schema as json');
  const parsed = JSON.parse(String(json?.['DatabaseSchema']));
  assert.equal(parsed.Databases.Other.Tables.T.OrderedColumns[0].CslType, 'decimal');
  await run(".add database Samples ingestors ('aadapp=1;2') 'note'");
  assert.equal((await run('.show database Samples principals'))[0]?.['PrincipalFQN'], 'aadapp=1;2');
  for (const csl of ['.show version', '.show cluster', '.show diagnostics', '.show capacity ingestions']) {
    assert.equal((await run(csl)).length, 1, csl);
  }
  for (const csl of [
    '.show principal roles',
    '.show commands',
    '.show queries',
    '.show commands-and-queries',
    '.show ingestion failures',
    '.show streamingingestion failures',
    '.show streamingingestion statistics',
    '.show database schema',
  ]) {
    await run(csl);
  }
  await assert.rejects(command(server, '.show tables', 'Nowhere'), /Entity ID 'Nowhere' of kind 'Database'/);
});

test('unknown command is refused by name with a permanent error', async (t) => {
  const server = await startEngine(t);
  const response = await post(server, '/v1/rest/mgmt', { db: 'Samples', csl: '.export to csv ("x") <| T' });
  assert.equal(response.status, 400);
  const { error } = (await response.json()) as { error: Record<string, unknown> };
  assert.match(String(error['@message']), /'.export to csv' is not supported by the local engine/);
  assert.equal(error['@permanent'], true);
});

test('hidden literals and signatures do not reach the log of commands', async (t) => {
  const server = await startEngine(t);
  const secrets = [`h'https://x/y?sig=s3cret'`, `h@"a""s3cret"`, `'https://x/y?sv=1&sig=s3cret&se=2'`];
  for (const literal of secrets) {
    await assert.rejects(command(server, `.ingest into table T (${literal})`));
  }
  const log = await command(server, '.show commands');
  assert.equal(log.length, 3);
  assert.ok(!JSON.stringify(log).includes('s3cret'), JSON.stringify(log));
});

test('read-only request shows and changes nothing', async (t) => {
  const server = await startEngine(t);
  const properties = { Options: { request_readonly: true } };
  const as = (csl: string) => post(server, '/v1/rest/mgmt', { db: 'Samples', csl, properties });
  assert.equal((await as('.show tables')).status, 200);
  assert.equal((await as('.create table T (x: int)')).status, 400);
  assert.deepEqual(await command(server, '.show tables'), []);
});

test('column dropped and added again starts empty', async (t) => {
  const server = await startEngine(t, {
    queryEngine: cannedQueries({ q: [resultTable(columns('a:int, b:string'), [[5, 'old']])] }),
  });
  const run = (csl: string) => command(server, csl);
  await run('.set T <| q');
  await run('.drop table T columns (b)');
  await run('.alter-merge table T (b: string, c: long)');
  const response = await post(server, '/v1/rest/query', { db: 'Samples', csl: 'T' });
  const { Tables } = (await response.json()) as { Tables: { Rows: unknown[][] }[] };
  assert.deepEqual(Tables[0]?.Rows, [[5, '', null]]);
});

test('commands that the parser meets half written are refused with the place', async (t) => {
  const server = await startEngine(t);
  for (const csl of [
    '.create table',
    '.create table T',
    '.create table T (a int)',
    '.create table T (a: nonsense)',
    '.create table T (a: int, a: long)',
    '.create table T (a: int) with (nope = 1)',
    '.show tables details extra',
    ".alter table T policy merge 'x'",
    '.show operations notaguid',
    '.',
    '..',
  ]) {
    await assert.rejects(command(server, csl), /^Error: 400: /, csl);
  }
});
