import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAllowList } from '../../../src/config/allow-list.js';
import { KfError } from '../../../src/runtime/errors.js';
import { parseLoadRequest } from '../../../src/transactional/request.js';

const url = 'https://acct.blob.core.windows.net/data/a.csv';
const upload = '11111111-2222-4333-8444-555555555555';
const rules = {
  allow: createAllowList(['Db.*']),
  storage: [{ accountUrl: 'https://acct.blob.core.windows.net', container: 'data', access: 'account' }],
  allowSas: true,
  maxSources: 3,
  nowMs: Date.UTC(2026, 0, 1),
} as const;
const base = { database: 'Db', table: 'T', format: 'csv', sources: [{ url }] };
const parse = (more: object = {}) => parseLoadRequest({ ...base, ...more }, rules);

function errorOf(body: unknown): KfError {
  try {
    parseLoadRequest(body, rules);
  } catch (error) {
    assert.ok(error instanceof KfError, String(error));
    return error;
  }
  throw new Error(`was accepted: ${JSON.stringify(body)}`);
}

const defaults = {
  ...{ writeMode: 'Transactional', database: 'Db', table: 'T', format: 'csv', ignoreFirstRecord: false },
  ...{ tableCreateOptions: 'FailIfNotExist', adjustSchema: 'NoAdjustment', clientBatchingLimitMb: 300 },
  tags: { additional: [], ingestBy: [], ingestIfNotExists: [] },
  ...{ timeoutMs: 172_800_000, allowPartialVisibility: false },
};

test('what a request leaves out gets its documented default', () => {
  const { request, requestId } = parse();
  assert.deepEqual(request, { ...defaults, sources: [{ kind: 'blob', address: url }], secrets: {} });
  assert.equal(requestId, undefined);
});

test('every option is taken as it is written', () => {
  const options = {
    ...{ writeMode: 'Transactional', ignoreFirstRecord: true, mapping: 'M', tempTableName: 'S' },
    ...{ tableCreateOptions: 'CreateIfNotExist', schema: { a: 'long', b: 'string' } },
    ...{ adjustSchema: 'FailIfNotMatch', clientBatchingLimitMb: 1, expectedRows: 0, timeoutMs: 1_000 },
    ...{ allowPartialVisibility: true, creationTime: '2025-06-01T00:00:00.000Z' },
    tags: { additional: ['x:y'], ingestBy: ['a'], ingestIfNotExists: ['b'] },
  };
  const { request, requestId } = parse({ ...options, requestId: 'r-1.2_3' });
  assert.deepEqual(request, {
    ...{ ...defaults, ...options },
    ...{ sources: [{ kind: 'blob', address: url }], secrets: {} },
  });
  assert.equal(requestId, 'r-1.2_3');
});

test('null is as if the option were left out, where it has no default', () => {
  const nothing = {
    ...{ requestId: null, mapping: null, schema: null, tempTableName: null, creationTime: null },
    expectedRows: null,
  };
  assert.deepEqual(parse(nothing).request, parse().request);
});

test('other names of an option, a type and a time mean the same', () => {
  const { request } = parse({ adjustSchema: 'GenerateDynamicCsvMapping', schema: { a: 'int64', b: 'date' } });
  assert.equal(request.adjustSchema, 'GenerateDynamicMapping');
  assert.deepEqual(request.schema, { a: 'long', b: 'datetime' });
  const offset = parse({ creationTime: '2025-01-01T02:00:00+02:00' }).request.creationTime;
  assert.equal(offset, '2025-01-01T00:00:00.000Z');
});

test('each kind of source is told apart, with what is known of it', () => {
  const { request } = parse({
    sources: [
      { url, rows: 3, rawSizeBytes: 10 },
      { prefix: 'https://acct.blob.core.windows.net/data/p/' },
      { upload, gzip: true },
    ],
  });
  assert.deepEqual(request.sources, [
    { kind: 'blob', address: url, rawSizeBytes: 10, rows: 3 },
    { kind: 'prefix', address: 'https://acct.blob.core.windows.net/data/p/' },
    { kind: 'upload', uploadId: upload, gzip: true },
  ]);
});

