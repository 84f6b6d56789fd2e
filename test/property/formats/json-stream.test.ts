import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonStreamCutter } from '../../../src/formats/json-stream.js';

const objects = fc.array(
  fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 3 }), { minKeys: 1, maxKeys: 4 }),
  { minLength: 1, maxLength: 6 },
);
const layouts: Readonly<Record<string, (all: readonly object[]) => string>> = {
  lines: (all) => all.map((one) => JSON.stringify(one)).join('\n'),
  concatenated: (all) => all.map((one) => JSON.stringify(one)).join(''),
  pretty: (all) => all.map((one) => JSON.stringify(one, undefined, 2)).join('\n'),
  array: (all) => JSON.stringify(all),
  prettyArray: (all) => JSON.stringify(all, undefined, 2),
};

function cut(bytes: Buffer, sizes: readonly number[]): string[] {
  const cutter = new JsonStreamCutter(1e6);
  const found: string[] = [];
  const take = (pieces: ReturnType<JsonStreamCutter['push']>): void => {
    for (const { bytes: piece, error } of pieces) {
      found.push(error === undefined ? piece.toString() : error.code);
    }
  };
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] as number;
    take(cutter.push(bytes.subarray(at, at + size)));
    at += size;
  }
  take(cutter.end());
  return found;
}

test('every layout of the same objects, in any chunks, gives the same records on one line each', () => {
  fc.assert(
    fc.property(
      objects,
      fc.constantFrom(...Object.keys(layouts)),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (all, layout, sizes) => {
        const text = (layouts[layout] as (all: readonly object[]) => string)(all);
        const records = cut(Buffer.from(text), sizes);
        assert.equal(records.length, all.length, text);
        for (const [at, record] of records.entries()) {
          assert.doesNotMatch(record, /[\r\n]/);
          assert.deepEqual(JSON.parse(record), JSON.parse(JSON.stringify(all[at])));
        }
      },
    ),
    { numRuns: 1500 },
  );
});
