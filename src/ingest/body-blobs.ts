import { createHash, type Hash } from 'node:crypto';
import { createGzipWriter, type GzipWriter } from '../formats/gzip.js';
import { isTextFormat } from '../formats/kinds.js';
import type { BodySink, StagedBlob, StagedBlobWriter, Target } from './types.js';

/** Records are handed to the compressor in pieces of this size. */
const SLAB_BYTES = 256 * 1024;
const LINE_END = 0x0a;

export interface BodyBlobsOptions {
  readonly sink: BodySink;
  readonly operationId: string;
  readonly target: Target;
  /** Uncompressed bytes after which a blob ends, at a record border. */
  readonly blobBytes: number;
  readonly signal?: AbortSignal;
}

interface OpenBlob {
  readonly writer: StagedBlobWriter;
  readonly gzip: GzipWriter | undefined;
  readonly hash: Hash;
  sizeBytes: number;
  rawBytes: number;
  rows: number;
}

/** Writes a body into staged blobs, one after the other, in bounded memory. */
export class BodyBlobs {
  /** Committed blobs, in order. */
  readonly staged: StagedBlob[] = [];
  /** Records and uncompressed bytes written. */
  rows = 0;
  rawBytes = 0;
  readonly #options: BodyBlobsOptions;
  readonly #gzipped: boolean;
  #open: OpenBlob | undefined;
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #used = 0;

  constructor(options: BodyBlobsOptions) {
    this.#options = options;
    this.#gzipped = isTextFormat(options.target.format);
  }

  /** One text record, without its line end. */
  async writeRecord(record: Uint8Array): Promise<void> {
    const blob = this.#current();
    const length = record.length + 1;
    if (this.#used + length > SLAB_BYTES) {
      await this.#flushSlab(blob);
    }
    if (length > SLAB_BYTES) {
      await this.#write(blob, record);
      await this.#write(blob, Buffer.of(LINE_END));
    } else {
      this.#slab.set(record, this.#used);
      this.#slab[this.#used + record.length] = LINE_END;
      this.#used += length;
    }
    blob.rows++;
    blob.rawBytes += length;
    if (blob.rawBytes >= this.#options.blobBytes) {
      await this.#commit(blob);
    }
  }

  /** Bytes of a body that is one blob. */
  async writeBytes(bytes: Uint8Array): Promise<void> {
    const blob = this.#current();
    await this.#write(blob, bytes);
    blob.rawBytes += bytes.length;
  }

  /** Commits the blob under way. */
  async close(): Promise<void> {
    if (this.#open !== undefined) {
      await this.#commit(this.#open);
    }
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    const blob = this.#open;
    this.#open = undefined;
    await blob?.gzip?.abort();
    await blob?.writer.abort();
    if (this.staged.length > 0) {
      await this.#options.sink.discard(this.staged);
    }
  }

  #current(): OpenBlob {
    if (this.#open !== undefined) {
      return this.#open;
    }
    const { sink, operationId, target, signal } = this.#options;
    const writer = sink.open({
      operationId,
      index: this.staged.length,
      target,
      gzipped: this.#gzipped,
      ...(signal === undefined ? {} : { signal }),
    });
    const blob: OpenBlob = {
      writer,
      gzip: this.#gzipped ? createGzipWriter((bytes) => this.#forward(blob, bytes)) : undefined,
      hash: createHash('sha256'),
      sizeBytes: 0,
      rawBytes: 0,
      rows: 0,
    };
    this.#open = blob;
    return blob;
  }

  #write(blob: OpenBlob, bytes: Uint8Array): Promise<void> {
    return blob.gzip === undefined ? this.#forward(blob, bytes) : blob.gzip.write(bytes);
  }

  async #forward(blob: OpenBlob, bytes: Uint8Array): Promise<void> {
    blob.hash.update(bytes);
    blob.sizeBytes += bytes.length;
    await blob.writer.write(bytes);
  }

  async #flushSlab(blob: OpenBlob): Promise<void> {
    if (this.#used > 0) {
      const bytes = this.#slab.subarray(0, this.#used);
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
      await this.#write(blob, bytes);
    }
  }

  async #commit(blob: OpenBlob): Promise<void> {
    await this.#flushSlab(blob);
    await blob.gzip?.end();
    const { sizeBytes, rawBytes, rows } = blob;
    const facts = {
      rawBytes,
      sizeBytes,
      sha256: blob.hash.digest('hex'),
      ...(this.#gzipped ? { rows } : {}),
    };
    const staged = await blob.writer.commit(facts);
    this.#open = undefined;
    this.staged.push(staged);
    this.rows += rows;
    this.rawBytes += rawBytes;
  }
}
