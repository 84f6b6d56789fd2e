import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { avroSamples } from './avro-cases.js';
import { gzipBomb, mib, slowBomb, utf16, zips } from './bytes.js';
import type { HttpCase } from './case.js';
import { naughtyLines } from './suites.js';

const bom = Buffer.from([0xef, 0xbb, 0xbf]);
const gzipped = { 'content-encoding': 'gzip' };

interface Extra {
  readonly headers?: Readonly<Record<string, string>>;
  readonly values?: readonly string[];
  readonly cutOff?: boolean;
  readonly upload?: HttpCase['upload'];
}

/** A body that is small enough to be held. */
function held(name: string, format: string, body: Buffer | string, extra: Extra = {}): HttpCase {
  return { id: idOf(name), format, body: () => [Buffer.from(body)], ...extra };
}

const idOf = (name: string): string => `http/${name}`;
const json = (name: string, value: string): string => JSON.stringify({ case: idOf(name), value });

/** `head`, then filler up to a size, written piece by piece. */
function long(name: string, format: string, head: string, totalBytes: number): HttpCase {
  const piece = Buffer.alloc(mib, 'x');
  return {
    id: idOf(name),
    format,
    body: function* () {
      yield Buffer.from(head);
      for (let at = 0; at < totalBytes; at += piece.length) {
        yield piece;
      }
    },
  };
}

