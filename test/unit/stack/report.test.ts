import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Display } from '../../../local/stack/display.js';
import { type LoadProgress, newLoad, wrongWith } from '../../../local/stack/load-progress.js';
import { newProgress, rowsPerSecond, type TableProgress } from '../../../local/stack/progress.js';
import { isComplete, nextLines, reportDocument, reportLines } from '../../../local/stack/report.js';
import type { Endpoints } from '../../../local/stack/services.js';

const endpoints: Endpoints = {
  functions: 'http://localhost:7071',
  functionsAdmin: 'http://localhost:7071/admin',
  kusto: 'http://localhost:8080',
  kustoAdmin: 'http://localhost:8081',
  eventHubs: 'Endpoint=sb://localhost',
  blob: 'http://127.0.0.1:10000/devstoreaccount1',
  queue: 'http://127.0.0.1:10001/devstoreaccount1',
  table: 'http://127.0.0.1:10002/devstoreaccount1',
};

function progress(change: Partial<TableProgress>): TableProgress {
  const all = { total: 100, sent: 100, queryable: 100, startedMs: 1_000, completedMs: 3_000 };
  return { ...newProgress('Samples', 'T', 'events'), ...all, ...change };
}

function load(change: Partial<LoadProgress>): LoadProgress {
  const all = {
    total: 100,
    state: 'committed',
    staged: 100,
    rows: 100,
    stagingTables: 0,
    elapsedMs: 12_000,
    commit: { operationId: 'op-1', elapsedMs: 7 },
  };
  const names = {
    id: 'sample',
    database: 'Samples',
    table: 'L',
    way: 'upload',
    intended: 'committed',
  } as const;
  return { ...newLoad(names), ...all, ...change };
}

/** A load that one corrupt blob made fail. */
function failed(change: Partial<LoadProgress>): LoadProgress {
  const error = {
    code: 'LOAD_SOURCE_REFUSED',
    message: 'http://127.0.0.1/loads/part-3: failed with Corrupt',
    source: 'http://127.0.0.1/loads/part-3',
    cause: 'The service refused a blob',
    nextCommand: 'kusto-functions diagnose bad',
  };
  const all = { id: 'bad', intended: 'rolledBack', state: 'rolledBack', rows: 0, staged: undefined } as const;
  return load({ ...all, commit: undefined, error, ...change });
}

function result(...tables: TableProgress[]) {
  return resultWith([], ...tables);
}

function resultWith(loads: LoadProgress[], ...tables: TableProgress[]) {
  return { tables, loads, endpoints, peakRssBytes: 5 * 1024 * 1024, elapsedMs: 12_345.6 };
}

test('a sample is complete when each row is queryable or dead-lettered', () => {
  assert.equal(isComplete(result(progress({}))), true);
  assert.equal(isComplete(result(progress({ queryable: 98, deadLettered: 2 }))), true);
  assert.equal(isComplete(result(progress({ queryable: 99 }))), false);
  assert.equal(isComplete(result(progress({}), progress({ sent: 60, queryable: 60 }))), false);
  assert.equal(isComplete(result(progress({ total: 0, sent: 0, queryable: 0 }))), false);
  assert.equal(isComplete(result(progress({ error: 'refused' }))), false);
});

test('a sample is complete when loads end as they are meant to, and no load shows a part of its rows', () => {
  assert.equal(isComplete(resultWith([load({}), failed({})], progress({}))), true);
  const cases: [LoadProgress, RegExp][] = [
    [load({ state: 'rolledBack', rows: 0 }), /it is rolledBack, and was to be committed/],
    [load({ rows: 99 }), /99 rows are visible instead of 100/],
    [load({ partial: 50 }), /50 rows were visible meanwhile/],
    [load({ stagingTables: 1 }), /staging tables that are left: 1/],
    [load({ stagingTables: undefined }), /staging tables that are left: unknown/],
    [load({ problem: 'POST was answered 503' }), /answered 503/],
    [failed({ state: 'committed' }), /it is committed, and was to be rolledBack/],
    [failed({ rows: 80 }), /80 rows are visible instead of 0/],
  ];
  for (const [one, why] of cases) {
    assert.equal(isComplete(resultWith([one], progress({}))), false);
    assert.match(wrongWith(one).join('; '), why);
    assert.match(reportLines(resultWith([one], progress({}))).join('\n'), why);
  }
});

