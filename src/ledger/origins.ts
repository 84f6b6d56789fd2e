import { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { gzipBytes, inflateStream } from '../formats/gzip.js';
import { KfError } from '../runtime/errors.js';
import { toPlainJson } from '../runtime/plain-json.js';
import type { BlobStore } from '../storage/ports.js';
import { idOfBlob } from './ids.js';
import type { Shipment } from './ports.js';

/** Bytes of origins joined before they are compressed; a part of a gzip stream each. */
const PART_CHARS = 4 * 1024 * 1024;

/** Our own blobs: the limits only keep a damaged one from filling the memory. */
export const INFLATE_LIMITS = { maxInflatedBytes: 64 * 1024 ** 3, maxInflateRatio: 1_100 } as const;

/** Where one record of a blob came from, and its original body where the blob holds something else. */
export interface Origin {
  readonly partition: string;
  readonly offset: string;
  readonly sequenceNumber: number;
  readonly index?: number;
  readonly key?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly enqueuedAt?: string;
  /** What the record's bytes in the blob are, or what `body` is. */
  readonly form: 'original' | 'encoded';
  /** Base64. */
  readonly body?: string;
  /** Bytes in the blob, line end included. */
  readonly length: number;
}

/** Bytes before the first record of a blob, repeated in each piece that is cut from it. */
export interface OriginsFacts {
  readonly headerBytes: number;
  /** The same for all records. */
  readonly source: string;
}

const SIMPLE = /^[\w.:+-]*$/;

/** One origin as JSON. Most have nothing but plain places, which are joined by hand: that is four times faster. */
function lineOf(origin: Origin): string {
  const { partition, offset, sequenceNumber, enqueuedAt = '', form, length } = origin;
  const isSimple =
    origin.index === undefined &&
    origin.key === undefined &&
    origin.properties === undefined &&
    origin.body === undefined &&
    SIMPLE.test(partition) &&
    SIMPLE.test(offset) &&
    SIMPLE.test(enqueuedAt);
  if (!isSimple) return toPlainJson(origin);
  const time = enqueuedAt === '' ? '' : `"enqueuedAt":"${enqueuedAt}",`;
  return `{"partition":"${partition}","offset":"${offset}","sequenceNumber":${sequenceNumber},${time}"form":"${form}","length":${length}}`;
}

/** Gzipped JSON lines: the facts, then one origin per record in the blob's order. */
export async function encodeOrigins(facts: OriginsFacts, origins: Iterable<Origin>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let lines = [JSON.stringify(facts)];
  let chars = 0;
  for (const origin of origins) {
    const line = lineOf(origin);
    lines.push(line);
    chars += line.length;
    if (chars < PART_CHARS) continue;
    parts.push(await gzipBytes(Buffer.from(`${lines.join('\n')}\n`)));
    lines = [];
    chars = 0;
  }
  if (lines.length > 0) parts.push(await gzipBytes(Buffer.from(`${lines.join('\n')}\n`)));
  return Buffer.concat(parts);
}

/** The facts and the origins of a shipment, read as a stream; undefined where there is no sidecar. */
export async function readOrigins(
  blobs: Pick<BlobStore, 'stream'>,
  shipment: Shipment,
): Promise<{ readonly facts: OriginsFacts; readonly origins: AsyncGenerator<Origin> } | undefined> {
  const source = originsSource(blobs, shipment);
  if (source === undefined) return undefined;
  const lines = readLines(inflateStream(source, INFLATE_LIMITS));
  const first = await lines.next();
  if (first.done === true) throw new KfError('INTERNAL', `origins of ${shipment.id}: empty`);
  return { facts: JSON.parse(first.value) as OriginsFacts, origins: parseLines(lines) };
}

/** Are the origins of its records kept, in its row or beside its blob? */
export function hasOrigins(shipment: Pick<Shipment, 'origins' | 'originsBlob'>): boolean {
  return shipment.origins !== undefined || shipment.originsBlob !== undefined;
}

function originsSource(
  blobs: Pick<BlobStore, 'stream'>,
  shipment: Shipment,
): AsyncIterable<Uint8Array> | undefined {
  const { origins, originsBlob } = shipment;
  if (origins !== undefined) return Readable.from([Buffer.from(origins, 'base64')]);
  return originsBlob === undefined ? undefined : blobs.stream(shipment.container, originsBlob);
}

async function* readLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of input) {
    const lines = (rest + decoder.write(Buffer.from(chunk))).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function* parseLines(lines: AsyncGenerator<string>): AsyncGenerator<Origin> {
  for await (const line of lines) yield JSON.parse(line) as Origin;
}

/** The origin of record `index` of a blob without a sidecar: its range names operation and first record. */
export function computedOrigin(shipment: Shipment, index: number, length: number): Origin {
  const [range] = shipment.ranges;
  const partition = range?.partition ?? shipment.callerOperationId ?? idOfBlob(shipment.blob) ?? shipment.id;
  const sequenceNumber = (range?.firstSequenceNumber ?? 0) + index;
  return {
    partition,
    offset: String(sequenceNumber),
    sequenceNumber,
    form: 'original',
    length,
  };
}
