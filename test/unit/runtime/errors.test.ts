import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, errorCodes } from '../../../src/runtime/error-codes.js';
import { asKfError, KfError } from '../../../src/runtime/errors.js';

test('the code decides status and whether a repeat can help', () => {
  const throttled = new KfError('KUSTO_THROTTLED', 'm', {
    retryAfterMs: 5,
    serviceCode: 'X',
    fields: { a: 1 },
  });
  assert.deepEqual(
    [throttled.status, throttled.retryable, throttled.retryAfterMs, throttled.serviceCode, throttled.fields],
    [503, true, 5, 'X', { a: 1 }],
  );
  assert.equal(new KfError('RECORD_NOT_JSON', 'm').retryable, false);
});

test('a coded error stays itself, everything else is given a code, a place and its cause', () => {
  const coded = new KfError('NOT_FOUND', 'm');
  assert.equal(asKfError(coded, 'INTERNAL', 'here'), coded);
  const cause = new TypeError('oops');
  const given = asKfError(cause, 'STORAGE_TRANSIENT', 'blob b');
  assert.deepEqual([given.code, given.message, given.cause], ['STORAGE_TRANSIENT', 'blob b: oops', cause]);
  assert.equal(asKfError('text', 'INTERNAL', 'p').message, 'p: text');
});

test('every code has a cause, a way out and an HTTP error status', () => {
  for (const [code, { cause, fix, status }] of Object.entries(errorCodes)) {
    assert.match(code, /^[A-Z][A-Z0-9_]+$/);
    assert.ok(cause.length > 5 && fix.length > 5 && !cause.endsWith('.') && fix.endsWith('.'), code);
    assert.ok(status >= 400 && status < 600, code);
  }
});

test('only passing failures are answered with 503 and 504', () => {
  const codes = Object.entries(errorCodes) as [ErrorCode, (typeof errorCodes)[ErrorCode]][];
  const odd = codes.filter(([, { status, retryable }]) => status === 504 && !retryable);
  assert.deepEqual(odd, []);
});