test('the report says by which operation a load became visible, and what to do about one that did not', () => {
  const text = reportLines(resultWith([load({}), failed({})])).join('\n');
  assert.match(text, /Samples\.L: 100 rows, visible at once by operation op-1 in 7 ms/);
  assert.match(text, /taken back as intended; 0 rows are visible and no staging table is left/);
  assert.match(text, /LOAD_SOURCE_REFUSED http:\/\/127\.0\.0\.1\/loads\/part-3/);
  assert.match(text, /^ {2}failed with Corrupt$/m);
  assert.match(text, /next: npm run -s cli -- --url http:\/\/localhost:7071 diagnose bad/);
  assert.ok(!text.includes('dead letters'), 'a sample without tables shows none');
});

test('the document says of each load how it ended', () => {
  const [good, bad] = reportDocument(resultWith([load({}), failed({})]))['loads'] as Record<
    string,
    unknown
  >[];
  assert.deepEqual(good, {
    id: 'sample',
    table: 'L',
    database: 'Samples',
    state: 'committed',
    rows: 100,
    error: null,
    elapsedMs: 12_000,
    intended: 'committed',
    sent: 100,
    staged: 100,
    partial: 0,
    stagingTables: 0,
    commit: { operationId: 'op-1', elapsedMs: 7 },
    wrong: [],
  });
  assert.match(JSON.stringify(bad?.['error']), /LOAD_SOURCE_REFUSED/);
  assert.deepEqual([bad?.['state'], bad?.['rows'], bad?.['wrong']], ['rolledBack', 0, []]);
});

test('the document has what scripts rely on', () => {
  const document = reportDocument(result(progress({ deadLettered: 4, queryable: 96 })));
  assert.deepEqual(document, {
    tables: [
      { table: 'T', database: 'Samples', sent: 100, queryable: 96, deadLettered: 4, rowsPerSecond: 50 },
    ],
    loads: [],
    endpoints,
    peakRssBytes: 5_242_880,
    elapsedMs: 12_346,
  });
});

test('rows per second count from the first send to the last row', () => {
  assert.equal(rowsPerSecond(progress({ startedMs: 0, completedMs: 500 })), 200);
  assert.equal(rowsPerSecond(progress({ completedMs: undefined })), 0);
});

test('the report names what is missing and what came twice', () => {
  const text = reportLines(
    result(
      progress({ queryable: 90, deadLettered: 5 }),
      progress({ queryable: 103 }),
      progress({ error: 'POST was answered 503' }),
    ),
  ).join('\n');
  assert.match(text, /5 rows are missing/);
  assert.match(text, /3 rows more than sent/);
  assert.match(text, /answered 503/);
  assert.match(text, /5 MB of memory/);
});

test('the commands to try next use the addresses of this run', () => {
  const text = nextLines(resultWith([load({})], progress({}))).join('\n');
  assert.match(text, /curl -s http:\/\/localhost:8080\/v1\/rest\/query/);
  assert.match(text, /http:\/\/localhost:7071\/api\/ingest\/Samples\/Movies\?format=json/);
  assert.match(text, /http:\/\/localhost:7071\/api\/loads/);
  assert.match(text, /http:\/\/127\.0\.0\.1:10000\/devstoreaccount1\/loads\/zipcodes\/part-1\.csv\.gz/);
  assert.match(text, /Flights3M \| summarize/);
  const loadsOnly = nextLines(resultWith([load({})])).join('\n');
  assert.match(loadsOnly, /FlightsLoaded \| summarize/);
  assert.ok(
    !nextLines(result(progress({})))
      .join('\n')
      .includes('api/loads'),
  );
});

test('progress overwrites itself on a terminal and is sparse elsewhere', () => {
  const written: string[] = [];
  let clock = 0;
  const terminal = new Display({ isTerminal: true, write: (text) => void written.push(text) }, () => clock);
  terminal.progress({ tables: [progress({})], loads: [load({})] });
  terminal.progress({ tables: [progress({ sent: 101 })], loads: [load({ state: 'running', step: 'wait' })] });
  assert.ok(!written[0]!.includes('\u001b[5A'));
  assert.ok(written[1]!.startsWith('\u001b[5A'));
  assert.match(written[1]!, /Samples\.L .* wait\n$/);
  for (const line of written[1]!.split('\n'))
    assert.ok(line.length < 90, 'a line that wraps is not overwritten');
  const lines: string[] = [];
  const plain = new Display({ isTerminal: false, write: (text) => void lines.push(text) }, () => clock);
  for (const sent of [1, 2, 2, 3]) {
    plain.progress({ tables: [progress({ sent })], loads: [load({})] });
    clock += 2_000;
  }
  assert.equal(lines.length, 2);
  assert.ok(lines.every((line) => !line.includes('\u001b') && line.includes('load L committed')));
});
