import type { DataFormat } from '../config/types.js';
import type { CutBlob, CutRequest } from '../formats/body-cutter.js';
import { isTextFormat } from '../formats/kinds.js';
import type { Clock } from '../runtime/clock.js';
import type { ErrorCode } from '../runtime/error-codes.js';
import { KfError } from '../runtime/errors.js';
import type { BlobStore } from '../storage/ports.js';
import { BodyBlobs } from './body-blobs.js';
import { writeBinaryBody, writeTextBody } from './body-writers.js';
import { openBody } from './http-body.js';
import type { BodySink, Target } from './types.js';

export interface CutBodyDeps {
  readonly clock: Clock;
  readonly blobs: BlobStore;
  readonly limits: { readonly maxRecordBytes: number; readonly maxInflateRatio: number };
  /** Before and after inflation. */
  readonly maxBodyBytes: number;
}

/** Writes blobs under names of the caller's; what is handed over later is the caller's business. */
function sinkOf(deps: CutBodyDeps, request: CutRequest): BodySink {
  const { container } = request;
  return {
    open: ({ index, gzipped, signal }) => {
      const blob = request.blobName(index, gzipped);
      const writer = deps.blobs.open(container, blob, signal === undefined ? {} : { signal });
      return {
        write: (bytes) => writer.write(bytes),
        abort: () => writer.abort(),
        commit: async (facts) => {
          await writer.commit();
          return { ...facts, id: blob, index, container, blob };
        },
      };
    },
    submit: async () => ({ possibleDuplicates: 0 }),
    discard: async (blobs) => {
      for (const { blob } of blobs) await deps.blobs.delete(container, blob);
    },
  };
}

function targetOf(format: DataFormat): Target {
  const names = { database: '', table: '', tags: [] };
  return { ...names, format, delivery: 'queued', staging: 'own', flushImmediately: false };
}

/**
 * Cuts a body into staged blobs at record borders, in bounded memory. A repeat writes the same blobs.
 * @throws KfError BODY_EMPTY, BODY_TOO_LARGE, and for the first bad record its RECORD_* code with its place; nothing
 * is left behind then
 */
export async function cutBody(deps: CutBodyDeps, request: CutRequest): Promise<readonly CutBlob[]> {
  const target = targetOf(request.format);
  const signal = request.signal === undefined ? {} : { signal: request.signal };
  const blobs = new BodyBlobs({
    sink: sinkOf(deps, request),
    operationId: '',
    target,
    blobBytes: request.blobBytes,
    ...signal,
  });
  try {
    const limits = { maxBodyBytes: deps.maxBodyBytes, maxInflateRatio: deps.limits.maxInflateRatio };
    const body = await openBody(limits, request);
    const write = isTextFormat(request.format) ? writeTextBody : writeBinaryBody;
    const { ignoreFirstRecord } = request;
    const letters = await write(body, {
      operationId: '',
      ignoreFirstRecord,
      target,
      blobs,
      limits: deps.limits,
      clock: deps.clock,
    });
    const bad = letters[0];
    if (bad !== undefined) {
      const more = letters.length > 1 ? ` (and ${letters.length - 1} more bad records)` : '';
      throw new KfError(bad.code as ErrorCode, `record ${bad.sequenceNumber}: ${bad.message}${more}`);
    }
    await blobs.close();
    if (blobs.staged.length === 0) throw new KfError('BODY_EMPTY', 'body: holds no record');
    return blobs.staged;
  } catch (error) {
    await blobs.discard().catch(() => undefined);
    throw error;
  }
}
