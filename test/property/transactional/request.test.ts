import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createAllowList } from '../../../src/config/allow-list.js';
import { KfError } from '../../../src/runtime/errors.js';
import { parseLoadRequest } from '../../../src/transactional/request.js';

const SECRET = 'c4n4ry';
const url = 'https://acct.blob.core.windows.net/data/a.csv';
const rules = {
  allow: createAllowList(['Db.*']),
  storage: [{ accountUrl: 'https://acct.blob.core.windows.net', container: 'data', access: 'account' }],
  allowSas: true,
  maxSources: 3,
  nowMs: Date.UTC(2026, 0, 1),
} as const;

const good: Readonly<Record<string, unknown>> = {
  ...{ requestId: 'r', writeMode: 'Transactional', database: 'Db', table: 'T', format: 'csv' },
  ...{ sources: [{ url, rows: 1 }], ignoreFirstRecord: true, mapping: 'M', tempTableName: 'S' },
  ...{ tableCreateOptions: 'FailIfNotExist', schema: { a: 'long' }, adjustSchema: 'NoAdjustment' },
  ...{ clientBatchingLimitMb: 5, tags: { ingestBy: ['a'] }, creationTime: '2025-01-01T00:00:00Z' },
  ...{ expectedRows: 1, timeoutMs: 5_000, allowPartialVisibility: false },
};

/** Parsed, or refused with a code of the API and nothing secret in the message. */
function check(body: unknown): boolean {
  try {
    const { request, digest } = parseLoadRequest(body, rules);
    assert.match(digest, /^[0-9a-f]{64}$/);
    const { secrets: _, ...shown } = request;
    assert.ok(!JSON.stringify(shown).includes(SECRET), 'a secret is outside the place for secrets');
    return true;
  } catch (error) {
    assert.ok(error instanceof KfError, String(error));
    assert.match(
      error.code,
      /^(?:REQUEST_INVALID|ROUTE_NOT_ALLOWED|LOAD_SOURCE_FORBIDDEN|LOAD_SOURCE_TOO_LARGE)$/,
    );
    assert.ok(!error.message.includes(SECRET), error.message);
    assert.ok(error.message.length < 20_000 && !error.message.includes('Invalid input'), error.message);
    return false;
  }
}

const anyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    ...[
      null,
      [],
      {},
      '',
      -1,
      1e300,
      '__proto__',
      { __proto__: 1 },
      [[]],
      { url },
      [{ url: `${url}?sig=${SECRET}` }],
    ],
    ...[
      [{ url: `https://u:${SECRET}@acct.blob.core.windows.net/data/a` }],
      [{ prefix: `${url}?x=${SECRET}` }],
    ],
  ),
);

test('whatever the body is, it is a request or is refused with a code', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (body) => {
      check(JSON.parse(JSON.stringify(body)));
    }),
    { numRuns: 500 },
  );
});

test('whatever stands at any option of a good request, it is a request or is refused with a code', () => {
  assert.ok(check(good));
  let accepted = 0;
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(good)), anyValue, (key, value) => {
      if (check({ ...good, [key]: value })) accepted++;
    }),
    { numRuns: 1_000 },
  );
  assert.ok(accepted > 5, `only ${accepted} were accepted`);
});

test('whatever the address of a source, no answer repeats its signature', () => {
  const part = fc.constantFrom(
    ...[
      'https://',
      'acct.blob.core.windows.net',
      '/data',
      '/a.csv',
      '?',
      '&',
      'sig=',
      `sig=${SECRET}`,
      'sv=1',
    ],
    ...[`${SECRET}@`, '%', '%2e', '..', ';', '#', ' ', url],
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
      const text = `${url}?sv=1&${parts.join('')}`;
      if (text.includes(`sig=${SECRET}`) || !text.includes(SECRET))
        check({ ...good, sources: [{ url: text }] });
    }),
    { numRuns: 500 },
  );
});
