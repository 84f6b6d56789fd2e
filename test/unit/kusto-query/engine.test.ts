import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import type { KustoError } from '../../../local/kusto/errors.js';
import { rowSetFromRows } from '../../../local/kusto/store/row-set.js';
import { catalogOf, lines, NOW, run, tableOf } from './helpers.js';

const ORDERS = tableOf({
  name: 'Orders',
  schema: { id: 'long', who: 'string', at: 'datetime' },
  extents: [
    [
      [1n, 'a', NOW],
      [2n, 'b', NOW - 864_000_000_000n],
    ],
    [[3n, 'a', null]],
  ],
});
const OTHER = tableOf({ name: 'Remote', database: 'other', schema: { v: 'long' }, extents: [[[7n]]] });
const LOG1 = tableOf({ name: 'Log1', schema: { m: 'string' }, extents: [[['x']]] });
const LOG2 = tableOf({ name: 'Log2', schema: { m: 'string' }, extents: [[['y']]] });
const FUNCTIONS = [
  { name: 'Recent', parameters: '()', body: '{ Orders | where id > 1 }', folder: '', docstring: '' },
  {
    name: 'Above',
    parameters: '(least:long=2)',
    body: '{Orders | where id >= least}',
    folder: '',
    docstring: '',
  },
  { name: 'Plus', parameters: '(x:long)', body: '{ x + 1 }', folder: '', docstring: '' },
];
const CATALOG = catalogOf([ORDERS, OTHER, LOG1, LOG2], FUNCTIONS);

async function answer(query: string): Promise<string[]> {
  return lines((await run(query, CATALOG)).tables[0]!);
}

describe('tables', () => {
  it('are read over all their extents', async () => {
    assert.deepEqual(await answer('Orders | summarize count(), sum(id) by who'), [
      'who:string|count_:long|sum_id:long',
      'a|2|4',
      'b|1|2',
    ]);
  });

  it('are named through table() and database()', async () => {
    assert.deepEqual(await answer("table('Orders') | count"), ['Count:long', '3']);
    assert.deepEqual(await answer("database('other').Remote"), ['v:long', '7']);
    assert.deepEqual(await answer("database('other').table('Remote')"), ['v:long', '7']);
    assert.deepEqual(await answer("cluster('here').database('other').Remote | project v + 1"), [
      'Column1:long',
      '8',
    ]);
    assert.deepEqual(await answer("let ['Orders'] = ['Orders'] | where id == 3; Orders | count"), [
      'Count:long',
      '1',
    ]);
  });

  it('are united by wildcard, with their names', async () => {
    assert.deepEqual(await answer('union withsource=t Log*'), ['t:string|m:string', 'Log1|x', 'Log2|y']);
    assert.deepEqual(await answer('union isfuzzy=true Log1, Missing | count'), ['Count:long', '1']);
  });

  it('read a column that an extent lacks as null', async () => {
    const wider = { ...ORDERS, schema: [...ORDERS.schema, { name: 'extra', type: 'long' as const }] };
    const { tables } = await run('Orders | where isnull(extra) | count', catalogOf([wider]));
    assert.deepEqual(lines(tables[0]!), ['Count:long', '3']);
  });

  it('keep the rows of an empty table empty with its schema', async () => {
    const empty = tableOf({ name: 'E', schema: { a: 'long', s: 'string' }, extents: [] });
    const { tables } = await run('E | where a > 1 | extend b = strlen(s)', catalogOf([empty]));
    assert.deepEqual(lines(tables[0]!), ['a:long|s:string|b:long']);
  });
});

describe('stored functions', () => {
  it('are called with and without parentheses and defaults', async () => {
    assert.deepEqual(await answer('Recent | count'), ['Count:long', '2']);
    assert.deepEqual(await answer('Recent() | count'), ['Count:long', '2']);
    assert.deepEqual(await answer("['Recent']() | count"), ['Count:long', '2']);
    assert.deepEqual(await answer('Above | count'), ['Count:long', '2']);
    assert.deepEqual(await answer('Above(3) | project id'), ['id:long', '3']);
    assert.deepEqual(await answer('Orders | project y = Plus(id) | take 1'), ['y:long', '2']);
  });
});

describe('extent properties', () => {
  it('give ingestion time, extent and tags of each row', async () => {
    assert.deepEqual(await answer('Orders | project id, extent_id(), tags = extent_tags() | where id == 3'), [
      'id:long|Column1:guid|tags:dynamic',
      '3|00000000-0000-0000-0000-000000000002|["tag2"]',
    ]);
    assert.deepEqual(await answer('Orders | extend t = ingestion_time() | summarize dcount(t)'), [
      'dcount_t:long',
      '2',
    ]);
  });

  it('are no columns of the answer', async () => {
    assert.deepEqual(
      (await answer('Orders | where ingestion_time() < now() | sort by id asc'))[0],
      'id:long|who:string|at:datetime',
    );
    assert.deepEqual((await answer('Orders | where isnotnull(extent_id()) | getschema')).length, 4);
    assert.deepEqual(await answer('Orders | distinct * | where isnotnull(extent_id()) | count'), [
      'Count:long',
      '0',
    ]);
  });

  it('follow the rows through union, sort and mv-expand', async () => {
    assert.deepEqual(
      await answer('union Orders, Log1 | sort by id asc | where isnotnull(extent_id()) | count'),
      ['Count:long', '4'],
    );
    assert.deepEqual(
      await answer(
        'Orders | extend d = dynamic([1,2]) | mv-expand d | where isnotnull(ingestion_time()) | count',
      ),
      ['Count:long', '6'],
    );
  });

  it('let a cursor reader read what came after its cursor', async () => {
    const first = (NOW - 999n).toString();
    assert.deepEqual(await answer(`Orders | where cursor_after('${first}') | project id`), ['id:long', '3']);
    assert.deepEqual(await answer("Orders | where cursor_after('') | count"), ['Count:long', '3']);
    assert.deepEqual(await answer(`Orders | where cursor_before_or_at('${first}') | count`), [
      'Count:long',
      '2',
    ]);
    assert.deepEqual(await answer('print c = cursor_current()'), ['c:string', NOW.toString()]);
    assert.deepEqual(await answer('Orders | where cursor_before_or_at(cursor_current()) | count'), [
      'Count:long',
      '3',
    ]);
  });
});

