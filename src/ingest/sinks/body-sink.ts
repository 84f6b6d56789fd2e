import { isAnswerLost } from '../../kusto/classify.js';
import type { QueuedBlob } from '../../kusto/ports.js';
import { dataBlobName, shipmentId } from '../../ledger/ids.js';
import type { Operations } from '../../ledger/operations.js';
import type { Ledger, Shipment } from '../../ledger/ports.js';
import type { Clock } from '../../runtime/clock.js';
import { asKfError, KfError } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';
import type { BlobStore } from '../../storage/ports.js';
import { HTTP_SOURCE } from '../http-body.js';
import type { BodySink, StagedBlob, Target } from '../types.js';
import { type CallSharer, callOf } from './call-sharer.js';

/** Rows written at a time. */
const ROWS_IN_FLIGHT = 8;

export interface BodySinkDeps {
  readonly clock: Clock;
  readonly blobs: BlobStore;
  readonly ledger: Ledger;
  readonly operations: Operations;
  readonly sharer: CallSharer;
  readonly maxBlobsPerCall: number;
  readonly container: string;
  readonly linkTtlMs: number;
  readonly logger: Logger;
}

/** HTTP bodies: blobs staged while the body streams, all of them accepted at once or none. */
export function createBodySink(deps: BodySinkDeps): BodySink {
  return {
    open: ({ operationId, index, target, gzipped, signal }) => {
      const id = shipmentId(operationId, index);
      const blob = dataBlobName(target, id, gzipped);
      const writer = deps.blobs.open(deps.container, blob, signal === undefined ? {} : { signal });
      return {
        write: (bytes) => writer.write(bytes),
        abort: () => writer.abort(),
        commit: async (facts) => {
          await writer.commit();
          return { ...facts, id, index, container: deps.container, blob };
        },
      };
    },
    submit: (request) => submit(deps, request),
    discard: async (blobs) => {
      for (const { container, blob } of blobs) await deps.blobs.delete(container, blob);
    },
  };
}

type SubmitBody = Parameters<BodySink['submit']>[0];

async function submit(deps: BodySinkDeps, request: SubmitBody): Promise<{ possibleDuplicates: number }> {
  const { operationId, target, blobs } = request;
  const sources = blobs.map((blob) => [
    blob.id,
    { state: 'queued' as const, rows: blob.rows ?? 0, deadLettered: 0 },
  ]);
  const operation = await deps.operations.create({
    id: operationId,
    database: target.database,
    table: target.table,
    sources: Object.fromEntries(sources),
  });
  if (operation.phase === 'accepted') return { possibleDuplicates: 0 };
  const shipments = await enterRows(deps, request);
  await deps.operations.markAccepted(operationId);
  let possibleDuplicates = 0;
  for (let at = 0; at < shipments.length; at += deps.maxBlobsPerCall) {
    possibleDuplicates += await sendPart(deps, target, {
      shipments: shipments.slice(at, at + deps.maxBlobsPerCall),
      signal: request.signal ?? new AbortController().signal,
    });
  }
  return { possibleDuplicates };
}

async function enterRows(deps: BodySinkDeps, request: SubmitBody): Promise<Shipment[]> {
  const shipments: Shipment[] = [];
  for (let at = 0; at < request.blobs.length; at += ROWS_IN_FLIGHT) {
    const rows = request.blobs
      .slice(at, at + ROWS_IN_FLIGHT)
      .map((blob) => describeBlob(deps, request, blob));
    shipments.push(...(await Promise.all(rows.map((row) => enter(deps.ledger, row)))));
  }
  return shipments;
}

/** A row of an earlier attempt is taken over under its ETag, so that nobody gives it up at the same time. */
async function enter(ledger: Ledger, row: Shipment): Promise<Shipment> {
  try {
    return await ledger.insert(row);
  } catch (error) {
    if (!(error instanceof KfError) || error.code !== 'STORAGE_CONFLICT') throw error;
  }
  const held = await ledger.get(row.id);
  if (held?.state !== 'staged')
    throw new KfError('STORAGE_TRANSIENT', `shipment ${row.id}: an earlier attempt is being cleared`);
  return ledger.update(held, row);
}

function describeBlob(deps: BodySinkDeps, request: SubmitBody, blob: StagedBlob): Shipment {
  const { target } = request;
  const now = deps.clock.now();
  const rows = blob.rows ?? 0;
  return {
    id: blob.id,
    state: 'staged',
    source: HTTP_SOURCE,
    database: target.database,
    table: target.table,
    format: target.format,
    ...(target.mapping === undefined ? {} : { mapping: target.mapping }),
    tags: target.tags,
    container: blob.container,
    blob: blob.blob,
    sha256: blob.sha256,
    sizeBytes: blob.sizeBytes,
    rawSizeBytes: blob.rawBytes,
    rows,
    // A record's place is its operation, its blob, and its number in the blob.
    ranges: [
      {
        partition: `${request.operationId}/${blob.index}`,
        firstSequenceNumber: 0,
        lastSequenceNumber: Math.max(0, rows - 1),
      },
    ],
    callerOperationId: request.operationId,
    depth: 0,
    attempts: 0,
    createdAtMs: now,
    updatedAtMs: now,
  };
}

/** The body is accepted: a call that fails now is left to settling. */
async function sendPart(
  deps: BodySinkDeps,
  target: Target,
  what: { readonly shipments: readonly Shipment[]; readonly signal: AbortSignal },
): Promise<number> {
  const { shipments, signal } = what;
  try {
    const blobs = await Promise.all(shipments.map((shipment) => toQueuedBlob(deps, shipment)));
    const { operation, repeated } = await deps.sharer.send(callOf(target), blobs, signal);
    const change = { state: 'queued' as const, operation, updatedAtMs: deps.clock.now() };
    await note(deps, shipments, change);
    return repeated ? shipments.reduce((sum, { rows }) => sum + Math.max(1, rows), 0) : 0;
  } catch (thrown) {
    const error = asKfError(thrown, 'INTERNAL', `submit ${target.database}.${target.table}`);
    deps.logger.warn('body.leftToSettling', {
      table: target.table,
      blobs: shipments.length,
      code: error.code,
    });
    if (!isAnswerLost(error)) await note(deps, shipments, { unsent: true });
    return 0;
  }
}

async function toQueuedBlob(deps: BodySinkDeps, shipment: Shipment): Promise<QueuedBlob> {
  const url = await deps.blobs.readUrl(shipment.container, shipment.blob, deps.linkTtlMs);
  return { sourceId: shipment.id, url, rawSizeBytes: shipment.rawSizeBytes };
}

async function note(
  deps: BodySinkDeps,
  shipments: readonly Shipment[],
  change: Partial<Shipment>,
): Promise<void> {
  for (const shipment of shipments) {
    try {
      await deps.ledger.update(shipment, change);
    } catch (thrown) {
      const error = asKfError(thrown, 'INTERNAL', 'ledger');
      deps.logger.warn('shipment.notNoted', { id: shipment.id, code: error.code, message: error.message });
    }
  }
}
