import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { inParallel } from './service.js';

const compress = promisify(gzip);
const GZIPS_AT_ONCE = 4;

/** Rows of the file. */
export const FLIGHTS = 3_000_000;
/** Columns of the file, as a table of Kusto has them. */
export const FLIGHT_COLUMNS = 'date:datetime, delay:long, distance:long, origin:string, destination:string';

/** One blob: whole lines of CSV, compressed. */
export interface FlightBlob {
  readonly bytes: Buffer;
  readonly rows: number;
  readonly rawSizeBytes: number;
}

/** Three million flights as CSV without a header: what another engine writes of the Parquet file. */
export async function flightsAsCsv(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'kusto-functions-bench-'));
  try {
    const data = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data');
    const file = join(folder, 'flights.csv');
    const quoted = (path: string): string => `'${path.replaceAll("'", "''")}'`;
    const connection = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect();
    await connection.run(
      `COPY (SELECT * FROM ${quoted(join(data, 'flights-3m.parquet'))}) TO ${quoted(file)} (FORMAT csv, HEADER false)`,
    );
    connection.closeSync();
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream(file)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Cuts the text into so many blobs of the same number of rows. */
export async function flightBlobs(csv: Buffer, count: number): Promise<readonly FlightBlob[]> {
  const rows = FLIGHTS / count;
  const pieces: Buffer[] = [];
  for (let from = 0; from < csv.length; ) {
    let to = from;
    for (let line = 0; line < rows; line++) to = csv.indexOf(0x0a, to) + 1;
    pieces.push(csv.subarray(from, to));
    from = to;
  }
  const blobs: FlightBlob[] = [];
  await inParallel(pieces.length, GZIPS_AT_ONCE, async (n) => {
    const piece = pieces[n] as Buffer;
    blobs[n] = { bytes: await compress(piece, { level: 1 }), rows, rawSizeBytes: piece.length };
  });
  return blobs;
}
