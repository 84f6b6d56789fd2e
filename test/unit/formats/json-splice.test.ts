import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { createJsonReader } from '../../../src/formats/json-record.js';
import {
  type ExistingColumn,
  planSplice,
  spliceColumns,
  toOneLine,
} from '../../../src/formats/json-splice.js';
import { createSlab } from '../../../src/formats/slab.js';

const slab = createSlab();
const columns = [
  { name: '_offset', kind: 'integerOrString' },
  { name: '_key', kind: 'string' },
  { name: '_properties', kind: 'json' },
] as const;

function splice(
  body: string,
  values: (string | undefined)[],
  existing: ExistingColumn = 'deadLetter',
): string {
  let out = '';
  createJsonReader({ maxRecordBytes: 1e9 }).read(Buffer.from(body), {
    object: (object) => {
      out = spliceColumns(object, planSplice(columns, existing), values, slab).toString();
    },
    refused: () => undefined,
  });
  return out;
}

test('columns stand after what the record says, byte for byte', () => {
  assert.equal(
    splice('{"n":1.10,"s":"\\u00e9}"}', ['17', 'ключ "x"', '{"a":1}']),
    '{"n":1.10,"s":"\\u00e9}","_offset":17,"_key":"ключ \\"x\\"","_properties":{"a":1}}',
  );
});

test('an empty object gets no leading comma', () => {
  assert.equal(splice('{ }', ['a-b', undefined, '{}']), '{ "_offset":"a-b","_key":null,"_properties":{}}');
});

test('numbers that would change as numbers stay text', () => {
  assert.equal(splice('{}', ['007', '5', '1']), '{"_offset":"007","_key":"5","_properties":1}');
  assert.equal(
    splice('{}', ['9'.repeat(19), '', '1']),
    `{"_offset":"${'9'.repeat(19)}","_key":"","_properties":1}`,
  );
});

test('pretty-printed records become one line with strings and numbers untouched', () => {
  assert.equal(
    splice('{\r\n  "a": "x  \\n y",\n\t"b": [\n 1.0,\n 2 ]\n}', ['1', 'k', '{}']),
    '{"a": "x  \\n y","b": [1.0,2 ],"_offset":1,"_key":"k","_properties":{}}',
  );
  assert.equal(toOneLine(Buffer.from('{"a":\n1}\n')).toString(), '{"a":1}');
});

test('an existing key is refused, kept, or overwritten in every spelling', () => {
  const body = '{"_key":1,"x":2,"\\u005fkey":3}';
  assert.throws(() => splice(body, ['1', 'k', '{}']), { code: 'RECORD_KEY_EXISTS' });
  assert.throws(() => splice('{"\\u005fkey":3}', ['1', 'k', '{}']), { code: 'RECORD_KEY_EXISTS' });
  assert.equal(
    splice(body, ['1', 'k', '{}'], 'keep'),
    '{"_key":1,"x":2,"\\u005fkey":3,"_offset":1,"_properties":{}}',
  );
  assert.equal(
    splice(body, ['1', 'k', '{}'], 'overwrite'),
    '{"x":2,"_offset":1,"_key":"k","_properties":{}}',
  );
  assert.equal(
    splice('{"_key":1}', ['1', 'k', '{}'], 'overwrite'),
    '{"_offset":1,"_key":"k","_properties":{}}',
  );
});

test('a nested key of the same name is no conflict', () => {
  assert.equal(
    splice('{"a":{"_key":1}}', ['1', 'k', '{}']),
    '{"a":{"_key":1},"_offset":1,"_key":"k","_properties":{}}',
  );
});

test('values larger than a slab are written whole', () => {
  const large = 'é'.repeat(200_000);
  assert.equal(JSON.parse(splice('{"a":1}', ['1', large, '{}']))._key, large);
});

test('naughty strings survive as values, keys and column values', () => {
  const strings = createRequire(import.meta.url)('big-list-of-naughty-strings') as string[];
  for (const text of strings) {
    const record = JSON.parse(splice(JSON.stringify({ [`k${text}`]: text }), ['1', text, '{}']));
    assert.deepEqual(record, { [`k${text}`]: text, _offset: 1, _key: text, _properties: {} });
  }
});
