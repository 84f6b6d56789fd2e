import { createHash } from 'node:crypto';
import { isTextFormat } from '../../formats/kinds.js';
import type { QueuedBlob } from '../../kusto/ports.js';
import { dataBlobName, originsBlobName, shipmentId } from '../../ledger/ids.js';
import { encodeOrigins, type Origin } from '../../ledger/origins.js';
import type { Ledger, Shipment, SourceRange } from '../../ledger/ports.js';
import { rangesOfPlaces } from '../../ledger/ranges.js';
import type { Clock } from '../../runtime/clock.js';
import { KfError } from '../../runtime/errors.js';
import type { BlobStore } from '../../storage/ports.js';
import type { BlobBody } from '../blob-body.js';
import { bodyFormProperties } from '../route.js';
import type { Batch, EncodedRecord } from '../types.js';
import type { ServiceStaging } from './service-staging.js';

/** A row is written twice and listed by every settling round, so only little goes into it. */
const MAX_ROW_ORIGINS_BYTES = 12_000;

export interface StagingDeps {
  readonly clock: Clock;
  readonly blobs: BlobStore;
  readonly ledger: Ledger;
  /** Our own container. */
  readonly container: string;
  readonly linkTtlMs: number;
  /** For `staging: service`. */
  readonly service: ServiceStaging;
}

/** A blob that lies ready, its row in the ledger. */
export interface Staged {
  readonly shipment: Shipment;
  readonly records: readonly EncodedRecord[];
  /** Undefined when an earlier attempt at the same batch brought it to the service already. */
  readonly queued: QueuedBlob | undefined;
}

/**
 * Uploads one blob of a batch with the origins of its records beside it, then enters it in the ledger. Names come
 * from the batch's id, so that another attempt writes over them.
 */
export async function stageBlob(
  deps: StagingDeps,
  batch: Batch,
  part: { readonly body: BlobBody; readonly index: number; readonly signal: AbortSignal },
): Promise<Staged> {
  const { body, index, signal } = part;
  const id = shipmentId(batch.id, index);
  const row = describeShipment(deps, batch, { id, body });
  if (batch.target.staging === 'service') {
    const url = await deps.service.upload(row.blob, body.bytes, signal);
    const shipment = await enter(deps.ledger, { ...row, container: '', blob: url.address });
    return withQueued(shipment, body, url);
  }
  const [origins] = await Promise.all([
    stageOrigins(deps, batch, { id, records: body.records, signal }),
    deps.blobs.put(deps.container, row.blob, body.bytes, { signal }),
  ]);
  const shipment = await enter(deps.ledger, { ...row, ...origins });
  const url = await deps.blobs.readUrl(deps.container, row.blob, deps.linkTtlMs);
  return withQueued(shipment, body, url);
}

/** Small origins travel in the ledger row; larger ones lie beside the blob. */
async function stageOrigins(
  deps: StagingDeps,
  batch: Batch,
  part: {
    readonly id: string;
    readonly records: readonly EncodedRecord[];
    readonly signal: AbortSignal;
  },
): Promise<Pick<Shipment, 'origins' | 'originsBlob'>> {
  const { id, records, signal } = part;
  const facts = { headerBytes: headerBytes(batch), source: sourceOf(records) };
  const bytes = await encodeOrigins(facts, originsOf(batch, records));
  if (bytes.length <= MAX_ROW_ORIGINS_BYTES) return { origins: bytes.toString('base64') };
  const originsBlob = originsBlobName(id);
  await deps.blobs.put(deps.container, originsBlob, bytes, { signal });
  return { originsBlob };
}

function withQueued(shipment: Shipment, body: BlobBody, url: QueuedBlob['url']): Staged {
  const queued = { sourceId: shipment.id, url, rawSizeBytes: shipment.rawSizeBytes };
  return { shipment, records: body.records, queued: shipment.state === 'staged' ? queued : undefined };
}

function headerBytes(batch: Batch): number {
  return batch.blobPerRecord === true ? 0 : (batch.header?.byteLength ?? 0);
}

function sourceOf(records: readonly EncodedRecord[]): string {
  return records[0]?.envelope.source ?? '';
}

function describeShipment(
  deps: StagingDeps,
  batch: Batch,
  part: { readonly id: string; readonly body: BlobBody },
): Shipment {
  const { target } = batch;
  const { id, body } = part;
  const now = deps.clock.now();
  return {
    id,
    state: 'staged',
    source: sourceOf(body.records),
    database: target.database,
    table: target.table,
    format: target.format,
    ...(target.mapping === undefined ? {} : { mapping: target.mapping }),
    tags: target.tags,
    container: deps.container,
    blob: dataBlobName(target, id, body.gzipped),
    sha256: createHash('sha256').update(body.bytes).digest('hex'),
    sizeBytes: body.bytes.byteLength,
    rawSizeBytes: body.rawBytes,
    rows: body.records.length,
    ranges: rangesOf(body.records),
    depth: 0,
    attempts: 0,
    createdAtMs: now,
    updatedAtMs: now,
  };
}

/** Enters a row; one that is there is an earlier attempt of ours. */
async function enter(ledger: Ledger, shipment: Shipment): Promise<Shipment> {
  try {
    return await ledger.insert(shipment);
  } catch (error) {
    if (!(error instanceof KfError) || error.code !== 'STORAGE_CONFLICT') throw error;
    const held = await ledger.get(shipment.id);
    if (held === undefined) throw new KfError('STORAGE_TRANSIENT', `shipment ${shipment.id}: just removed`);
    return held;
  }
}

/** First and last position of each partition. */
function rangesOf(records: readonly EncodedRecord[]): SourceRange[] {
  return rangesOfPlaces(records.map(({ envelope }) => envelope.position));
}

/** One origin per record. The original body is kept where the blob holds something else for a whole body. */
function* originsOf(batch: Batch, records: readonly EncodedRecord[]): Generator<Origin> {
  const lineEndBytes = batch.blobPerRecord !== true && isTextFormat(batch.target.format) ? 1 : 0;
  for (const { bytes, envelope, index } of records) {
    const { partition, offset, sequenceNumber } = envelope.position;
    const isWhole = index === undefined;
    const length = bytes.byteLength + lineEndBytes;
    const form = isWhole ? 'original' : 'encoded';
    // Filled in step by step: spreads would cost more than all the rest of it.
    const origin: { -readonly [K in keyof Origin]: Origin[K] } = {
      partition,
      offset,
      sequenceNumber,
      form,
      length,
    };
    const properties = isWhole ? envelope.properties : pieceProperties(envelope.properties);
    if (!isWhole) origin.index = index;
    if (envelope.key !== undefined) origin.key = envelope.key;
    if (!isEmpty(properties)) origin.properties = properties;
    if (envelope.enqueuedAt !== undefined) origin.enqueuedAt = envelope.enqueuedAt;
    if (isWhole && !sameBytes(bytes, envelope.body)) {
      origin.body = Buffer.from(envelope.body).toString('base64');
    }
    yield origin;
  }
}

function isEmpty(properties: Readonly<Record<string, unknown>>): boolean {
  for (const _name in properties) return false;
  return true;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.byteLength === b.byteLength && Buffer.compare(a, b) === 0);
}

/** A piece is plain UTF-8 and not compressed, whatever its body was. */
function pieceProperties(properties: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(properties).filter(([name]) => !bodyFormProperties.has(name.toLowerCase())),
  );
}