describe('the request', () => {
  it('answers each tabular statement with a table', async () => {
    const { tables } = await run('print a = 1; let x = 2; print b = x', CATALOG);
    assert.deepEqual(tables.map(lines), [
      ['a:long', '1'],
      ['b:long', '2'],
    ]);
  });

  it('binds parameters from literal text, raw text and JSON numbers', async () => {
    const query =
      'declare query_parameters(l:long, s:string, q:string, d:datetime, t:timespan, r:real, b:bool, g:guid, y:dynamic, m:decimal); ' +
      'print l, s, q, d, t, r, b, g, y.a, m';
    const parameters = {
      l: 'long(9007199254740993)',
      s: 'it is raw',
      q: "'quoted'",
      d: 'datetime(2020-01-01)',
      t: '1h',
      r: 1.5,
      b: 'true',
      g: '74be27de-1e4e-49d9-b579-fe0b331d3642',
      y: 'dynamic({"a":5})',
      m: '1.10',
    };
    const { tables } = await run(query, CATALOG, { parameters });
    assert.equal(
      lines(tables[0]!)[1],
      '9007199254740993|it is raw|quoted|2020-01-01T00:00:00.0000000Z|01:00:00|1.5|true|74be27de-1e4e-49d9-b579-fe0b331d3642|5|1.10',
    );
  });

  it('refuses a parameter that is not of its type', async () => {
    await assert.rejects(
      run('declare query_parameters(l:long); print l', CATALOG, { parameters: { l: 'x' } }),
      /'x' is not a long value/,
    );
  });

  it('offers the rows of a command as $command_results and behind a leading bar', async () => {
    const input = rowSetFromRows([{ name: 'TableName', type: 'string' }], [['A'], ['B']]);
    for (const text of ['$command_results | where TableName == "B"', '| where TableName == "B"']) {
      const { tables } = await run(text, CATALOG, { input });
      assert.deepEqual(lines(tables[0]!), ['TableName:string', 'B']);
    }
  });

  it('hands on what render asks for', async () => {
    const { visualization } = await run(
      'print x = 1 | render timechart with (title = "T", ysplit = panels)',
      CATALOG,
    );
    assert.deepEqual(visualization, { Visualization: 'timechart', Title: 'T', YSplit: 'panels' });
  });

  it('takes now() from the option query_now', async () => {
    const { tables } = await run('print v = now()', CATALOG, {
      options: { query_now: '2020-02-03T04:05:06Z' },
    });
    assert.deepEqual(lines(tables[0]!), ['v:datetime', '2020-02-03T04:05:06.0000000Z']);
  });

  it('limits the rows of an answer unless told not to', async () => {
    const limited = run('range x from 1 to 500001 step 1', CATALOG);
    await assert.rejects(limited, (error: KustoError) => {
      assert.equal(error.code, 'LimitsExceeded');
      return /E_QUERY_RESULT_SET_TOO_LARGE/.test(error.message);
    });
    const open = await run('range x from 1 to 500001 step 1', CATALOG, { options: { notruncation: true } });
    assert.equal(open.tables[0]!.rowCount, 500_001);
    const set = await run('set notruncation; range x from 1 to 500001 step 1', CATALOG);
    assert.equal(set.tables[0]!.rowCount, 500_001);
    await assert.rejects(
      run('range x from 1 to 9 step 1', CATALOG, { options: { truncationmaxrecords: 5 } }),
    );
    await assert.rejects(
      run('range x from 1 to 20000 step 1 | extend s = strrep("x", 100)', CATALOG, {
        options: { truncationmaxsize: 100_000 },
      }),
      /data size limit/,
    );
  });

  it('ends with its signal and lets the event loop run meanwhile', async () => {
    const controller = new AbortController();
    let turns = 0;
    const endless = run('range x from 1 to 40000000 step 1 | summarize sum(x * x) by x % 10', CATALOG, {
      signal: controller.signal,
    });
    const outcome = assert.rejects(endless, /cancelled/);
    for (; turns < 5; turns++) await immediate();
    controller.abort();
    await outcome;
    assert.equal(turns, 5);
  });

  it('ends with its server timeout', async () => {
    await assert.rejects(
      run('range x from 1 to 40000000 step 1 | summarize sum(x * x) by x % 10', CATALOG, {
        options: { servertimeout: '00:00:00.050' },
      }),
      /server timeout of 50 ms/,
    );
  });
});

describe('the parser', () => {
  it('leaves the globals of the process alone', async () => {
    await run('print 1');
    assert.equal('Kusto' in globalThis, false);
    assert.equal('Bridge' in globalThis, false);
    assert.deepEqual(Object.keys(Object.prototype), []);
  });
});
