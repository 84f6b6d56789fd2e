import { inflateStream } from '../formats/gzip.js';
import { KfError } from '../runtime/errors.js';
import type { BlobStore } from '../storage/ports.js';
import { computedOrigin, hasOrigins, INFLATE_LIMITS, type Origin, readOrigins } from './origins.js';
import type { Shipment } from './ports.js';

/** Largest record that is taken out of a blob; the service takes no larger one. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024 + 2;
const LINE_END = 0x0a;
const QUOTE = 0x22;
/** Formats whose fields may hold line ends between quotes. */
const quoted = new Set(['csv', 'scsv', 'psv', 'sohsv', 'tsv']);
const lined = new Set(['json', 'tsve', 'txt', ...quoted]);

export interface BlobRecord {
  readonly bytes: Buffer;
  readonly origin: Origin;
}

export interface BlobRecords {
  /** What each piece of the blob must begin with. */
  readonly header: Buffer;
  readonly records: AsyncIterable<BlobRecord>;
}

/** Can records be taken out of the blob one by one? */
export function isSplittable(shipment: Shipment): boolean {
  return hasOrigins(shipment) || (lined.has(shipment.format) && shipment.rows > 0);
}

/**
 * The records of a blob, line ends included, each with its origin; read as a stream. By the lengths in the sidecar,
 * or, for bodies of callers, at the line ends of the format.
 */
export async function readBlobRecords(
  blobs: Pick<BlobStore, 'stream'>,
  shipment: Shipment,
): Promise<BlobRecords> {
  const source = blobs.stream(shipment.container, shipment.blob);
  const reader = createByteReader(
    shipment.blob.endsWith('.gz') ? inflateStream(source, INFLATE_LIMITS) : source,
  );
  const sidecar = await readOrigins(blobs, shipment);
  if (sidecar === undefined) {
    return { header: Buffer.alloc(0), records: recordsByLineEnd(reader, shipment) };
  }
  try {
    const header = await reader.take(sidecar.facts.headerBytes);
    return { header, records: recordsByLength(reader, sidecar.origins, shipment) };
  } catch (error) {
    await sidecar.origins.return(undefined);
    throw error;
  }
}

interface ByteReader {
  /** Exactly `length` bytes. @throws INTERNAL when the blob ends before. */
  take(length: number): Promise<Buffer>;
  /** Up to and with the line end that `isEnd` accepts; the rest at the end; undefined when there is none. */
  line(quotes: boolean): Promise<Buffer | undefined>;
  close(): Promise<void>;
}

function createByteReader(input: AsyncIterable<Uint8Array>): ByteReader {
  const chunks = input[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  const next = async (): Promise<Buffer | undefined> => {
    const step = await chunks.next();
    return step.done === true ? undefined : Buffer.from(step.value);
  };
  const cut = (length: number): Buffer => {
    const taken = held.subarray(0, length);
    held = held.subarray(length);
    return taken;
  };
  return {
    close: async () => {
      await chunks.return?.();
    },
    take: async (length) => {
      const parts = [held];
      let size = held.length;
      while (size < length) {
        const chunk = await next();
        if (chunk === undefined) throw new KfError('INTERNAL', 'blob: ends before its last record');
        parts.push(chunk);
        size += chunk.length;
      }
      held = parts.length === 1 ? held : Buffer.concat(parts);
      return cut(length);
    },
    line: async (quotes) => {
      let at = 0;
      let isQuoted = false;
      for (;;) {
        for (; at < held.length; at++) {
          const byte = held[at];
          if (quotes && byte === QUOTE) isQuoted = !isQuoted;
          else if (byte === LINE_END && !isQuoted) return cut(at + 1);
        }
        if (held.length > MAX_RECORD_BYTES)
          throw new KfError('RECORD_TOO_LARGE', 'blob: a record over 64 MiB');
        const chunk = await next();
        if (chunk === undefined) return held.length === 0 ? undefined : cut(held.length);
        held = Buffer.concat([held, chunk]);
      }
    },
  };
}

async function* recordsByLength(
  reader: ByteReader,
  origins: AsyncGenerator<Origin>,
  shipment: Shipment,
): AsyncGenerator<BlobRecord> {
  let count = 0;
  try {
    for await (const origin of origins) {
      yield { bytes: await reader.take(origin.length), origin };
      count++;
    }
  } finally {
    await reader.close();
  }
  if (count !== shipment.rows) {
    throw new KfError('INTERNAL', `origins of ${shipment.id}: ${count} for ${shipment.rows} records`);
  }
}

async function* recordsByLineEnd(reader: ByteReader, shipment: Shipment): AsyncGenerator<BlobRecord> {
  try {
    for (let index = 0; ; ) {
      const bytes = await reader.line(quoted.has(shipment.format));
      if (bytes === undefined) return;
      // Empty lines are no records; they stay behind.
      if (bytes.toString('latin1').trim() === '') continue;
      yield { bytes, origin: computedOrigin(shipment, index, bytes.length) };
      index++;
    }
  } finally {
    await reader.close();
  }
}
