import { gzipSync } from 'node:zlib';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { AZURITE_ACCOUNT, AZURITE_KEY } from '../shared/azurite.js';
import { callApi } from './http.js';
import { type LoadProgress, newLoad } from './load-progress.js';
import { countCsvRecords, readSampleFile, SAMPLE_DATABASE } from './sample-files.js';
import { withSlash } from './send.js';
import type { Endpoints } from './services.js';

/** Container that pipeline.yaml lets loads read. */
const CONTAINER = 'loads';
/** Folder of the load that fails. */
const ZIP_FOLDER = 'zipcodes';
const ZIP_BLOBS = 5;
/** The blob whose end is cut off. */
const CORRUPT_BLOB = 3;
const FLIGHTS_ROWS = 3_000_000;

/** One load of the sample. */
export interface LoadSample {
  readonly progress: LoadProgress;
  /** Puts its sources where the app finds them; the rest of the request's body. */
  readonly putSources: (endpoints: Endpoints) => Promise<Record<string, unknown>>;
}

/** A load that is committed, and one that fails since one of its blobs is corrupt. */
export function loadSamples(): LoadSample[] {
  const flights = newLoad({
    id: 'sample-flights',
    database: SAMPLE_DATABASE,
    table: 'FlightsLoaded',
    way: 'upload, parquet',
    intended: 'committed',
  });
  const zipCodes = newLoad({
    id: 'sample-zipcodes',
    database: SAMPLE_DATABASE,
    table: 'ZipCodesLoaded',
    way: `${ZIP_BLOBS} blobs, one corrupt`,
    intended: 'rolledBack',
  });
  return [
    { progress: flights, putSources: ({ functions }) => uploadFlights(functions, flights) },
    { progress: zipCodes, putSources: ({ blob }) => putZipCodes(blob, zipCodes) },
  ];
}

/** Address of one of the blobs under the prefix, counted from 1. */
export function zipCodesBlob(blobUrl: string, part: number): string {
  return `${withSlash(blobUrl)}${CONTAINER}/${ZIP_FOLDER}/part-${part}.csv.gz`;
}

/** Asks for a link, puts the file there, and names the upload: the file does not pass through the app. */
async function uploadFlights(functionsUrl: string, load: LoadProgress): Promise<Record<string, unknown>> {
  const bytes = await readSampleFile('flights-3m.parquet');
  const { database, table } = load;
  const upload = await callApi<{ uploadId: string; url: string; headers: Record<string, string> }>(
    new URL('api/uploads', withSlash(functionsUrl)),
    { method: 'POST', body: JSON.stringify({ database, table }) },
  );
  await callApi(new URL(upload.url), {
    method: 'PUT',
    headers: upload.headers,
    body: bytes as Uint8Array<ArrayBuffer>,
  });
  load.total = FLIGHTS_ROWS;
  return { format: 'parquet', sources: [{ upload: upload.uploadId }], expectedRows: FLIGHTS_ROWS };
}

/** The places again, in several gzip files of which one lacks its end. */
async function putZipCodes(blobUrl: string, load: LoadProgress): Promise<Record<string, unknown>> {
  const key = new StorageSharedKeyCredential(AZURITE_ACCOUNT, AZURITE_KEY);
  const container = new BlobServiceClient(blobUrl, key).getContainerClient(CONTAINER);
  await container.createIfNotExists();
  const text = await readSampleFile('zipcodes.csv');
  const pieces = cutLines(text.subarray(text.indexOf('\n') + 1), ZIP_BLOBS);
  for (const [index, piece] of pieces.entries()) {
    const whole = gzipSync(piece);
    const bytes = index + 1 === CORRUPT_BLOB ? whole.subarray(0, whole.length / 2) : whole;
    await container.getBlockBlobClient(`${ZIP_FOLDER}/part-${index + 1}.csv.gz`).uploadData(bytes);
    load.total += countCsvRecords(piece);
  }
  return { format: 'csv', sources: [{ prefix: `${container.url}/${ZIP_FOLDER}/` }] };
}

/** Cuts text into so many pieces of about the same size, each of whole lines. */
export function cutLines(bytes: Buffer, count: number): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (let piece = 1; piece <= count; piece++) {
    const goal = Math.max(from, Math.ceil((bytes.length * piece) / count) - 1);
    const end = piece === count ? -1 : bytes.indexOf('\n', goal);
    const to = end < 0 ? bytes.length : end + 1;
    pieces.push(bytes.subarray(from, to));
    from = to;
  }
  return pieces;
}
