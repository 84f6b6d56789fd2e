import { gzipSync } from 'node:zlib';
import { gzipBomb, mib, slowBomb, utf16, zips } from './bytes.js';
import type { EventCase } from './case.js';

const bom = Buffer.from([0xef, 0xbb, 0xbf]);

const json = (name: string, body: Buffer | string, value?: string): EventCase => ({
  id: `own-json/${name}`,
  hub: 'json',
  body: Buffer.from(body),
  ...(value === undefined ? {} : { rows: [[value]] }),
});

const csv = (name: string, body: Buffer | string, rows?: readonly (readonly string[])[]): EventCase => ({
  id: `own-csv/${name}`,
  hub: 'csv',
  body: Buffer.from(body),
  ownColumns: rows?.[0]?.length ?? 2,
  ...(rows === undefined ? {} : { rows }),
});

const record = '{"value":"as sent"}';
/** Text that shrinks only a little. */
const counting = (length: number): string => {
  let text = '';
  for (let at = 0; text.length < length; at++) {
    text += `${Math.imul(at, 2654435761) >>> 0} `;
  }
  return text.slice(0, length);
};

/** Very many small records under both limits on inflation: 56 MiB of them, beside some that hardly shrink. */
function manyRecords(one: string, before: string, after: string): Buffer {
  const member = gzipSync(one.repeat(Math.floor((4 * mib) / one.length)), { level: 9 });
  const filler = gzipSync(`${one[0] === '{' ? `{"f":"${counting(60_000)}"},` : `${counting(60_000)}\n`}`);
  const members = Array.from({ length: 14 }, () => member);
  return Buffer.concat([gzipSync(before), filler, ...members, gzipSync(after)]);
}

const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

function jsonEncodings(): EventCase[] {
  return [
    json('bom', Buffer.concat([bom, Buffer.from(record)]), 'as sent'),
    json('bom-only', bom),
    json('two-boms', Buffer.concat([bom, bom, Buffer.from(record)])),
    json('utf16le-bom', utf16(record, 'le', true)),
    json('utf16be-bom', utf16(record, 'be', true)),
    json('utf16le', utf16(record, 'le', false)),
    json('utf16be', utf16(record, 'be', false)),
    json('nul-between-tokens', '{"value":\u00001}'),
    json('nul-in-string', '{"value":"a\u0000b"}'),
    json('nul-escaped', '{"value":"a\\u0000b"}', 'a\u0000b'),
    json('nul-only', Buffer.alloc(64)),
    json('latin1', Buffer.from('{"value":"é"}', 'latin1')),
    json('overlong', Buffer.from([...Buffer.from('{"value":"'), 0xc0, 0xaf, ...Buffer.from('"}')])),
    json('surrogate-in-utf8', Buffer.from([...Buffer.from('{"value":"'), 0xed, 0xa0, 0x80, 0x22, 0x7d])),
    json('cut-in-character', Buffer.from(record.replace('sent', '€')).subarray(0, -4)),
    json('lone-cr', '{\r"value"\r:\r"a"\r}\r', 'a'),
    json('cr-in-string', '{"value":"a\rb"}'),
    json('line-separators', '{"value":"a\u2028b\u2029c\u0085"}', 'a\u2028b\u2029c\u0085'),
    json('empty', ''),
    json('white-space', ' \r\n\t '),
  ];
}

function jsonShapes(): EventCase[] {
  const proto = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"value":"v"}';
  const keys = Array.from({ length: 100_000 }, (_, at) => `"k${at}":${at % 10}`).join(',');
  return [
    { ...json('proto', proto), rows: [['v', proto.slice(0, -1)]] },
    json('proto-value', '{"value":{"__proto__":{"__proto__":[]}}}', '{"__proto__":{"__proto__":[]}}'),
    json('duplicate-keys-differ', '{"value":"first","\\u0076alue2":1}', 'first'),
    json('columns-100000', `{"value":"wide",${keys}}`.slice(0, 900_000).replace(/,[^,]*$/, '}'), 'wide'),
    json('depth-512', `{"value":${nested(511)}}`, nested(511)),
    json('depth-513', `{"value":${nested(512)}}`),
    json('depth-100000', `{"value":${nested(100_000)}}`),
    json('depth-100000-objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
    json('depth-100000-open', '['.repeat(100_000)),
    json('nan', '{"value":NaN}'),
    json('infinity', '{"value":-Infinity}'),
    json('nan-text', '{"value":"NaN"}', 'NaN'),
    json('number-1e400', '{"value":1e400}', '1e400'),
    json('number-of-100000-digits', `{"value":${'9'.repeat(100_000)}}`, '9'.repeat(100_000)),
    json('date-least', '{"value":"0001-01-01T00:00:00Z"}', '0001-01-01T00:00:00Z'),
    json('date-beyond', '{"value":"10000-01-01T00:00:00Z"}', '10000-01-01T00:00:00Z'),
    json('two-records', '{"value":1}\n{"value":2}'),
    json('array-with-bad-elements', '[{"value":"good"},1,null,{"value":"good"}]'),
    json('value-of-1-mib', JSON.stringify({ value: 'x'.repeat(mib - 40_000) }), 'x'.repeat(mib - 40_000)),
  ];
}

