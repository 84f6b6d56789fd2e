import { randomUUID } from 'node:crypto';
import type { Catalog } from '../catalog/types.js';
import { KustoError } from '../errors.js';
import { badData } from '../ingest/errors.js';
import type { IngestionRestAnswer, IngestionRestRequest } from '../server/types.js';
import { formatDatetime } from '../values/datetime.js';
import { MAX_BLOBS_PER_REQUEST, MAX_DATA_BYTES } from './limits.js';
import { describeOperation, type Operations } from './operations.js';
import type { OwnStorage } from './own-storage.js';
import { Bag, parseProperties } from './properties.js';
import type { QueuedIngestion } from './queued.js';
import { requireTable } from './read-source.js';
import { type IngestionSource, publicPath } from './source.js';

export interface RestParts {
  readonly catalog: Catalog;
  readonly operations: Operations;
  readonly queued: QueuedIngestion;
  readonly storage: OwnStorage;
}

function configuration(storage: OwnStorage): IngestionRestAnswer {
  return {
    containerSettings: {
      containers: storage.tempContainers().map((path) => ({ path })),
      lakeFolders: [],
      refreshInterval: '01:00:00',
      preferredUploadMethod: 'Storage',
    },
    ingestionSettings: {
      maxBlobsPerBatch: MAX_BLOBS_PER_REQUEST,
      maxDataSize: MAX_DATA_BYTES,
      preferredIngestionMethod: 'Rest',
    },
  };
}

interface Post {
  readonly database: string;
  readonly table: string;
  readonly body: Bag;
}

function blobsOf(body: Bag): readonly Bag[] {
  const blobs = body.get('blobs');
  if (!Array.isArray(blobs) || blobs.length === 0) {
    throw badData('BadRequest_EmptyBlobUri', 'The request names no blob');
  }
  if (blobs.length > MAX_BLOBS_PER_REQUEST) {
    throw badData(
      'BadRequest_SyntaxError',
      `The request names ${blobs.length} blobs; ${MAX_BLOBS_PER_REQUEST} is the most`,
    );
  }
  return blobs.map((blob) => new Bag(blob));
}

function shownProperties(properties: Bag): string {
  const names = [
    'format',
    'tags',
    'ingestIfNotExists',
    'ingestionMappingReference',
    'skipBatching',
    'creationTime',
  ];
  const given = names.map((name) => [name, properties.get(name)] as const);
  return JSON.stringify(Object.fromEntries(given.filter(([, value]) => value !== undefined)));
}

function sourcesOf(
  { database, table, body }: Post,
  operationId: string | undefined,
): readonly IngestionSource[] {
  const bag = body.bag('properties');
  const properties = parseProperties(bag);
  return blobsOf(body).map((blob) => {
    const url = blob.text('url');
    if (url === undefined) throw badData('BadRequest_EmptyBlobUri', 'A blob of the request has no url');
    const rawSize = Number(blob.get('rawSize') ?? 0);
    return {
      workId: randomUUID(),
      sourceId: blob.text('sourceId') ?? randomUUID(),
      database,
      table,
      blob: url,
      flushImmediately: bag.flag('skipBatching'),
      deleteOnSuccess: bag.flag('deleteAfterDownload'),
      properties,
      propertiesText: shownProperties(bag),
      attempts: 0,
      ...(rawSize > 0 && { rawSizeBytes: rawSize }),
      ...(bag.flag('ignoreSizeLimit') && { ignoreSizeLimit: true }),
      ...(operationId !== undefined && { operationId }),
    };
  });
}

async function post(parts: RestParts, request: Post): Promise<IngestionRestAnswer> {
  requireTable(parts.catalog, request.database, request.table);
  const tracked = request.body.bag('properties').flag('enableTracking');
  const operationId = tracked ? randomUUID() : undefined;
  const sources = sourcesOf(request, operationId);
  if (operationId !== undefined) {
    const now = formatDatetime(parts.catalog.now());
    await parts.operations.begin({
      id: operationId,
      database: request.database,
      table: request.table,
      startTime: now,
      lastUpdated: now,
      sources: sources.map(({ sourceId, blob }) => ({
        sourceId,
        url: publicPath(blob),
        status: 'Queued',
        startTime: now,
        lastUpdated: now,
      })),
    });
  }
  await Promise.all(sources.map((source) => parts.queued.accept(source)));
  return { ingestionOperationId: operationId ?? '' };
}

/** The newer REST form of queued ingestion (`/v1/rest/ingestion/…`). */
export async function answerRest(
  parts: RestParts,
  request: IngestionRestRequest,
): Promise<IngestionRestAnswer> {
  const [kind, database, table, operationId] = request.segments;
  const route = `${request.method} ${kind?.toLowerCase() ?? ''} ${request.segments.length}`;
  switch (route) {
    case 'GET configuration 1':
      return configuration(parts.storage);
    case 'POST queued 3':
      return post(parts, { database: database!, table: table!, body: new Bag(request.body) });
    case 'GET queued 4': {
      const operation = parts.operations.get(database!, table!, operationId!);
      return describeOperation(operation, request.query.get('details')?.toLowerCase() === 'true');
    }
    default:
      throw new KustoError(
        `There is no ${request.method} at /v1/rest/ingestion/${request.segments.join('/')}`,
        {
          status: 404,
          code: 'NotFound',
        },
      );
  }
}
