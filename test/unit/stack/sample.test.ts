import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonArrayElements } from '../../../local/stack/json-array.js';
import { cutLines } from '../../../local/stack/load-samples.js';
import { countCsvRecords, HTTP_SAMPLES, readSampleFile } from '../../../local/stack/sample-files.js';

function split(text: string): string[] {
  return [...jsonArrayElements(Buffer.from(text))].map((element) => element.toString());
}

test('elements keep the bytes they are written with', () => {
  assert.deepEqual(split('[]'), []);
  assert.deepEqual(split(' [ 1.0 ,\n {"a": [1, "]},\\""]} , "x,y" ] '), [
    '1.0',
    '{"a": [1, "]},\\""]}',
    '"x,y"',
  ]);
});

test('splitting any array gives the elements that parsing gives', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.nat(3), (values, indent) => {
      const elements = split(JSON.stringify(values, undefined, indent));
      assert.equal(elements.length, values.length);
      assert.deepEqual(
        elements.map((element) => JSON.parse(element) as unknown),
        JSON.parse(JSON.stringify(values)),
      );
    }),
  );
});

test('text that is no array or ends too early is refused', () => {
  for (const text of ['', '{}', '[1', '["a', '[{"a":1}']) assert.throws(() => split(text));
});

test('a line feed within quotes ends no CSV record', () => {
  assert.equal(countCsvRecords(Buffer.from('a,b\n1,"x\ny"\n2,z')), 3);
  assert.equal(countCsvRecords(Buffer.from('a\n')), 1);
  assert.equal(countCsvRecords(Buffer.from('')), 0);
});

test('the sample files have the rows they are known for', async () => {
  const rows: Record<string, number> = {};
  for (const sample of HTTP_SAMPLES) rows[sample.table] = sample.countRows(await readSampleFile(sample.file));
  assert.deepEqual(rows, { ZipCodes: 42_049, Movies: 3_201, Flights3M: 3_000_000 });
  const flights = await readSampleFile('flights-200k.json');
  assert.equal([...jsonArrayElements(flights)].length, 200_000);
});

test('text is cut into as many pieces as asked for, at line borders, without a loss', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z]{0,9}$/)),
      fc.integer({ min: 1, max: 7 }),
      (lines, count) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const pieces = cutLines(bytes, count);
        assert.equal(pieces.length, count);
        assert.deepEqual(Buffer.concat(pieces), bytes);
        assert.ok(pieces.every((piece) => piece.length === 0 || piece.at(-1) === 0x0a));
      },
    ),
  );
});
