import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parquetMetadata } from 'hyparquet';
import { countElements } from './json-array.js';

const LINE_FEED = 0x0a;
const QUOTE = 0x22;

/** Event hub the sample's flights go to, and its partitions. */
export const FLIGHTS_HUB = 'flights';
/** Partitions of {@link FLIGHTS_HUB}. */
export const FLIGHTS_PARTITIONS = 8;
/** Database of the sample's tables. */
export const SAMPLE_DATABASE = 'Samples';

/** A file that goes into a table as the body of one request. */
export interface HttpSample {
  readonly table: string;
  readonly file: string;
  /** Query part of the address. */
  readonly query: Readonly<Record<string, string>>;
  readonly countRows: (bytes: Buffer) => number;
}

/** Table the events of {@link FLIGHTS_HUB} go to, by the app's configuration. */
export const EVENT_SAMPLE = { table: 'Flights', file: 'flights-200k.json' } as const;

/** What is sent over HTTP. */
export const HTTP_SAMPLES: readonly HttpSample[] = [
  {
    table: 'ZipCodes',
    file: 'zipcodes.csv',
    query: { format: 'csv', ignoreFirstRecord: 'true' },
    countRows: (bytes) => countCsvRecords(bytes) - 1,
  },
  {
    table: 'Movies',
    file: 'movies.json',
    query: { format: 'json', mapping: 'MoviesMapping' },
    countRows: countElements,
  },
  {
    table: 'Flights3M',
    file: 'flights-3m.parquet',
    query: { format: 'parquet' },
    countRows: countParquetRows,
  },
];

/** Reads a file of the `vega-datasets` package. */
export function readSampleFile(name: string): Promise<Buffer> {
  const manifest = createRequire(import.meta.url).resolve('vega-datasets');
  return readFile(join(dirname(manifest), '..', 'data', name));
}

/** Records of a CSV text, the header included; a line feed within quotes ends no record. */
export function countCsvRecords(bytes: Buffer): number {
  let records = 0;
  let quoted = false;
  for (const byte of bytes) {
    if (byte === QUOTE) quoted = !quoted;
    else if (byte === LINE_FEED && !quoted) records++;
  }
  return bytes.length > 0 && bytes.at(-1) !== LINE_FEED ? records + 1 : records;
}

function countParquetRows(bytes: Buffer): number {
  const { buffer, byteOffset, byteLength } = bytes;
  return Number(parquetMetadata(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer).num_rows);
}
