import functions, { type HttpRequest, type HttpResponseInit } from '@azure/functions';
import { type DataFormat, dataFormats } from '../config/types.js';
import type { AcceptBodyRequest, OperationView } from '../ingest/accept-body.js';
import { KfError } from '../runtime/errors.js';
import { ownValue } from '../runtime/own-value.js';
import { answering } from './problem.js';
import { type AppServices, requireReady } from './services.js';

const contentTypes: Readonly<Record<string, DataFormat>> = {
  'application/json': 'json',
  'application/x-ndjson': 'json',
  'application/jsonl': 'json',
  'text/csv': 'csv',
  'text/tab-separated-values': 'tsv',
  'text/plain': 'txt',
  'avro/binary': 'avro',
  'application/avro': 'avro',
  'application/vnd.apache.avro': 'avro',
  'application/vnd.apache.parquet': 'parquet',
  'application/octet-stream': 'raw',
};

/** `?format=` wins, else the content type decides. @throws FORMAT_UNKNOWN */
export function formatOf(query: URLSearchParams, contentType: string | null): DataFormat {
  const wanted = query.get('format')?.toLowerCase();
  if (wanted !== undefined) {
    const known = dataFormats.find((format) => format === wanted);
    if (known === undefined) {
      throw new KfError('FORMAT_UNKNOWN', `format: "${wanted}" is not one of ${dataFormats.join(', ')}`);
    }
    return known;
  }
  const media = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  const format = ownValue(contentTypes, media);
  if (format === undefined) {
    throw new KfError(
      'FORMAT_UNKNOWN',
      `say the format with ?format= (${dataFormats.join(', ')}) or a Content-Type; "${media}" names none`,
    );
  }
  return format;
}

/** A query option that is `true` or `false`. @throws REQUEST_INVALID */
export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  if (value === null || value === 'false') {
    return false;
  }
  if (value === 'true' || value === '') {
    return true;
  }
  throw new KfError('REQUEST_INVALID', `${name}: "${value}" is neither true nor false`);
}

const knownOptions = new Set([
  'format',
  'mapping',
  'ignoreFirstRecord',
  'tags',
  'upload',
  'code',
  'clientId',
]);

function refuseUnknown(query: URLSearchParams): void {
  const unknown = [...query.keys()].find((name) => !knownOptions.has(name));
  if (unknown !== undefined) {
    const known = [...knownOptions].filter((name) => name !== 'code' && name !== 'clientId').join(', ');
    throw new KfError('REQUEST_INVALID', `${unknown}: no such option; known are ${known}`);
  }
}

function isGzip(encoding: string | null): boolean {
  const value = (encoding ?? 'identity').trim().toLowerCase();
  if (value === 'gzip' || value === 'x-gzip') {
    return true;
  }
  if (value === 'identity' || value === '') {
    return false;
  }
  throw new KfError('REQUEST_INVALID', `Content-Encoding: "${value}" is neither gzip nor identity`);
}

async function* noBody(): AsyncGenerator<Uint8Array> {}

function toIngestRequest(request: HttpRequest, signal: AbortSignal): AcceptBodyRequest {
  const { query, headers, params } = request;
  refuseUnknown(query);
  const mapping = query.get('mapping');
  const idempotencyKey = headers.get('idempotency-key');
  const uploadId = query.get('upload');
  return {
    database: params.database as string,
    table: params.table as string,
    format: formatOf(query, headers.get('content-type')),
    ...(mapping === null ? {} : { mapping }),
    ignoreFirstRecord: flag(query, 'ignoreFirstRecord'),
    gzip: isGzip(headers.get('content-encoding')),
    tags: query.get('tags')?.split(',').filter(Boolean) ?? [],
    ...(idempotencyKey === null ? {} : { idempotencyKey }),
    ...(uploadId === null ? {} : { uploadId }),
    body: (request.body as AsyncIterable<Uint8Array> | null) ?? noBody(),
    signal,
  };
}

function accepted(request: HttpRequest, view: OperationView, repeated: boolean): HttpResponseInit {
  const base = new URL(request.url).pathname.replace(/\/ingest\/.*$/, '');
  return {
    status: 202,
    headers: {
      location: `${base}/operations/${view.operationId}`,
      'retry-after': '5',
      ...(repeated ? { 'idempotent-replayed': 'true' } : {}),
    },
    jsonBody: view,
  };
}

export function registerHttpIngest(services: AppServices): void {
  functions.app.http('ingest', {
    methods: ['POST'],
    route: 'ingest/{database}/{table}',
    authLevel: 'function',
    handler: answering(services.logger, async (request) => {
      const cancel = new AbortController();
      const ingest = toIngestRequest(request, cancel.signal);
      await requireReady(services);
      const { view, repeated } = await services.bodies.accept(ingest);
      return accepted(request, view, repeated);
    }),
  });

  functions.app.http('operation', {
    methods: ['GET'],
    route: 'operations/{id}',
    authLevel: 'function',
    handler: answering(services.logger, async (request) => ({
      jsonBody: await services.bodies.operation(request.params.id as string),
    })),
  });

  functions.app.http('uploads', {
    methods: ['POST'],
    route: 'uploads',
    authLevel: 'function',
    handler: answering(services.logger, async (request) => {
      const [database, table] = uploadTarget(await readJson(request));
      return { status: 201, jsonBody: await services.bodies.createUpload(database, table) };
    }),
  });
}

/** Largest JSON request body of the small routes. */
const maxJsonBytes = 65_536;

/** A JSON object body of at most `maxBytes`, 64 KiB by default. @throws REQUEST_INVALID */
export async function readJson(
  request: HttpRequest,
  maxBytes: number = maxJsonBytes,
): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of (request.body as AsyncIterable<Uint8Array> | null) ?? noBody()) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) {
      throw new KfError('REQUEST_INVALID', `the request body is over ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text.trim() === '') {
    return {};
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch (cause) {
    throw new KfError('REQUEST_INVALID', 'the request body is not JSON', { cause });
  }
  throw new KfError('REQUEST_INVALID', 'the request body is not a JSON object');
}

function uploadTarget(body: Record<string, unknown>): [string, string] {
  for (const field of ['database', 'table']) {
    if (typeof body[field] !== 'string' || body[field] === '') {
      throw new KfError('REQUEST_INVALID', `${field}: a name is missing`);
    }
  }
  return [body.database as string, body.table as string];
}