function encodings(): HttpCase[] {
  const one = (name: string): string => json(name, 'as sent');
  return [
    held('json-bom', 'json', Buffer.concat([bom, Buffer.from(one('json-bom'))]), { values: ['as sent'] }),
    held('csv-bom', 'csv', Buffer.concat([bom, Buffer.from('http/csv-bom,as sent')]), {
      values: ['as sent'],
    }),
    held('json-utf16le', 'json', utf16(one('json-utf16le'), 'le', true)),
    held('csv-utf16be', 'csv', utf16('http/csv-utf16be,v', 'be', true)),
    held('csv-nul', 'csv', 'http/csv-nul,a\u0000b', { values: ['a\u0000b'] }),
    held('csv-lone-cr', 'csv', 'http/csv-lone-cr,1\rhttp/csv-lone-cr,2\r', { values: ['1', '2'] }),
    held('json-depth-100000', 'json', `{"value":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    held('json-proto', 'json', `{"case":"http/json-proto","value":{"__proto__":{"a":1}},"__proto__":1}`, {
      values: ['{"__proto__":{"a":1}}'],
    }),
    held('empty', 'json', ''),
    held('white-space', 'csv', '\r\n\r\n'),
    held('txt-naughty-strings', 'txt', naughtyLines().join('\n')),
  ];
}

/** Rows whose quoted fields hold line ends and quotes, so that every kind of byte meets the edge of a chunk. */
function edgeRows(name: string, count: number): { readonly text: string; readonly values: string[] } {
  const values = Array.from({ length: count }, (_, at) => `${at}\r\n"${'z'.repeat(at % 97)}\n",,\r`);
  const row = (value: string): string => `${idOf(name)},"${value.replaceAll('"', '""')}"\r\n`;
  return { text: values.map(row).join(''), values };
}

function* inPieces(body: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < body.length; at += size) {
    yield body.subarray(at, at + size);
  }
}

function shapes(): HttpCase[] {
  const whole = edgeRows('csv-edges', 3000);
  const tiny = edgeRows('csv-edges-of-7-bytes', 400);
  const cell = `,${'x'.repeat(3)}`;
  return [
    held('csv-edges', 'csv', whole.text, { values: whole.values }),
    {
      ...held('csv-edges-of-7-bytes', 'csv', '', { values: tiny.values }),
      body: () => inPieces(Buffer.from(tiny.text), 7),
    },
    held('csv-columns-100000', 'csv', `http/csv-columns-100000,v${cell.repeat(99_998)}\n`, { values: ['v'] }),
    held(
      'json-columns-100000',
      'json',
      `{"case":"http/json-columns-100000","value":"v"${Array.from({ length: 100_000 }, (_, at) => `,"k${at}":${at}`).join('')}}`,
      { values: ['v'] },
    ),
    held('csv-drift', 'csv', 'http/csv-drift,1\nhttp/csv-drift,2,x\nhttp/csv-drift,3\n', {
      values: ['1', '3'],
    }),
    held(
      'json-drift',
      'json',
      `${json('json-drift', '1')}\n{"case":"http/json-drift","value":{"now":["an object"]},"more":1}\n{"case":"http/json-drift"}\n`,
      { values: ['1', '{"now":["an object"]}', ''] },
    ),
    held(
      'json-one-bad-line',
      'json',
      `${json('json-one-bad-line', '1')}\n{"a":\n${json('json-one-bad-line', '2')}`,
      {
        values: ['1', '2'],
      },
    ),
    held('json-2000-bad-lines', 'json', `${json('json-2000-bad-lines', '1')}\n${'{"a":\n'.repeat(2000)}`),
    held('json-array-open', 'json', `[${json('json-array-open', '1')},`),
    held('csv-quote-open', 'csv', 'http/csv-quote-open,1\nhttp/csv-quote-open,"2\n'),
    held('csv-cut-off', 'csv', 'http/csv-cut-off,1\n'.repeat(5000), { cutOff: true }),
  ];
}

function large(): HttpCase[] {
  const member = `,"k":"${'y'.repeat(600 * 1024)}"`;
  return [
    {
      id: idOf('json-record-of-60-mib'),
      format: 'json',
      values: ['v'],
      body: function* () {
        yield Buffer.from('{"case":"http/json-record-of-60-mib","value":"v"');
        for (let at = 0; at < 100; at++) {
          yield Buffer.from(member.replace('k', `k${at}`));
        }
        yield Buffer.from('}');
      },
    },
    long('json-line-of-1-gib', 'json', '{"case":"http/json-line-of-1-gib","value":"', 1024 * mib),
    long('csv-line-of-1-gib', 'csv', 'http/csv-line-of-1-gib,', 1024 * mib),
    long('txt-line-of-1-gib', 'txt', '', 1024 * mib),
    long('csv-field-of-60-mib', 'csv', 'http/csv-field-of-60-mib,', 60 * mib),
    long('csv-field-of-3-mib', 'csv', 'http/csv-field-of-3-mib,', 3 * mib),
    {
      id: idOf('json-line-of-adjacent-objects'),
      format: 'json',
      body: function* () {
        yield Buffer.from(`${json('json-line-of-adjacent-objects', '1')}\n`);
        yield* Array.from({ length: 40 }, () => Buffer.from('{}'.repeat(mib / 2)));
      },
    },
  ];
}

function compressed(): HttpCase[] {
  const row = gzipSync('http/csv-gzip-members,1\n');
  const body = gzipSync(json('json-gzip', 'as sent'));
  const headers = gzipped;
  return [
    held('json-gzip', 'json', body, { headers, values: ['as sent'] }),
    held('csv-gzip-members', 'csv', Buffer.concat([row, row]), { headers, values: ['1', '1'] }),
    held('csv-gzip-undeclared', 'csv', gzipSync('http/csv-gzip-undeclared,1\n'), { values: ['1'] }),
    held('json-gzip-trailing-bytes', 'json', Buffer.concat([body, Buffer.from('more')]), { headers }),
    held('json-gzip-truncated', 'json', body.subarray(0, -5), { headers }),
    held('json-gzip-not', 'json', json('json-gzip-not', '1'), { headers }),
    held('json-gzip-in-gzip', 'json', gzipSync(body), { headers }),
    held('json-gzip-of-nothing', 'json', gzipSync(''), { headers }),
    held('csv-gzip-bomb', 'csv', gzipBomb('a'), { headers }),
    held('csv-gzip-bomb-of-rows', 'csv', gzipBomb('\n'), { headers }),
    held('json-gzip-bomb-under-ratio', 'json', slowBomb(1024 * mib), { headers }),
    held('csv-gzip-bomb-under-ratio', 'csv', slowBomb(1024 * mib), { headers }),
    ...Object.entries(zips).flatMap(([name, bytes]) => [
      held(`json-zip-${name}`, 'json', bytes),
      held(`csv-zip-${name}`, 'csv', bytes),
    ]),
  ];
}

function parquet(name: string): Buffer {
  const columnData = [
    { name: 'case', data: [idOf(name)] },
    { name: 'value', data: ['as sent'] },
  ];
  return Buffer.from(parquetWriteBuffer({ columnData }));
}

function binary(): HttpCase[] {
  const spoilt = parquet('parquet-spoilt');
  spoilt.fill(0xff, 4, spoilt.length - 12);
  const avro = avroSamples
    .filter(({ name }) => name !== 'empty')
    .map(({ name, value, file }): HttpCase => {
      const extra = value === undefined ? {} : { values: [value] };
      return held(`avro-${name}`, 'avro', file(idOf(`avro-${name}`)), extra);
    });
  return [
    ...avro,
    held('parquet', 'parquet', parquet('parquet'), { values: ['as sent'] }),
    held('parquet-bad-magic', 'parquet', Buffer.concat([Buffer.from('PARX'), parquet('x').subarray(4)])),
    held('parquet-truncated', 'parquet', parquet('parquet-truncated').subarray(0, -9)),
    held('parquet-tiny', 'parquet', 'PAR1'),
    held('parquet-spoilt', 'parquet', spoilt),
  ];
}

function uploads(): HttpCase[] {
  return [
    held('upload', 'json', json('upload', 'as sent'), { upload: 'given', values: ['as sent'] }),
    held('upload-empty', 'json', '', { upload: 'given' }),
    held('upload-missing', 'json', '', { upload: 'missing' }),
    held('upload-gzip-truncated', 'json', gzipSync(json('upload', '1')).subarray(0, -4), { upload: 'given' }),
  ];
}

export function httpCases(): HttpCase[] {
  return [...encodings(), ...shapes(), ...large(), ...compressed(), ...binary(), ...uploads()];
}
