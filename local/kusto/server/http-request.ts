import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { badRequest } from '../catalog/errors.js';
import { KustoError } from '../errors.js';

/** A command or query with its data, after decoding. */
export const MAX_REQUEST_BYTES = 64 * 1024 * 1024;
/** A streaming ingestion request, after decoding: the service's documented limit. */
export const MAX_STREAMING_BYTES = 4 * 1024 * 1024;

function tooLarge(limitBytes: number): KustoError {
  return new KustoError(
    `The input stream is too large: it exceeds the maximum allowed size of ${limitBytes} bytes`,
    {
      status: 413,
      code: 'Stream_InputStreamTooLarge',
      type: 'Kusto.DataNode.Exceptions.StreamingIngestionRequestException',
    },
  );
}

function decoded(request: IncomingMessage): Readable {
  const encoding = String(request.headers['content-encoding'] ?? 'identity').toLowerCase();
  const done = () => undefined;
  switch (encoding) {
    case 'identity':
    case '':
      return request;
    case 'gzip':
    case 'x-gzip':
      return pipeline(request, createGunzip(), done);
    case 'deflate':
      return pipeline(request, createInflate(), done);
    default:
      throw badRequest(`Content-Encoding '${encoding}' is not supported`, 'BadRequest_ContentEncoding');
  }
}

/**
 * The body, decoded from its Content-Encoding.
 * @throws KustoError 413 beyond `limitBytes` of decoded bytes, 400 when it cannot be decoded.
 */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of decoded(request)) {
      size += (chunk as Buffer).length;
      if (size > limitBytes) {
        throw tooLarge(limitBytes);
      }
      chunks.push(chunk as Buffer);
    }
  } catch (error) {
    if (error instanceof KustoError) {
      throw error;
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw badRequest(`The request's body cannot be read: ${reason}`, 'BadRequest_Body');
  }
  return Buffer.concat(chunks, size);
}

/** What a command or query request asks for. */
interface QueryBody {
  readonly db: string;
  readonly csl: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly parameters: Readonly<Record<string, unknown>>;
}

type Fields = Readonly<Record<string, unknown>>;

function asObject(value: unknown, what: string): Fields {
  if (value === undefined || value === null) {
    return {};
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw badRequest(`${what} needs a JSON object`);
  }
  return value as Fields;
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest(`${what} is not JSON`);
  }
}

/** `properties` comes as an object from some clients and as JSON text from others. */
function bodyFrom(fields: Fields): QueryBody {
  const { csl, db, properties } = fields;
  if (typeof csl !== 'string' || csl.trim() === '') {
    throw badRequest("The request needs the query or command in 'csl'");
  }
  const parsed =
    typeof properties === 'string' && properties !== '' ? parseJson(properties, "'properties'") : properties;
  const bag = asObject(parsed === '' ? undefined : parsed, "'properties'");
  return {
    csl,
    db: typeof db === 'string' ? db : '',
    options: asObject(bag['Options'] ?? bag['options'], "'Options'"),
    parameters: asObject(bag['Parameters'] ?? bag['parameters'], "'Parameters'"),
  };
}

/** From the JSON body of a POST, or the query string of a GET. */
export async function readQueryBody(request: IncomingMessage, url: URL): Promise<QueryBody> {
  if (request.method === 'GET') {
    return bodyFrom(Object.fromEntries(url.searchParams));
  }
  const text = (await readBody(request, MAX_REQUEST_BYTES)).toString('utf8').replace(/^\uFEFF/, '');
  return bodyFrom(asObject(parseJson(text, "The request's body"), "The request's body"));
}
