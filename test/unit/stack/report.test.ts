import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Display } from '../../../local/stack/display.js';
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

function result(...tables: TableProgress[]) {
  return { tables, endpoints, peakRssBytes: 5 * 1024 * 1024, elapsedMs: 12_345.6 };
}

test('a sample is complete when each row is queryable or dead-lettered', () => {
  assert.equal(isComplete(result(progress({}))), true);
  assert.equal(isComplete(result(progress({ queryable: 98, deadLettered: 2 }))), true);
  assert.equal(isComplete(result(progress({ queryable: 99 }))), false);
  assert.equal(isComplete(result(progress({}), progress({ sent: 60, queryable: 60 }))), false);
  assert.equal(isComplete(result(progress({ total: 0, sent: 0, queryable: 0 }))), false);
  assert.equal(isComplete(result(progress({ error: 'refused' }))), false);
});

test('the document has what scripts rely on', () => {
  const document = reportDocument(result(progress({ deadLettered: 4, queryable: 96 })));
  assert.deepEqual(document, {
    tables: [
      { table: 'T', database: 'Samples', sent: 100, queryable: 96, deadLettered: 4, rowsPerSecond: 50 },
    ],
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
  const text = nextLines(endpoints).join('\n');
  assert.match(text, /curl -s http:\/\/localhost:8080\/v1\/rest\/query/);
  assert.match(text, /http:\/\/localhost:7071\/api\/ingest\/Samples\/Movies\?format=json/);
});

test('progress overwrites itself on a terminal and is sparse elsewhere', () => {
  const written: string[] = [];
  let clock = 0;
  const terminal = new Display({ isTerminal: true, write: (text) => void written.push(text) }, () => clock);
  terminal.progress([progress({})]);
  terminal.progress([progress({ sent: 101 })]);
  assert.ok(!written[0]!.includes('\u001b[2A'));
  assert.ok(written[1]!.startsWith('\u001b[2A'));
  const lines: string[] = [];
  const plain = new Display({ isTerminal: false, write: (text) => void lines.push(text) }, () => clock);
  for (const sent of [1, 2, 2, 3]) {
    plain.progress([progress({ sent })]);
    clock += 2_000;
  }
  assert.equal(lines.length, 2);
  assert.ok(lines.every((line) => !line.includes('\u001b')));
});
