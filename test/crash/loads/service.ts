import { gunzipSync } from 'node:zlib';
import type {
  IngestProperties,
  KustoClient,
  QueuedIngestion,
  SourceStatus,
  SubmitRequest,
} from '../../../src/kusto/ports.js';
import { SasUrl } from '../../../src/storage/sas-url.js';
import { DATABASE } from './engine.js';

interface Item {
  readonly sourceId: string;
  readonly url: SasUrl;
  readonly request: SubmitRequest;
  readonly call: number;
  status: SourceStatus | undefined;
}

export interface Verdict {
  readonly state: 'failed' | 'partiallySucceeded' | 'skipped';
  readonly failure?: SourceStatus['failure'];
  readonly errorCode?: string;
  readonly details?: string;
}

/** How the service misbehaves; by the blob's path, and how often it was ingested or tried before. */
export interface Manners {
  judge?(path: string, tries: number): Verdict | undefined;
  isTwice?(path: string, tries: number): boolean;
  /** Of these calls nothing is ever heard; what was sent is not ingested. */
  isDeaf?(call: number): boolean;
  /** What was ingested is never told. */
  isMute?(call: number): boolean;
}

export interface IngestionDouble extends QueuedIngestion {
  /** Ingests all that was taken. */
  work(): Promise<void>;
  /** Ingests a blob that was ingested once more, as a service does that is at least once. */
  again(path: string): Promise<void>;
  readonly submits: readonly SubmitRequest[];
}

export interface IngestionDoubleOptions {
  readonly engine: KustoClient;
  readonly resolve: (url: SasUrl) => Buffer | undefined;
  readonly manners: Manners;
}

/** A service that takes blobs at once and ingests them, by real commands, when it works. */
export function createIngestionDouble(options: IngestionDoubleOptions): IngestionDouble {
  const { manners } = options;
  const taken = new Map<string, Item[]>();
  const tries = new Map<string, number>();
  const submits: SubmitRequest[] = [];
  const work = async (item: Item): Promise<SourceStatus | undefined> => {
    if (manners.isDeaf?.(item.call) === true) return undefined;
    const path = new URL(item.url.reveal()).pathname;
    const before = tries.get(path) ?? 0;
    tries.set(path, before + 1);
    const verdict = manners.judge?.(path, before);
    if (verdict !== undefined) return { sourceId: item.sourceId, ...verdict };
    const body = options.resolve(item.url);
    if (body === undefined) return failed(item.sourceId, 'Download_SourceNotFound');
    try {
      await ingest(options.engine, item.request, body);
      if (manners.isTwice?.(path, before) === true) await ingest(options.engine, item.request, body);
    } catch (error) {
      return failed(item.sourceId, 'BadRequest_TableNotExist', String(error));
    }
    return manners.isMute?.(item.call) === true ? undefined : { sourceId: item.sourceId, state: 'succeeded' };
  };
  return {
    maxBlobsPerCall: 20,
    submits,
    submit: async (request) => {
      const operationId = `operation-${submits.push(request)}`;
      const call = submits.length - 1;
      taken.set(
        operationId,
        request.blobs.map((blob) => ({ ...blob, request, call, status: undefined })),
      );
      return { path: 'rest', operationId, database: request.database, table: request.table };
    },
    status: async (operation, sourceIds) =>
      sourceIds.map((sourceId) => {
        const item = taken.get(operation.operationId)?.find((one) => one.sourceId === sourceId);
        return item?.status ?? { sourceId, state: 'pending' };
      }),
    work: async () => {
      for (const item of [...taken.values()].flat()) item.status ??= await work(item);
    },
    again: async (path) => {
      const item = [...taken.values()]
        .flat()
        .find(({ url }) => new URL(url.reveal()).pathname.endsWith(path));
      const body = item === undefined ? undefined : options.resolve(item.url);
      if (item !== undefined && body !== undefined) await ingest(options.engine, item.request, body);
    },
    serviceContainer: async () => new SasUrl('https://memory.invalid/service'),
  };
}

function failed(sourceId: string, errorCode: string, details?: string): SourceStatus {
  return {
    sourceId,
    state: 'failed',
    failure: 'permanent',
    errorCode,
    ...(details === undefined ? {} : { details }),
  };
}

function propertiesOf({ tags, ignoreFirstRecord, mapping, format, creationTime }: IngestProperties): string {
  const named = typeof mapping === 'string' ? mapping : undefined;
  const inlined = mapping !== undefined && named === undefined ? JSON.stringify(mapping) : undefined;
  return [
    `format='${format}'`,
    `tags='${JSON.stringify(tags ?? [])}'`,
    ...(ignoreFirstRecord === true ? ['ignoreFirstRecord=true'] : []),
    ...(named === undefined ? [] : [`ingestionMappingReference='${named}'`]),
    ...(inlined === undefined ? [] : [`ingestionMapping='${inlined}'`]),
    ...(creationTime === undefined ? [] : [`creationTime='${creationTime}'`]),
  ].join(', ');
}

async function ingest(engine: KustoClient, request: SubmitRequest, body: Buffer): Promise<void> {
  const raw = body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body;
  const text = `.ingest inline into table ['${request.table}'] with (${propertiesOf(request.properties)}) <| ${raw.toString()}`;
  await engine.command(DATABASE, text);
}
