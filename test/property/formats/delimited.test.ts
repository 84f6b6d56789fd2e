import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dialectOf } from '../../../src/formats/delimited.js';
import { readDelimitedBody } from '../../../src/formats/delimited-body.js';
import { DelimitedStreamCutter } from '../../../src/formats/delimited-stream.js';

const field = fc.string({
  unit: fc.constantFrom('a', 'b', ',', '"', '\n', '\r', '\t', 'é', ' ', '|'),
  maxLength: 6,
});
const table = fc
  .integer({ min: 1, max: 4 })
  .chain((width) =>
    fc.array(fc.array(field, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }),
  );
const lineEnd = fc.constantFrom('\n', '\r\n', '\r');

const quoted = (text: string): string =>
  /[,"\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text;

test('rows and fields written by a plain writer are found again', () => {
  fc.assert(
    fc.property(table, lineEnd, fc.boolean(), (rows, end, last) => {
      const texts = rows.map((row) => row.map(quoted).join(','));
      const body = texts.join(end) + (last ? end : '');
      const found = readDelimitedBody(Buffer.from(body), dialectOf('csv'), false).rows;
      assert.deepEqual(
        found.map(({ bytes, fields, error }) => [bytes.toString(), fields, error]),
        texts.map((text, at) => [text, (rows[at] as string[]).length, undefined]),
      );
    }),
    { numRuns: 1000 },
  );
});

test('a stream in any chunks is cut as the whole body is', () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.constantFrom('a', ',', '"', '\n', '\r', 'é', '\\', '\t'),
        minLength: 1,
        maxLength: 60,
      }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      fc.constantFrom('csv', 'tsve', 'txt'),
      (text, sizes, format) => {
        const dialect = dialectOf(format as 'csv');
        const bytes = Buffer.from(text);
        let whole: [string, number][] = [];
        try {
          const { rows } = readDelimitedBody(bytes, dialect, false);
          if (rows.some(({ error }) => error !== undefined)) {
            return;
          }
          whole = rows.map((row) => [row.bytes.toString(), row.fields]);
        } catch {
          // No record at all.
        }
        const cutter = new DelimitedStreamCutter({ dialect, header: false, maxRecordBytes: 1e6 });
        const found: [string, number][] = [];
        let at = 0;
        for (let turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] as number;
          for (const piece of cutter.push(bytes.subarray(at, at + size))) {
            found.push([piece.bytes.toString(), piece.fields ?? -1]);
          }
          at += size;
        }
        for (const piece of cutter.end()) {
          found.push([piece.bytes.toString(), piece.fields ?? -1]);
        }
        assert.deepEqual(found, whole);
      },
    ),
    { numRuns: 2000 },
  );
});