test('a signature is kept under a key of its own, and another one makes no other load', () => {
  const signed = (signature: string) => parse({ sources: [{ url: `${url}?sv=1&sig=${signature}` }] });
  const { request, digest } = signed('abc');
  assert.deepEqual(request.sources, [{ kind: 'blob', address: url, sas: 'k0' }]);
  assert.deepEqual(request.secrets, { k0: 'sv=1&sig=abc' });
  assert.equal(signed('def').digest, digest);
});

test('requests that would load something else differ in their digest', () => {
  const digests = [
    parse(),
    parse({ table: 'U' }),
    parse({ sources: [{ url: `${url}2` }] }),
    parse({ sources: [{ url, rows: 1 }] }),
    parse({ format: 'tsv' }),
    parse({ tags: { ingestBy: ['a'] } }),
    parse({ expectedRows: 1 }),
    parse({ writeMode: 'Queued' }),
  ].map(({ digest }) => digest);
  assert.equal(new Set(digests).size, digests.length);
  assert.equal(parse({ requestId: 'a' }).digest, parse({ requestId: 'b' }).digest);
});

const names = 'names have letters, digits, spaces, _ . - and at most 1024 characters';
const formats = 'json, csv, tsv, tsve, psv, scsv, sohsv, txt, raw, avro, parquet, orc, w3clogfile';

/** What is wrong with a request, and the whole message. */
const mistakes: readonly (readonly [object, string])[] = [
  [{ database: undefined }, 'database: is required'],
  [{ table: "a'b" }, `table: "a'b" is not allowed; ${names}`],
  [{ format: 'cvs' }, `format: "cvs" is not known; write one of ${formats}`],
  [{ writeMode: null }, 'writeMode: null is not known; write one of Transactional, Queued'],
  [{ requestId: 'a/b' }, 'requestId: write letters, digits, . _ and -, at most 100'],
  [{ requestId: 'orphans' }, 'requestId: is reserved; choose another'],
  [{ sources: [] }, 'sources: [] is out of range; write at least 1'],
  [{ sources: undefined }, 'sources: is required'],
  [{ sources: [{}] }, 'sources[0]: write one of url, prefix and upload'],
  [{ sources: [{ url, prefix: url }] }, 'sources[0]: write one of url, prefix and upload'],
  [{ sources: [{ upload: 'x' }] }, 'sources[0].upload: is no upload id; POST /api/uploads answers one'],
  [{ sources: [{ upload, rows: 3 }] }, 'sources[0].rows: is only known of a single url'],
  [
    { sources: [{ url, gzip: true }] },
    'sources[0].gzip: is only for uploads; the service looks at the bytes of blobs',
  ],
  [{ sources: [{ url, rows: -1 }] }, 'sources[0].rows: -1 is out of range; write at least 0'],
  [{ ignoreFirstRecord: 'yes' }, 'ignoreFirstRecord: is "yes"; write true or false'],
  [
    { ignoreFirstRecord: true, format: 'json' },
    'ignoreFirstRecord: is only for delimited text; json has no header',
  ],
  [
    { mapping: 'm', adjustSchema: 'GenerateDynamicMapping', schema: { a: 'long' } },
    'mapping: stands beside adjustSchema GenerateDynamicMapping; write one of them',
  ],
  [
    { adjustSchema: 'FailIfNotMatch' },
    'schema: is required with adjustSchema FailIfNotMatch: the columns of the source',
  ],
  [
    { adjustSchema: 'x' },
    'adjustSchema: "x" is not known; write one of NoAdjustment, FailIfNotMatch, GenerateDynamicMapping, GenerateDynamicCsvMapping',
  ],
  [{ schema: { a: 'lnog' } }, 'schema.a: "lnog" is no Kusto type; did you mean long?'],
  [{ schema: {} }, 'schema: names no column'],
  [
    { tableCreateOptions: 'Create' },
    'tableCreateOptions: "Create" is not known; write one of FailIfNotExist, CreateIfNotExist',
  ],
  [{ tempTableName: 'T' }, 'tempTableName: is the target itself; name another table'],
  [
    { tempTableName: 'S', writeMode: 'Queued' },
    'tempTableName: has no use with writeMode Queued, which stages nothing',
  ],
  [{ writeMode: 'Queued', expectedRows: 3 }, 'expectedRows: is only checked with writeMode Transactional'],
  [
    { writeMode: 'Queued', allowPartialVisibility: true },
    'allowPartialVisibility: has no use with writeMode Queued, whose rows always appear one blob after the other',
  ],
  [{ clientBatchingLimitMb: 0 }, 'clientBatchingLimitMb: 0 is out of range; write at least 1'],
  [{ clientBatchingLimitMb: 6_001 }, 'clientBatchingLimitMb: 6001 is out of range; write at most 6000'],
  [{ tags: { ingestBy: ['ingest-by:x'] } }, 'tags.ingestBy[0]: write the value without "ingest-by:"'],
  [{ tags: { additional: ['a\nb'] } }, 'tags.additional[0]: holds a control character'],
  [
    { tags: { ingestIfNotExist: ['a'] } },
    'tags.ingestIfNotExist: is no known key; did you mean ingestIfNotExists?',
  ],
  [{ tags: null }, 'tags: is null; write a map (key: value)'],
  [{ creationTime: 'yesterday' }, 'creationTime: is no time; write 2026-01-31T00:00:00Z'],
  [{ creationTime: '2027-01-01T00:00:00Z' }, 'creationTime: lies in the future'],
  [{ expectedRows: -1 }, 'expectedRows: -1 is out of range; write at least 0'],
  [{ timeoutMs: 10 }, 'timeoutMs: 10 is out of range; write at least 1000'],
  [{ timeoutMs: 4e9 }, 'timeoutMs: 4000000000 is out of range; write at most 345600000'],
  [{ allowPartialVisibility: 1 }, 'allowPartialVisibility: is 1; write true or false'],
  [{ tempTableNam: 'x' }, 'tempTableNam: is no known key; did you mean tempTableName?'],
];

