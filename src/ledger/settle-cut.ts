import { createHash } from 'node:crypto';
import { gzipBytes } from '../formats/gzip.js';
import { KfError } from '../runtime/errors.js';
import { type BlobRecord, readBlobRecords } from './blob-records.js';
import { dataBlobName, originsBlobName, pieceId } from './ids.js';
import { encodeOrigins, hasOrigins } from './origins.js';
import type { Shipment } from './ports.js';
import { rangesOfPlaces } from './ranges.js';
import { clear } from './settle-finish.js';
import type { SettleRun } from './settle-types.js';

/**
 * Cuts a refused blob into up to 20 pieces of whole records, registers them, and removes the whole. Names and ids
 * come from the parent's, so a repeat writes over what was there. No piece is sent while the parent's row is open:
 * so a repeat cannot register a piece anew that was already sent, settled and removed.
 */
export async function cutShipment(run: SettleRun, parent: Shipment): Promise<void> {
  const { ledger, operations, clock, logger } = run.deps;
  const children = await writePieces(run, parent);
  requireLease(run, parent);
  for (const child of children) await insertOnce(run, child);
  if (parent.callerOperationId !== undefined) {
    const sources = children.map(
      (child) => [child.id, { state: 'queued', rows: child.rows, deadLettered: 0 }] as const,
    );
    await operations.record(parent.callerOperationId, {
      ...Object.fromEntries(sources),
      [parent.id]: undefined,
    });
  }
  const settled = await ledger.update(parent, { state: 'settled', updatedAtMs: clock.now() });
  run.summary.cut++;
  logger.info('shipment.cut', {
    id: parent.id,
    pieces: children.length,
    depth: parent.depth,
    rows: parent.rows,
    code: parent.errorCode,
  });
  run.due.push(...children);
  await clear(run, settled);
}

async function insertOnce(run: SettleRun, child: Shipment): Promise<void> {
  try {
    await run.deps.ledger.insert(child);
  } catch (error) {
    if (!(error instanceof KfError) || error.code !== 'STORAGE_CONFLICT') throw error;
  }
}

/** Another instance may have taken over what was held for too long. */
function requireLease(run: SettleRun, shipment: Shipment): void {
  if (run.deps.clock.now() > (shipment.leaseUntilMs ?? 0)) {
    throw new KfError('STORAGE_CONFLICT', `shipment ${shipment.id}: worked on for longer than its lease`);
  }
}

async function writePieces(run: SettleRun, parent: Shipment): Promise<Shipment[]> {
  const perPiece = Math.ceil(parent.rows / run.deps.queued.maxBlobsPerCall);
  const { header, records } = await readBlobRecords(run.deps.blobs, parent);
  const children: Shipment[] = [];
  let held: BlobRecord[] = [];
  let first = 0;
  const flush = async (): Promise<void> => {
    if (held.length === 0) return;
    children.push(await writePiece(run, parent, { header, records: held, piece: children.length, first }));
    first += held.length;
    held = [];
  };
  for await (const record of records) {
    run.signal.throwIfAborted();
    held.push(record);
    if (held.length >= perPiece) await flush();
  }
  await flush();
  return children;
}

interface Piece {
  readonly header: Buffer;
  readonly records: readonly BlobRecord[];
  readonly piece: number;
  /** Index of its first record in the parent. */
  readonly first: number;
}

async function writePiece(run: SettleRun, parent: Shipment, piece: Piece): Promise<Shipment> {
  const { blobs, clock, limits } = run.deps;
  const id = pieceId(parent.id, piece.piece);
  const gzipped = parent.blob.endsWith('.gz');
  const raw = Buffer.concat([piece.header, ...piece.records.map((record) => record.bytes)]);
  const body = gzipped ? await gzipBytes(raw) : raw;
  const blob = dataBlobName(parent, id, gzipped);
  const originsBlob = hasOrigins(parent) ? originsBlobName(id) : undefined;
  await Promise.all([
    blobs.put(parent.container, blob, body, { signal: run.signal }),
    originsBlob === undefined
      ? undefined
      : encodeOrigins(
          { headerBytes: piece.header.length, source: parent.source },
          piece.records.map((record) => record.origin),
        ).then((bytes) => blobs.put(parent.container, originsBlob, bytes, { signal: run.signal })),
  ]);
  const {
    etag: _etag,
    operation: _operation,
    plan: _plan,
    leaseUntilMs: _lease,
    notBeforeMs: _notBefore,
    ...rest
  } = parent;
  const { originsBlob: _originsBlob, origins: _origins, ...base } = rest;
  return {
    ...base,
    id,
    state: 'staged',
    unsent: true,
    blob,
    ...(originsBlob === undefined ? {} : { originsBlob }),
    sha256: createHash('sha256').update(body).digest('hex'),
    sizeBytes: body.length,
    rawSizeBytes: raw.length,
    rows: piece.records.length,
    ranges: rangesOf(parent, piece),
    depth: Math.min(parent.depth + 1, limits.maxDepth),
    parentId: parent.id,
    rootId: parent.rootId ?? parent.id,
    attempts: 0,
    createdAtMs: clock.now(),
    updatedAtMs: clock.now(),
  };
}

/** The places of the piece's own records; without a sidecar the range is what tells them. */
function rangesOf(parent: Shipment, piece: Piece): Shipment['ranges'] {
  const [range] = parent.ranges;
  if (hasOrigins(parent)) return rangesOfPlaces(piece.records.map((record) => record.origin));
  if (range === undefined) return parent.ranges;
  const firstSequenceNumber = range.firstSequenceNumber + piece.first;
  return [
    {
      partition: range.partition,
      firstSequenceNumber,
      lastSequenceNumber: firstSequenceNumber + piece.records.length - 1,
    },
  ];
}
