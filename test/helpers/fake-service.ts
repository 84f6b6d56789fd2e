import { gunzipSync } from 'node:zlib';
import type { QueuedIngestion, SourceStatus, SubmitRequest } from '../../src/kusto/ports.js';
import { KfError } from '../../src/runtime/errors.js';
import { SasUrl } from '../../src/storage/sas-url.js';
import type { MemoryBlobStore } from './memory-stores.js';

interface Taken {
  readonly sourceId: string;
  readonly url: SasUrl;
  readonly request: SubmitRequest;
  status: SourceStatus | undefined;
}

export interface FakeService extends QueuedIngestion {
  /** Lines ingested, in order, with repeats. */
  readonly rows: readonly string[];
  readonly submits: readonly SubmitRequest[];
  /** Ingests what was taken since, as the service does some time after it said yes. */
  work(): void;
  /** What a call answers before it takes anything; undefined lets it through. */
  onSubmit?: (request: SubmitRequest) => KfError | undefined;
}

export interface FakeServiceOptions {
  readonly blobs: MemoryBlobStore;
  /** The status of a blob with these lines; undefined: it is ingested. */
  readonly judge?: (lines: readonly string[], sourceId: string) => Omit<SourceStatus, 'sourceId'> | undefined;
}

/** A service that takes blobs at once and ingests or refuses them later, a blob as a whole. */
export function createFakeService(options: FakeServiceOptions): FakeService {
  const rows: string[] = [];
  const submits: SubmitRequest[] = [];
  const taken = new Map<string, Taken[]>();
  const ingest = (item: Taken): SourceStatus => {
    const body = options.blobs.resolve(item.url);
    if (body === undefined) {
      return {
        sourceId: item.sourceId,
        state: 'failed',
        failure: 'permanent',
        errorCode: 'Download_SourceNotFound',
      };
    }
    const raw = body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body;
    const lines = raw
      .toString()
      .split('\n')
      .filter((line) => line !== '');
    const verdict = options.judge?.(lines, item.sourceId);
    if (verdict !== undefined) return { sourceId: item.sourceId, ...verdict };
    rows.push(...lines);
    return { sourceId: item.sourceId, state: 'succeeded' };
  };
  const service: FakeService = {
    maxBlobsPerCall: 20,
    rows,
    submits,
    submit: async (request) => {
      if (request.blobs.length > 20) throw new KfError('KUSTO_PERMANENT', 'more than 20 blobs');
      const refused = service.onSubmit?.(request);
      if (refused !== undefined) throw refused;
      submits.push(request);
      const operationId = `operation-${submits.length}`;
      taken.set(
        operationId,
        request.blobs.map((blob) => ({ ...blob, request, status: undefined })),
      );
      return { path: 'rest', operationId, database: request.database, table: request.table };
    },
    status: async (operation, sourceIds) => {
      const items = taken.get(operation.operationId) ?? [];
      return sourceIds.map((sourceId) => {
        const item = items.find((candidate) => candidate.sourceId === sourceId);
        return item?.status ?? { sourceId, state: 'pending' };
      });
    },
    work: () => {
      for (const item of [...taken.values()].flat()) item.status ??= ingest(item);
    },
    serviceContainer: async () => new SasUrl('https://memory.invalid/service?sig=canary-signature'),
  };
  return service;
}
