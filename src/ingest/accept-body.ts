import { createHash } from 'node:crypto';
import { createAllowList } from '../config/allow-list.js';
import type { HttpConfig } from '../config/types.js';
import type { Idempotency } from '../ledger/idempotency.js';
import { uploadBlobName } from '../ledger/ids.js';
import { type Operation, type Operations, summarize } from '../ledger/operations.js';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { BlobStore } from '../storage/ports.js';
import type { BodyIngest, BodyIngestRequest, BodyIngestResult } from './http-body.js';

/** Records of a body that were bad are a source of its operation, beside its blobs. */
const BAD_RECORDS = 'badRecords';
const MAX_KEY_CHARS = 255;

export interface AcceptBodyDeps {
  readonly clock: Clock;
  readonly bodyIngest: BodyIngest;
  readonly idempotency: Idempotency;
  readonly operations: Operations;
  readonly blobs: BlobStore;
  readonly http: Pick<HttpConfig, 'tables' | 'uploadContainer' | 'uploadTtlMs'>;
}

export interface AcceptBodyRequest extends Omit<BodyIngestRequest, 'operationId'> {
  readonly idempotencyKey?: string;
  /** Take the body from this upload; `body` is then not read. */
  readonly uploadId?: string;
}

/** What a caller learns of a body; states as in {@link summarize}. */
export interface OperationView {
  readonly operationId: string;
  readonly state: string;
  readonly database: string;
  readonly table: string;
  /** Records handed to the service, where they are counted. */
  readonly records: number;
  readonly succeeded: number;
  readonly deadLettered: number;
  readonly blobs: number;
  readonly createdAt: string;
  readonly sources: readonly {
    readonly id: string;
    readonly state: string;
    readonly rows: number;
    readonly deadLettered: number;
    readonly errorCode?: string;
  }[];
}

export interface Upload {
  readonly uploadId: string;
  /** A secret by purpose: it lets its holder create one blob, for a short time. */
  readonly url: string;
  readonly method: 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAt: string;
}

/** The use cases of HTTP ingestion: bodies, uploads, and what became of them. */
export interface AcceptBody {
  /** @throws KfError; nothing of the body is kept then, so it may be sent again. */
  accept(request: AcceptBodyRequest): Promise<{ readonly view: OperationView; readonly repeated: boolean }>;
  /** @throws NOT_FOUND */
  operation(id: string): Promise<OperationView>;
  /** @throws ROUTE_NOT_ALLOWED */
  createUpload(database: string, table: string): Promise<Upload>;
}

/** What must be equal for a repeat under the same key; the body itself is not read twice to compare it. */
function digestOf(request: AcceptBodyRequest): string {
  const { database, table, format, mapping, tags, ignoreFirstRecord, gzip, uploadId } = request;
  const form = JSON.stringify([database, table, format, mapping, tags, ignoreFirstRecord, gzip, uploadId]);
  return createHash('sha256').update(form).digest('hex');
}

function viewOf(operation: Operation): OperationView {
  const { sources } = operation;
  return {
    operationId: operation.id,
    database: operation.database,
    table: operation.table,
    ...summarize(operation),
    blobs: Object.keys(sources).filter((id) => id !== BAD_RECORDS).length,
    createdAt: new Date(operation.createdAtMs).toISOString(),
    sources: Object.entries(sources).map(([id, source]) => ({ id, ...source })),
  };
}

export function createAcceptBody(deps: AcceptBodyDeps): AcceptBody {
  const { operations, clock, blobs, http } = deps;
  const allow = createAllowList(http.tables);
  const operation = async (id: string): Promise<OperationView> => {
    const found = await operations.get(id);
    if (found === undefined) {
      throw new KfError('NOT_FOUND', `operation ${id}: unknown, or older than 30 days`);
    }
    return viewOf(found);
  };
  return {
    operation,
    accept: async (request) => {
      const key = request.idempotencyKey;
      if (key === undefined) {
        return { view: await ingestOnce(deps, request, clock.newId()), repeated: false };
      }
      if (key === '' || key.length > MAX_KEY_CHARS) {
        throw new KfError('REQUEST_INVALID', `Idempotency-Key: from 1 to ${MAX_KEY_CHARS} characters`);
      }
      const claim = await deps.idempotency.claim({
        key,
        digest: digestOf(request),
        operationId: clock.newId(),
      });
      if (claim.kind === 'done') {
        return { view: await operation(claim.operationId), repeated: true };
      }
      return {
        view: await underKey(deps, request, { key, operationId: claim.operationId }),
        repeated: false,
      };
    },
    createUpload: async (database, table) => {
      if (!allow.allows(database, table)) {
        throw new KfError('ROUTE_NOT_ALLOWED', `target ${database}.${table}: outside http.tables`);
      }
      const uploadId = clock.newId();
      const link = await blobs.uploadUrl(
        http.uploadContainer,
        uploadBlobName(database, table, uploadId),
        http.uploadTtlMs,
      );
      return {
        uploadId,
        url: link.reveal(),
        method: 'PUT',
        headers: { 'x-ms-blob-type': 'BlockBlob' },
        expiresAt: new Date(clock.now() + http.uploadTtlMs).toISOString(),
      };
    },
  };
}

async function underKey(
  deps: AcceptBodyDeps,
  request: AcceptBodyRequest,
  claim: { readonly key: string; readonly operationId: string },
): Promise<OperationView> {
  try {
    const view = await ingestOnce(deps, request, claim.operationId);
    await deps.idempotency.complete(claim.key);
    return view;
  } catch (error) {
    await deps.idempotency.release(claim.key);
    throw error;
  }
}

async function* streamUpload(
  deps: AcceptBodyDeps,
  blob: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  yield* deps.blobs.stream(deps.http.uploadContainer, blob, signal);
}

async function ingestOnce(
  deps: AcceptBodyDeps,
  request: AcceptBodyRequest,
  operationId: string,
): Promise<OperationView> {
  const { uploadId, idempotencyKey: _key, ...rest } = request;
  if (uploadId === undefined) {
    return record(deps, request, await deps.bodyIngest.ingest({ ...rest, operationId }));
  }
  const blob = uploadBlobName(request.database, request.table, uploadId);
  if ((await deps.blobs.facts(deps.http.uploadContainer, blob)) === undefined) {
    throw new KfError('NOT_FOUND', `upload ${uploadId}: nothing was uploaded for ${request.table}`);
  }
  const body = streamUpload(deps, blob, request.signal);
  const view = await record(deps, request, await deps.bodyIngest.ingest({ ...rest, operationId, body }));
  await deps.blobs.delete(deps.http.uploadContainer, blob);
  return view;
}

/** Notes the bad records in the operation, and makes the operation of a body that held nothing else. */
async function record(
  deps: AcceptBodyDeps,
  request: AcceptBodyRequest,
  result: BodyIngestResult,
): Promise<OperationView> {
  const { operations } = deps;
  const { operationId, deadLettered } = result;
  if (result.blobs === 0) {
    const { database, table } = request;
    await operations.create({ id: operationId, database, table, sources: {} }).catch((error: unknown) => {
      if (!(error instanceof KfError) || error.code !== 'STORAGE_CONFLICT') {
        throw error;
      }
    });
    await operations.markAccepted(operationId);
  }
  if (deadLettered > 0) {
    await operations.record(operationId, {
      [BAD_RECORDS]: { state: 'failed', rows: 0, deadLettered },
    });
  }
  const found = await operations.get(operationId);
  if (found === undefined) {
    throw new KfError('INTERNAL', `operation ${operationId}: accepted but not recorded`);
  }
  return viewOf(found);
}
