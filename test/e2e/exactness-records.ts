import type { SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { avroBytes, avroFile, avroLong, avroOptional, twosComplement } from '../helpers/avro-file.js';

/** One record by meaning; the texts are what a raw answer must hold. */
export interface ExactRecord {
  readonly name: string;
  readonly l: bigint | null;
  /** Fifteen digits after the point. */
  readonly d: string | null;
  readonly t: string | null;
  readonly s: string | null;
  /** JSON text. */
  readonly v: string | null;
  /** The value of `v` in Avro's own types, as a value of the union below; without it, only text can spell it. */
  readonly avro?: Buffer;
}

const deepLevels = 200;
const deepArray = `${'['.repeat(deepLevels)}"⛏"${']'.repeat(deepLevels)}`;
const deepObject = `${'{"d":'.repeat(deepLevels)}9007199254740993${'}'.repeat(deepLevels)}`;

/** Types of `v`: text would stay text in a dynamic column, so each value is given its own. */
const treeTypes = [
  'null',
  'string',
  Array.from({ length: deepLevels }).reduce((items) => ({ type: 'array', items }), 'string'),
  { type: 'record', name: 'Deep', fields: [{ name: 'd', type: ['long', 'Deep'] }] },
  { type: 'map', values: 'string' },
  {
    type: 'record',
    name: 'Empties',
    fields: [
      { name: 'empty', type: 'string' },
      { name: 'none', type: 'null' },
      {
        name: 'list',
        type: {
          type: 'array',
          items: ['string', 'null', 'long', 'boolean', { type: 'record', name: 'Nothing', fields: [] }],
        },
      },
      { name: 'long', type: 'long' },
      { name: 'd', type: 'double' },
    ],
  },
];

const branch = (index: number, ...content: readonly Buffer[]): Buffer =>
  Buffer.concat([avroLong(index), ...content]);

/** One block of items and the end of the list. */
const list = (...items: readonly Buffer[]): Buffer =>
  Buffer.concat([avroLong(items.length), ...items, avroLong(0)]);

const deepList = Array.from({ length: deepLevels }).reduce<Buffer>((inner) => list(inner), avroBytes('⛏'));

const deepRecord = Buffer.concat([
  ...Array.from({ length: deepLevels - 1 }, () => avroLong(1)),
  branch(0, avroLong(9007199254740993n)),
]);

const empties = Buffer.concat([
  avroBytes(''),
  list(branch(0, avroBytes('')), branch(1), branch(2, avroLong(0)), branch(3, Buffer.of(0)), branch(4)),
  avroLong(9223372036854775807n),
  Buffer.from(Float64Array.of(0.1).buffer),
]);

export const records: readonly ExactRecord[] = [
  {
    name: 'deep',
    l: -9007199254740993n,
    d: '-123456789012345.678901234567891',
    t: '2024-02-29T00:00:00.0000001Z',
    s: 'tab\tbackslash\\ "" \'\' , ; | \u0001\u001f\u007f',
    v: deepArray,
    avro: branch(2, deepList),
  },
  {
    name: 'greatest',
    l: 9223372036854775807n,
    d: '999999999999999.999999999999999',
    t: '9999-12-31T23:59:59.9999999Z',
    s: 'line one\nline "two"\r\n,three\n\n',
    v: deepObject,
    avro: branch(3, deepRecord),
  },
  {
    name: 'least',
    l: -9223372036854775808n,
    d: '-0.000000000000001',
    t: '0001-01-01T00:00:00.0000000Z',
    s: '"',
    v: '{"empty":"","none":null,"list":["",null,0,false,{}],"long":9223372036854775807,"d":0.1}',
    avro: branch(5, empties),
  },
  { name: 'nothing', l: null, d: null, t: null, s: null, v: null, avro: branch(0) },
  {
    name: 'odd',
    l: 9007199254740993n,
    d: '123456789012345.678901234567891',
    t: '2026-02-28T12:34:56.1234567Z',
    s: 'Grüße, 世界 — 🜚👩‍👩‍👧 é ل\u200f\u202e\u2028 \ufeff',
    v: '{"schlüssel 鍵":"wért\\n\\"\\u0000"}',
    avro: branch(4, list(Buffer.concat([avroBytes('schlüssel 鍵'), avroBytes('wért\n"\u0000')]))),
  },
  {
    name: 'spelled',
    l: 1n,
    d: '1.000000000000001',
    t: '2026-11-30T23:59:59.0000000Z',
    s: 'digits beyond a double',
    v: '{"d":0.1234567890123456789,"e":1E400,"l":123456789012345678901234567890}',
  },
  {
    name: 'zero',
    l: 0n,
    d: '0.000000000000000',
    t: '1970-01-01T00:00:00.0000000Z',
    s: '',
    v: '""',
    avro: branch(1, avroBytes('')),
  },
];

/** Those that Avro's own types can hold. */
export const avroRecords: readonly ExactRecord[] = records.filter(({ avro }) => avro !== undefined);

const quoted = (text: string | null): string => (text === null ? 'null' : JSON.stringify(text));

/** The row as it must stand in the raw text of an answer. A string column knows no null. */
export function rowText(path: string, record: ExactRecord): string {
  const { name, l, d, t, s, v } = record;
  return `[${quoted(`${path}/${name}`)},${l},${quoted(d)},${quoted(t)},${JSON.stringify(s ?? '')},${v}]`;
}

/** @param decimals as JSON numbers, or as strings */
export function jsonLine(path: string, record: ExactRecord, decimals: 'number' | 'string'): string {
  const { name, l, d, t, s, v } = record;
  const decimal = decimals === 'number' ? d : quoted(d);
  return `{"id":${quoted(`${path}/${name}`)},"l":${l},"d":${decimal},"t":${quoted(t)},"s":${quoted(s)},"v":${v}}`;
}

const csvField = (text: string | null): string => (text === null ? '' : `"${text.replaceAll('"', '""')}"`);

export function csvRow(path: string, record: ExactRecord): string {
  const { name, l, d, t, s, v } = record;
  const fields = [`${path}/${name}`, l?.toString() ?? null, d, t, s, v];
  return fields.map(csvField).join(',');
}

const unscaled = (decimal: string): bigint => BigInt(decimal.replace('.', ''));

const optional = (type: unknown): unknown => ['null', type];

const avroSchema = {
  type: 'record',
  name: 'Exact',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'l', type: optional('long') },
    { name: 'd', type: optional({ type: 'bytes', logicalType: 'decimal', precision: 30, scale: 15 }) },
    // Timestamps of Avro end at microseconds, which loses the seventh digit; text does not.
    { name: 't', type: optional('string') },
    { name: 's', type: optional('string') },
    { name: 'v', type: treeTypes },
  ],
};

