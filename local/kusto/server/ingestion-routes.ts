import { entityNotFound } from '../catalog/errors.js';
import type { StreamingEvent } from '../commands/streaming-log.js';
import { KustoError, notSupported } from '../errors.js';
import type { RowSet } from '../store/types.js';
import { authenticate, type Call, type HandlerParts, headerText, json, type Work } from './call.js';
import { MAX_REQUEST_BYTES, MAX_STREAMING_BYTES, readBody } from './http-request.js';
import type { IngestionService } from './types.js';
import { encodeV1 } from './wire-v1.js';

function requireIngestion({ ingestion }: HandlerParts): IngestionService {
  if (ingestion === undefined) {
    throw notSupported('Ingestion (no ingestion service was started)');
  }
  return ingestion;
}

/** Runs a streaming request and counts it for `.show streamingingestion statistics`. */
async function counted(
  place: Pick<StreamingEvent, 'database' | 'table' | 'principal' | 'bytes'>,
  { clock, streaming }: HandlerParts,
  work: () => Promise<RowSet>,
): Promise<RowSet> {
  const startedOn = clock.now();
  try {
    const answer = await work();
    const rows = Number(answer.columns[0]?.get(0) ?? 0);
    streaming.record({ ...place, succeeded: true, startedOn, endedOn: clock.now(), rows });
    return answer;
  } catch (error) {
    streaming.record({ ...place, succeeded: false, startedOn, endedOn: clock.now(), rows: 0 });
    throw error;
  }
}

/** `POST /v1/rest/ingest/{database}/{table}`. */
export async function streamingWork(call: Call, parts: HandlerParts): Promise<Work> {
  const principal = authenticate(call, parts);
  const [, , , database, table] = call.segments;
  if (database === undefined || table === undefined || call.segments.length !== 5) {
    throw new KustoError(`There is nothing at ${call.url.pathname}`, { status: 404, code: 'NotFound' });
  }
  const ingestion = requireIngestion(parts);
  const body = await readBody(call.request, MAX_STREAMING_BYTES);
  const query = lowerCaseKeys(call.url.searchParams);
  return {
    target: 'engine',
    detail: `${database} ${table}`,
    run: async () => {
      principal.demand({ role: 'ingestor', database, table });
      if (parts.catalog.database(database).tables.get(table) === undefined) {
        throw entityNotFound('Table', table);
      }
      const place = { database, table, principal: principal.name, bytes: body.length };
      const rows = await counted(place, parts, () =>
        ingestion.streamingIngest({
          ...{ database, table, body },
          format: query.get('streamformat'),
          mappingName: query.get('mappingname'),
          contentType: headerText(call.request, 'content-type') ?? '',
          sourceKind: query.get('sourcekind')?.toLowerCase() === 'uri' ? 'uri' : 'stream',
          clientRequestId: call.clientRequestId,
          activityId: call.activityId,
        }),
      );
      const { clientRequestId, activityId } = call;
      const ids = { clientRequestId, activityId, now: parts.clock.now() };
      return { status: 200, pieces: encodeV1({ tables: [rows], isPlainCommand: true }, ids) };
    },
  };
}

function lowerCaseKeys(query: URLSearchParams): ReadonlyMap<string, string> {
  return new Map([...query].map(([key, value]) => [key.toLowerCase(), value]));
}

/** `/v1/rest/ingestion/…`: the REST form of queued ingestion. */
export async function ingestionRestWork(call: Call, parts: HandlerParts): Promise<Work> {
  const principal = authenticate(call, parts);
  const ingestion = requireIngestion(parts);
  const segments = call.segments.slice(3);
  const text = call.request.method === 'POST' ? await readBody(call.request, MAX_REQUEST_BYTES) : undefined;
  const [kind, database, table] = segments;
  return {
    target: 'dm',
    detail: segments.slice(1).join(' '),
    run: async () => {
      if (kind?.toLowerCase() === 'queued' && database !== undefined && table !== undefined) {
        principal.demand({ role: 'ingestor', database, table });
      }
      const answer = await ingestion.ingestionRest({
        method: call.request.method === 'POST' ? 'POST' : 'GET',
        segments,
        query: call.url.searchParams,
        body: text === undefined ? undefined : parseBody(text),
        clientRequestId: call.clientRequestId,
        activityId: call.activityId,
      });
      return json(answer);
    },
  };
}

function parseBody(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new KustoError('The request body is not JSON', { status: 400, code: 'BadRequest_Body' });
  }
}
