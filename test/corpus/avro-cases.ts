import { deflateRawSync } from 'node:zlib';
import { avroBytes, avroFile, avroLong, avroOptional, twosComplement } from '../helpers/avro-file.js';
import type { EventCase } from './case.js';

const text = { name: 'case', type: 'string' };
const schemaOf = (value: unknown): unknown => ({
  type: 'record',
  name: 'Row',
  fields: [text, { name: 'value', type: value }],
});

interface AvroSample {
  readonly name: string;
  readonly value: string | undefined;
  /** The file for a case of this id. */
  readonly file: (id: string) => Buffer;
}

const plain = (name: string, type: unknown, value: Buffer, expected?: string): AvroSample => ({
  name,
  value: expected,
  file: (id) => avroFile({ schema: schemaOf(type), records: [Buffer.concat([avroBytes(id), value])] }),
});

const stringFile = (id: string): Buffer =>
  avroFile({ schema: schemaOf('string'), records: [Buffer.concat([avroBytes(id), avroBytes('v')])] });

const broken = (name: string, change: (file: Buffer) => Buffer): AvroSample => ({
  name,
  value: undefined,
  file: (id) => change(stringFile(id)),
});

const logical = (type: string, logicalType: string): unknown => ({ type, logicalType });
const map = (...entries: readonly Buffer[]): Buffer =>
  Buffer.concat([avroLong(entries.length), ...entries, avroLong(0)]);

const good: readonly AvroSample[] = [
  plain('string', 'string', avroBytes('ü "quoted"\n'), 'ü "quoted"\n'),
  plain('long-greatest', 'long', avroLong(9223372036854775807n), '9223372036854775807'),
  plain('union-null', ['null', 'string'], avroOptional(undefined), ''),
  plain('union-string', ['null', 'string'], avroOptional(avroBytes('u')), 'u'),
  plain(
    'union-of-many',
    ['null', 'long', 'boolean', { type: 'map', values: 'long' }],
    Buffer.concat([avroLong(3), map(Buffer.concat([avroBytes('__proto__'), avroLong(1)]))]),
    '{"__proto__":1}',
  ),
  plain('date', logical('int', 'date'), avroLong(20_785), '2026-11-28T00:00:00.0000000Z'),
  plain(
    'timestamp-millis',
    logical('long', 'timestamp-millis'),
    avroLong(1_800_000_000_123),
    '2027-01-15T08:00:00.1230000Z',
  ),
  plain(
    'timestamp-micros',
    logical('long', 'timestamp-micros'),
    avroLong(1_800_000_000_123_456n),
    '2027-01-15T08:00:00.1234560Z',
  ),
  plain(
    'decimal',
    { type: 'bytes', logicalType: 'decimal', precision: 30, scale: 3 },
    avroBytes(twosComplement(-123456789012345678901234567890n)),
    '-123456789012345678901234567.890',
  ),
  plain(
    'uuid',
    logical('string', 'uuid'),
    avroBytes('74be27de-1e4e-49d9-b579-fe0b331d3642'),
    '74be27de-1e4e-49d9-b579-fe0b331d3642',
  ),
  {
    name: 'deflate',
    value: 'v',
    file: (id) =>
      avroFile({
        schema: schemaOf('string'),
        records: [Buffer.concat([avroBytes(id), avroBytes('v')])],
        codec: 'deflate',
        compress: (block) => deflateRawSync(block),
      }),
  },
];

const bad: readonly AvroSample[] = [
  broken('bad-magic', (file) => Buffer.concat([Buffer.from('Obj\u0002'), file.subarray(4)])),
  broken('truncated-block', (file) => file.subarray(0, -20)),
  broken('truncated-marker', (file) => file.subarray(0, -3)),
  broken('truncated-header', (file) => file.subarray(0, 30)),
  broken('wrong-sync-marker', (file) => Buffer.concat([file.subarray(0, -16), Buffer.alloc(16, 1)])),
  broken('trailing-bytes', (file) => Buffer.concat([file, Buffer.from('more')])),
  broken('json-instead', () => Buffer.from('{"value":1}')),
  broken('empty', () => Buffer.alloc(0)),
  {
    name: 'schema-not-json',
    value: undefined,
    file: (id) => Buffer.from(stringFile(id).toString('latin1').replace('{"type"', '<"type"'), 'latin1'),
  },
  {
    name: 'unknown-codec',
    value: undefined,
    file: () => avroFile({ schema: schemaOf('string'), records: [Buffer.alloc(1)], codec: 'lzma' }),
  },
  {
    name: 'count-beyond-block',
    value: undefined,
    file: (id) =>
      avroFile({
        schema: schemaOf('string'),
        records: [Buffer.concat([avroBytes(id), avroBytes('v')])],
        declaredCount: 1_000_000_000_000n,
      }),
  },
  plain(
    'array-of-null-bomb',
    { type: 'array', items: 'null' },
    Buffer.concat([avroLong(1_000_000_000), avroLong(0)]),
  ),
  plain('string-beyond-block', 'string', avroLong(1_000_000_000)),
  plain('union-unknown-branch', ['null', 'string'], avroLong(7)),
  {
    name: 'endless-recursion',
    value: undefined,
    file: (id) =>
      avroFile({
        schema: schemaOf({ type: 'record', name: 'Loop', fields: [{ name: 'next', type: 'Loop' }] }),
        records: [avroBytes(id)],
      }),
  },
];

export const avroSamples: readonly AvroSample[] = [...good, ...bad];

export function avroCases(): EventCase[] {
  return avroSamples.map(({ name, value, file }) => {
    const id = `avro/${name}`;
    return { id, hub: 'avro', body: file(id), ...(value === undefined ? {} : { rows: [[value]] }) };
  });
}