const given = <In>(value: In | null, encode: (value: In) => Buffer): Buffer =>
  avroOptional(value === null ? undefined : encode(value));

export function avroContainer(path: string, some: readonly ExactRecord[]): Buffer {
  const encoded = some.map(({ name, l, d, t, s, avro }) =>
    Buffer.concat([
      avroBytes(`${path}/${name}`),
      given(l, avroLong),
      given(d, (text) => avroBytes(twosComplement(unscaled(text)))),
      given(t, avroBytes),
      given(s, avroBytes),
      avro ?? avroLong(0),
    ]),
  );
  return avroFile({ schema: avroSchema, records: encoded });
}

/** Bytes of a decimal of 30 digits. */
const decimalBytes = 13;
const optionalText = { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' } as const;

const parquetSchema: SchemaElement[] = [
  { name: 'root', num_children: 6 },
  { ...optionalText, name: 'id' },
  { name: 'l', type: 'INT64', repetition_type: 'OPTIONAL' },
  {
    name: 'd',
    type: 'FIXED_LEN_BYTE_ARRAY',
    type_length: decimalBytes,
    converted_type: 'DECIMAL',
    precision: 30,
    scale: 15,
    repetition_type: 'OPTIONAL',
  },
  // Nanoseconds of Parquet hold seven digits but no year 9999; text holds both.
  { ...optionalText, name: 't' },
  { ...optionalText, name: 's' },
  { name: 'v', type: 'BYTE_ARRAY', logical_type: { type: 'JSON' }, repetition_type: 'OPTIONAL' },
];

export function parquetFile(path: string, some: readonly ExactRecord[]): Buffer {
  const column = (name: string, pick: (record: ExactRecord) => unknown) => ({
    name,
    data: some.map(pick),
  });
  const bytes = parquetWriteBuffer({
    schema: parquetSchema,
    columnData: [
      column('id', ({ name }) => `${path}/${name}`),
      column('l', ({ l }) => l),
      column('d', ({ d }) => (d === null ? null : unscaled(d))),
      column('t', ({ t }) => t),
      column('s', ({ s }) => s),
      column('v', ({ v }) => (v === null ? null : Buffer.from(v))),
    ],
  });
  return Buffer.from(bytes);
}
