import { KfError } from '../runtime/errors.js';
import type { BlobFacts, BlobWriter } from './ports.js';

/** Most blocks of one blob, a limit of the service. */
const MAX_BLOCKS = 50_000;

export interface BlockWriterOptions {
  readonly blockBytes: number;
  readonly blocksInFlight: number;
  stage(index: number, bytes: Uint8Array): Promise<void>;
  commit(blocks: number, sizeBytes: number): Promise<BlobFacts>;
}

/** Cuts what is written into blocks and keeps a bounded number of them under way. */
export function createBlockWriter(options: BlockWriterOptions): BlobWriter {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let sizeBytes = 0;
  let blocks = 0;
  let failure: unknown;
  let aborted = false;
  const inFlight = new Set<Promise<void>>();

  const check = (): void => {
    if (aborted) throw new KfError('CANCELLED', 'blob writer: already aborted');
    if (failure !== undefined) throw failure;
  };
  const flush = async (bytes: Uint8Array): Promise<void> => {
    while (inFlight.size >= options.blocksInFlight) await Promise.race(inFlight);
    check();
    if (blocks >= MAX_BLOCKS)
      throw new KfError('BODY_TOO_LARGE', `blob writer: more than ${MAX_BLOCKS} blocks`);
    const index = blocks++;
    const upload = options.stage(index, bytes).catch((error: unknown) => {
      failure ??= error;
    });
    inFlight.add(upload);
    upload.finally(() => inFlight.delete(upload)).catch(() => undefined);
  };
  const takeBlocks = async (whole: boolean): Promise<void> => {
    let joined = Buffer.concat(held);
    while (joined.length >= options.blockBytes || (whole && joined.length > 0)) {
      await flush(Buffer.from(joined.subarray(0, options.blockBytes)));
      joined = joined.subarray(options.blockBytes);
    }
    held = joined.length > 0 ? [Buffer.from(joined)] : [];
    heldBytes = joined.length;
  };
  return {
    write: async (bytes) => {
      check();
      held.push(Buffer.from(bytes));
      heldBytes += bytes.byteLength;
      sizeBytes += bytes.byteLength;
      if (heldBytes >= options.blockBytes) await takeBlocks(false);
    },
    commit: async () => {
      check();
      await takeBlocks(true);
      await Promise.all(inFlight);
      check();
      return options.commit(blocks, sizeBytes);
    },
    abort: async () => {
      aborted = true;
      held = [];
      await Promise.all(inFlight);
    },
  };
}
