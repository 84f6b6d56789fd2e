import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { SasUrl } from '../storage/sas-url.js';
import type { Cached } from './cached.js';
import { inlineMapping, mappingKind } from './mapping.js';
import type { MessageTransport } from './message-transport.azure.js';
import type { OperationRef, QueuedBlob, QueuedIngestion, SourceStatus, SubmitRequest } from './ports.js';
import { MAX_BLOBS_PER_CALL, toSourceStatus } from './queued-rest.js';
import { createRanking, type Ranking } from './ranking.js';
import type { MessageResources } from './resources.js';

/** A queue message holds 64 KiB; base64 takes a third of it. */
const MAX_MESSAGE_BYTES = 48 * 1024;
/** Different queues tried for one message, each once. */
const MAX_QUEUES = 3;
/** Without a failure report for this long a source counts as succeeded, when only failures are reported. */
const DEFAULT_QUIET_MS = 3_600_000;

export interface MessageIngestionOptions {
  readonly resources: Cached<MessageResources>;
  readonly transport: MessageTransport;
  readonly clock: Clock;
  /**
   * What the service writes to its status table, which takes about ten thousand requests a day: failures only
   * (default), or successes too.
   */
  readonly reporting?: 'failures' | 'all';
  /** See `reporting: failures`. Default one hour. */
  readonly quietMs?: number;
}

/** Queued ingestion through messages on the ingest endpoint's queues, for clusters without the REST API. */
export function createMessageIngestion(options: MessageIngestionOptions): QueuedIngestion {
  const ranking = createRanking(options.clock);
  return {
    maxBlobsPerCall: MAX_BLOBS_PER_CALL,
    submit: (request) => submit(options, ranking, request),
    status: (operation, sourceIds) => readStatus(options, operation, sourceIds),
    serviceContainer: async () => {
      const container = ranking.order((await options.resources.get()).containers)[0];
      if (container === undefined) throw new KfError('KUSTO_BAD_ANSWER', 'ingestion resources: no container');
      return container;
    },
    reportContainer: (container, outcome) => {
      ranking.report(container, outcome === 'ok');
      if (outcome === 'refused') options.resources.refreshEarly();
    },
  };
}

async function submit(
  options: MessageIngestionOptions,
  ranking: Ranking,
  request: SubmitRequest,
): Promise<OperationRef> {
  const resources = await options.resources.get();
  const statusTable = resources.statusTables[0];
  let sent = 0;
  for (const blob of request.blobs) {
    const message = encodeMessage(options, {
      request,
      blob,
      identityToken: resources.identityToken,
      statusTable,
    });
    try {
      await enqueue(options, ranking, { queues: resources.queues, message, signal: request.signal });
      sent++;
    } catch (error) {
      // Part of the call is in the service's hands: whoever repeats it may double those blobs.
      if (sent === 0 || !(error instanceof KfError)) throw error;
      throw new KfError(error.code, error.message, {
        cause: error,
        fields: { ...error.fields, answerLost: true },
      });
    }
  }
  const operationId = String(options.clock.now());
  return { path: 'message', operationId, database: request.database, table: request.table };
}

async function enqueue(
  options: MessageIngestionOptions,
  ranking: Ranking,
  what: {
    readonly queues: readonly SasUrl[];
    readonly message: string;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  let first: KfError | undefined;
  for (const queue of ranking.order(what.queues).slice(0, MAX_QUEUES)) {
    try {
      await options.transport.enqueue(queue, what.message, what.signal);
      ranking.report(queue, true);
      return;
    } catch (thrown) {
      if (!(thrown instanceof KfError)) throw thrown;
      ranking.report(queue, false);
      if (thrown.code === 'STORAGE_FORBIDDEN' || thrown.code === 'STORAGE_NOT_FOUND')
        options.resources.refreshEarly();
      else if (!thrown.retryable || thrown.code === 'CANCELLED') throw thrown;
      first ??= thrown;
    }
  }
  const cause = first ?? new KfError('KUSTO_BAD_ANSWER', 'ingestion resources: no queue');
  throw new KfError('KUSTO_TRANSIENT', `enqueue: no queue took the message: ${cause.message}`, { cause });
}

function encodeMessage(
  options: MessageIngestionOptions,
  what: {
    readonly request: SubmitRequest;
    readonly blob: QueuedBlob;
    readonly identityToken: string;
    readonly statusTable: SasUrl | undefined;
  },
): string {
  const { request, blob, statusTable } = what;
  const { properties } = request;
  const { mapping } = properties;
  const inline = mapping === undefined || typeof mapping === 'string' ? undefined : inlineMapping(mapping);
  const message = JSON.stringify({
    Id: blob.sourceId,
    BlobPath: blob.url.reveal(),
    RawDataSize: blob.rawSizeBytes,
    DatabaseName: request.database,
    TableName: request.table,
    RetainBlobOnSuccess: true,
    FlushImmediately: properties.flushImmediately === true || properties.skipBatching === true,
    IgnoreSizeLimit: false,
    ReportLevel: options.reporting === 'all' ? 2 : 0,
    ReportMethod: 1,
    SourceMessageCreationTime: new Date(options.clock.now()).toISOString(),
    ApplicationForTracing: 'kusto-functions',
    IngestionStatusInTable:
      statusTable === undefined
        ? undefined
        : { TableConnectionString: statusTable.reveal(), PartitionKey: blob.sourceId, RowKey: blob.sourceId },
    AdditionalProperties: {
      authorizationContext: what.identityToken,
      format: properties.format,
      tags: properties.tags?.length ? JSON.stringify(properties.tags) : undefined,
      ingestIfNotExists: properties.ingestIfNotExists?.length
        ? JSON.stringify(properties.ingestIfNotExists)
        : undefined,
      ignoreFirstRecord: properties.ignoreFirstRecord === true ? true : undefined,
      creationTime: properties.creationTime,
      ingestionMappingReference: typeof mapping === 'string' ? mapping : undefined,
      ingestionMapping: inline,
      ingestionMappingType: mapping === undefined ? undefined : mappingKind(properties.format),
    },
  });
  if (Buffer.byteLength(message) > MAX_MESSAGE_BYTES) {
    throw new KfError(
      'REQUEST_INVALID',
      `${request.database}.${request.table}: the inline mapping is too large for a queue message; create it in the table and name it`,
    );
  }
  return Buffer.from(message).toString('base64');
}

async function readStatus(
  options: MessageIngestionOptions,
  operation: OperationRef,
  sourceIds: readonly string[],
): Promise<readonly SourceStatus[]> {
  const statusTable = (await options.resources.get()).statusTables[0];
  const quiet = options.clock.now() - Number(operation.operationId) >= (options.quietMs ?? DEFAULT_QUIET_MS);
  const statuses: SourceStatus[] = [];
  for (const sourceId of sourceIds) {
    const row =
      statusTable === undefined ? undefined : await options.transport.readStatus(statusTable, sourceId);
    if (row !== undefined) {
      const entries = Object.entries(row).map(([key, value]) => [key.toLowerCase(), value]);
      statuses.push(toSourceStatus(sourceId, Object.fromEntries(entries)));
    } else {
      const assumed = quiet && options.reporting !== 'all' && statusTable !== undefined;
      statuses.push({ sourceId, state: assumed ? 'succeeded' : 'pending' });
    }
  }
  return statuses;
}