test('each wrong value is named with its place and with what would be right', () => {
  for (const [more, message] of mistakes) {
    const error = errorOf({ ...base, ...more });
    assert.deepEqual([error.code, error.message], ['REQUEST_INVALID', message]);
  }
});

test('a body that is no object is refused as such', () => {
  for (const body of [null, 1, 'x', []]) {
    assert.match(errorOf(body).message, /^the body: is .*; write a map/);
  }
});

test('all mistakes are listed, at most twenty of them', () => {
  const two = errorOf({ ...base, format: 'x', timeoutMs: 1 });
  assert.equal(two.message.split('; ').filter((part) => /^(format|timeoutMs): /.test(part)).length, 2);
  const many = errorOf({ ...base, sources: Array.from({ length: 30 }, () => ({})) });
  assert.equal(many.message.split('; ').length, 21);
  assert.ok(many.message.endsWith('; and 10 more'));
});

test('a target or staging table outside the allowed tables is refused', () => {
  for (const more of [{ database: 'Other' }, { database: 'db' }])
    assert.equal(errorOf({ ...base, ...more }).code, 'ROUTE_NOT_ALLOWED');
  const narrow = { ...rules, allow: createAllowList(['Db.T']) };
  assert.throws(
    () => parseLoadRequest({ ...base, tempTableName: 'S' }, narrow),
    /target Db\.S: outside http\.tables/,
  );
});

test('more or larger sources than are allowed, and addresses elsewhere, have codes of their own', () => {
  const four = errorOf({ ...base, sources: Array.from({ length: 4 }, () => ({ url })) });
  assert.deepEqual(
    [four.code, four.message],
    ['LOAD_SOURCE_TOO_LARGE', 'sources: 4 of them; load.maxSources is 3'],
  );
  assert.equal(
    errorOf({ ...base, sources: [{ url, rawSizeBytes: 6_442_450_945 }] }).code,
    'LOAD_SOURCE_TOO_LARGE',
  );
  const elsewhere = errorOf({ ...base, sources: [{ url: 'https://evil.example/data/a' }] });
  assert.equal(elsewhere.code, 'LOAD_SOURCE_FORBIDDEN');
});