function jsonCompressed(): EventCase[] {
  const [first, second] = ['{"value":"as', ' sent"}'].map((part) => gzipSync(part)) as [Buffer, Buffer];
  const whole = gzipSync(record);
  return [
    json('gzip', whole, 'as sent'),
    json('gzip-members', Buffer.concat([first, second]), 'as sent'),
    json('gzip-trailing-bytes', Buffer.concat([whole, Buffer.from('more')])),
    json('gzip-trailing-zeros', Buffer.concat([whole, Buffer.alloc(512)])),
    json('gzip-truncated', whole.subarray(0, -6)),
    json('gzip-header-only', whole.subarray(0, 10)),
    json('gzip-bad-checksum', Buffer.concat([whole.subarray(0, -8), Buffer.alloc(8, 7)])),
    json('gzip-in-gzip', gzipSync(whole)),
    json('gzip-of-nothing', gzipSync('')),
    json('gzip-bomb', gzipBomb('a').subarray(0, 900_000)),
    json('gzip-bomb-under-ratio', slowBomb(80 * mib).subarray(0, 1_000_000)),
    json('gzip-value-over-1-mib', gzipSync(JSON.stringify({ value: counting(2 * mib) }))),
    json('gzip-of-many-records', manyRecords('{},', '[', '{}]')),
    json('gzip-of-100000-records', gzipSync(`[${'{"value":"v"},'.repeat(99_999)}{"value":"v"}]`)),
    ...Object.entries(zips).map(([name, bytes]) => json(`zip-${name}`, bytes)),
  ];
}

function csvOwn(): EventCase[] {
  const wide = Array.from({ length: 100_000 }, (_, at) => String(at % 10)).join(',');
  return [
    csv('bom', Buffer.concat([bom, Buffer.from('a,b')]), [['a', 'b']]),
    csv('bom-quoted', Buffer.concat([bom, Buffer.from('"a","b"')]), [['a', 'b']]),
    csv('utf16le-bom', utf16('a,b', 'le', true)),
    csv('utf16be-bom', utf16('a,b', 'be', true)),
    csv('nul', 'a\u0000,b', [['a\u0000', 'b']]),
    csv('lone-cr', 'a,b\rc,d', [
      ['a', 'b'],
      ['c', 'd'],
    ]),
    csv('lone-cr-quoted', '"a\rb",c', [['a\rb', 'c']]),
    csv('mixed-line-ends', 'a,b\r\nc,d\ne,f\r', [
      ['a', 'b'],
      ['c', 'd'],
      ['e', 'f'],
    ]),
    csv('columns-100000', wide, [['0', '1']]),
    csv('quote-open', 'a,"b'),
    csv('quote-open-at-end', 'a,"'),
    csv('text-after-quote', '"a"b,c'),
    csv('quotes-only', '"",""""', [['', '"']]),
    csv('drift', 'a,b\nc,d,e\nf,g'),
    csv('empty', ''),
    csv('line-ends-only', '\r\n\n\r\n'),
    csv('formula', '=cmd|calc,@SUM(1)', [['=cmd|calc', '@SUM(1)']]),
    csv('nan', 'NaN,-inf', [['NaN', '-inf']]),
    csv('not-utf8', Buffer.from([0x61, 0x2c, 0xff])),
    csv('field-over-1-mib', gzipSync(`a,${counting(2 * mib)}`)),
    csv('gzip-of-many-rows', manyRecords('a\n', '', '')),
    csv('gzip-of-blank-lines', manyRecords('\n', '', '')),
    csv('gzip-bomb', gzipBomb('a').subarray(0, 900_000)),
    ...Object.entries(zips).map(([name, bytes]) => csv(`zip-${name}`, bytes)),
  ];
}

export function ownEventCases(): EventCase[] {
  return [...jsonEncodings(), ...jsonShapes(), ...jsonCompressed(), ...csvOwn()];
}
