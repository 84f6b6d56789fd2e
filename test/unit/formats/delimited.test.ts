import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { appendedField, dialectOf } from '../../../src/formats/delimited.js';
import { readDelimitedBody } from '../../../src/formats/delimited-body.js';

const csv = dialectOf('csv');
const read = (body: string, format: Parameters<typeof dialectOf>[0] = 'csv', header = false) =>
  readDelimitedBody(Buffer.from(body), dialectOf(format), header).rows.map(({ bytes, fields, error }) =>
    error === undefined ? [bytes.toString(), fields] : error.code,
  );

test('every file of csv-spectrum is cut into the rows and fields it has', () => {
  const root = join(dirname(createRequire(import.meta.url).resolve('csv-spectrum')));
  const names = readdirSync(join(root, 'csvs')).map((name) => name.replace(/\.csv$/, ''));
  assert.ok(names.length >= 11);
  for (const name of names) {
    const objects = [
      JSON.parse(readFileSync(join(root, 'json', `${name}.json`), 'utf8')) as object | object[],
    ].flat();
    const body = readFileSync(join(root, 'csvs', `${name}.csv`));
    const { rows } = readDelimitedBody(body, csv, true);
    assert.equal(rows.length, objects.length, name);
    for (const [at, row] of rows.entries()) {
      assert.equal(row.fields, Object.keys(objects[at] as object).length, `${name} row ${at}`);
      assert.equal(row.error, undefined);
    }
  }
});

test('rows end with LF, CRLF or a lone CR, and blank lines hold none', () => {
  assert.deepEqual(read('a,b\r\nc,d\re,f\n\n\ng,h'), [
    ['a,b', 2],
    ['c,d', 2],
    ['e,f', 2],
    ['g,h', 2],
  ]);
});

test('quotes hide delimiters and line ends, doubled quotes do not end them', () => {
  assert.deepEqual(read('"a,\n""b"",",c\n"",x"y,z'), [
    ['"a,\n""b"",",c', 2],
    ['"",x"y,z', 3],
  ]);
});

test('a quote never closed refuses the rest, the rows before stay', () => {
  assert.deepEqual(read('a,b\nc,"d\ne,f'), [['a,b', 2], 'RECORD_UNBALANCED_QUOTE']);
});

test('each format has its own delimiter', () => {
  assert.deepEqual(read('a\tb,c', 'tsv'), [['a\tb,c', 2]]);
  assert.deepEqual(read('a|b|c', 'psv'), [['a|b|c', 3]]);
  assert.deepEqual(read('a;b', 'scsv'), [['a;b', 2]]);
  assert.deepEqual(read('a\u0001b', 'sohsv'), [['a\u0001b', 2]]);
  assert.deepEqual(read('a,"b\n\nc', 'txt'), [
    ['a,"b', 1],
    ['', 1],
    ['c', 1],
  ]);
});

test('in tsve a backslash takes the meaning from tabs and line ends', () => {
  assert.deepEqual(read('a\\\tb\tc\\\nd\ne"f', 'tsve'), [
    ['a\\\tb\tc\\\nd', 2],
    ['e"f', 1],
  ]);
});

test('the header is taken away, and a body of a header alone is empty', () => {
  assert.deepEqual(read('h,i\n1,2\n', 'csv', true), [['1,2', 2]]);
  assert.throws(() => read('h,i\n', 'csv', true), { code: 'RECORD_EMPTY' });
  assert.throws(() => read('\n\n'), { code: 'RECORD_EMPTY' });
});

test('appended fields are quoted or escaped where they must be', () => {
  assert.equal(appendedField('plain', csv), ',plain');
  assert.equal(appendedField('a,"b"\n', csv), ',"a,""b""\n"');
  assert.equal(appendedField('', csv), ',');
  assert.equal(appendedField('a,b', dialectOf('psv')), '|a,b');
  assert.equal(appendedField('a\tb\\\n', dialectOf('tsve')), '\ta\\tb\\\\\\n');
});

test('naughty strings survive as appended fields', () => {
  const strings = createRequire(import.meta.url)('big-list-of-naughty-strings') as string[];
  assert.ok(strings.length > 400);
  for (const text of strings) {
    const row = `x${appendedField(text, csv)}`;
    const rows = readDelimitedBody(Buffer.from(row), csv, false).rows;
    assert.equal(rows.length, 1, JSON.stringify(text));
    assert.equal(rows[0]?.fields, 2, JSON.stringify(text));
  }
});
