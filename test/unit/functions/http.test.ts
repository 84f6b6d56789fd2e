import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queryFields, toFilter } from '../../../src/functions/http-dead-letters.js';
import { flag, formatOf } from '../../../src/functions/http-ingest.js';
import { problem } from '../../../src/functions/problem.js';
import { timerSchedule } from '../../../src/functions/timers.js';
import { KfError } from '../../../src/runtime/errors.js';

const coded = (code: string, place: RegExp) => (error: unknown) =>
  error instanceof KfError && error.code === code && place.test(error.message);

test('the format option wins over the content type', () => {
  assert.equal(formatOf(new URLSearchParams('format=CSV'), 'application/json'), 'csv');
  assert.equal(formatOf(new URLSearchParams(), 'text/csv; charset=utf-8'), 'csv');
  assert.equal(formatOf(new URLSearchParams(), 'application/x-ndjson'), 'json');
});

test('an unknown format is refused with the known ones', () => {
  assert.throws(
    () => formatOf(new URLSearchParams('format=xml'), null),
    coded('FORMAT_UNKNOWN', /"xml".*parquet/),
  );
  assert.throws(() => formatOf(new URLSearchParams(), 'image/png'), coded('FORMAT_UNKNOWN', /image\/png/));
});

test('a flag is true, false or refused', () => {
  const query = new URLSearchParams('a=true&b=false&c=1&d');
  assert.equal(flag(query, 'a'), true);
  assert.equal(flag(query, 'b'), false);
  assert.equal(flag(query, 'd'), true);
  assert.equal(flag(query, 'e'), false);
  assert.throws(() => flag(query, 'c'), coded('REQUEST_INVALID', /^c: "1"/));
});

test('a dead-letter filter names the field that is wrong', () => {
  assert.deepEqual(toFilter({ kind: 'decode', from: '2026-01-01T00:00:00Z', limit: '5' }), {
    kind: 'decode',
    fromMs: Date.UTC(2026, 0, 1),
    limit: 5,
  });
  assert.throws(() => toFilter({ kind: 'x' }), coded('REQUEST_INVALID', /^kind/));
  assert.throws(() => toFilter({ from: 'yesterday' }), coded('REQUEST_INVALID', /^from/));
  assert.throws(() => toFilter({ limit: 0 }), coded('REQUEST_INVALID', /^limit/));
  assert.throws(() => toFilter({ sauce: 'a' }), coded('REQUEST_INVALID', /^sauce/));
});

test('a function key in the query filters no dead letters, an error code does', () => {
  const codeOf = (query: string) => toFilter(queryFields(new URLSearchParams(query))).code;
  assert.equal(codeOf('code=h4x0r-AbC_key=='), undefined);
  assert.equal(codeOf('code=INGESTION_REFUSED'), 'INGESTION_REFUSED');
  assert.equal(codeOf('code=key&errorCode=RECORD_NOT_JSON'), 'RECORD_NOT_JSON');
  assert.equal(toFilter({ code: 'RECORD_NOT_JSON' }).code, 'RECORD_NOT_JSON');
});

test('a problem document carries code, place, request and the next command', () => {
  const answer = problem(
    new KfError('ROUTE_NOT_ALLOWED', 'A.B is not in http.tables'),
    '/api/ingest/A/B',
    'id-1',
  );
  assert.equal(answer.status, 403);
  const body = JSON.parse(String(answer.body)) as Record<string, unknown>;
  assert.equal(body.code, 'ROUTE_NOT_ALLOWED');
  assert.equal(body.detail, 'A.B is not in http.tables');
  assert.equal(body.instance, '/api/ingest/A/B');
  assert.equal(body.requestId, 'id-1');
  assert.equal(body.nextCommand, 'kusto-functions check');
});

test('a throttled answer says when to come back', () => {
  const answer = problem(new KfError('KUSTO_THROTTLED', 'busy', { retryAfterMs: 1500 }), '/x', 'r');
  assert.equal((answer.headers as Record<string, string>)['retry-after'], '2');
});

test('a timer runs every so many whole seconds or minutes', () => {
  assert.equal(timerSchedule(30_000), '*/30 * * * * *');
  assert.equal(timerSchedule(200), '*/1 * * * * *');
  assert.equal(timerSchedule(120_000), '0 */2 * * * *');
});
