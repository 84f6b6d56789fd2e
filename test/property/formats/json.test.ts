import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createJsonReader } from '../../../src/formats/json-record.js';
import { planSplice, spliceColumns } from '../../../src/formats/json-splice.js';
import { JsonValidator } from '../../../src/formats/json-validate.js';
import { createSlab } from '../../../src/formats/slab.js';

const validator = new JsonValidator(1000);

function isValid(text: string): boolean {
  const bytes = Buffer.from(text);
  const end = validator.value(bytes, validator.space(bytes, 0));
  return end >= 0 && validator.space(bytes, end) === bytes.length;
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const jsonText = fc
  .tuple(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(0, 1, '\t', 3))
  .map(([value, space]) => JSON.stringify(value, undefined, space));

const mutated = fc
  .tuple(
    jsonText,
    fc.array(
      fc.tuple(
        fc.nat(200),
        fc.nat(3),
        fc.constantFrom(
          '{',
          '}',
          '[',
          ']',
          ',',
          ':',
          '"',
          '\\',
          '0',
          '-',
          '.',
          'e',
          'u',
          ' ',
          '\n',
          'true',
          '\u0001',
          '',
        ),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([text, edits]) =>
    edits.reduce((now, [at, cut, insert]) => {
      const place = now.length === 0 ? 0 : at % now.length;
      return now.slice(0, place) + insert + now.slice(place + cut);
    }, text),
  );

test('the validator accepts exactly what JSON.parse accepts', () => {
  fc.assert(
    fc.property(fc.oneof(jsonText, mutated, fc.string()), (text) => {
      assert.equal(isValid(text), parses(text), JSON.stringify(text));
    }),
    { numRuns: 5000 },
  );
});

const objects = fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 });
const reader = createJsonReader({ maxRecordBytes: 1e9 });

test('an array is cut into its elements with their own bytes', () => {
  fc.assert(
    fc.property(
      fc.array(objects, { minLength: 1 }),
      fc.constantFrom('', ' ', '\n', '\r\n\t'),
      (all, space) => {
        const texts = all.map((object) => JSON.stringify(object, undefined, 1));
        const got: string[] = [];
        reader.read(Buffer.from(`${space}[${space}${texts.join(`${space},${space}`)}${space}]${space}`), {
          object: ({ bytes }) => got.push(bytes.toString()),
          refused: (_bytes, error) => got.push(error.code),
        });
        assert.deepEqual(got, texts);
      },
    ),
    { numRuns: 500 },
  );
});

test('splicing keeps every member and adds the columns last, on one line', () => {
  const slab = createSlab();
  const plan = planSplice(
    [
      { name: 'meta "1"', kind: 'string' },
      { name: '__two', kind: 'integerOrString' },
    ],
    'overwrite',
  );
  fc.assert(
    fc.property(
      objects,
      fc.string({ unit: 'grapheme' }),
      fc.nat(),
      fc.constantFrom(0, 2),
      (object, text, number, space) => {
        reader.read(Buffer.from(JSON.stringify(object, undefined, space)), {
          object: (read) => {
            const line = spliceColumns(read, plan, [text, String(number)], slab).toString();
            assert.doesNotMatch(line, /[\r\n]/);
            const expected = JSON.stringify({ ...object, 'meta "1"': text, __two: number });
            assert.deepEqual(JSON.parse(line), JSON.parse(expected));
          },
          refused: () => assert.fail('refused'),
        });
      },
    ),
    { numRuns: 1000 },
  );
});
