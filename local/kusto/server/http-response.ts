import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createDeflate, createGzip } from 'node:zlib';

/** Shorter answers are sent as they are: compressing them gains nothing. */
const MIN_COMPRESSED_CHARS = 1024;

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** The body in pieces, made while it is sent. */
  readonly pieces: Iterable<string>;
}

function compressor(request: IncomingMessage) {
  const accepted = String(request.headers['accept-encoding'] ?? '').toLowerCase();
  if (/\bgzip\b(?!\s*;\s*q=0(?:\.0+)?(?:,|$))/.test(accepted)) {
    return { encoding: 'gzip', stream: () => createGzip({ level: constants.Z_BEST_SPEED }) };
  }
  return /\bdeflate\b/.test(accepted)
    ? { encoding: 'deflate', stream: () => createDeflate({ level: constants.Z_BEST_SPEED }) }
    : undefined;
}

/** Sends the answer piece by piece as fast as the client takes it; compressed where the client accepts that. */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): Promise<void> {
  const iterator = answer.pieces[Symbol.iterator]();
  const first = iterator.next();
  const second = first.done === true ? first : iterator.next();
  const head = first.done === true ? '' : first.value;
  const headers = {
    'content-type': answer.contentType ?? 'application/json; charset=utf-8',
    ...answer.headers,
  };
  const compress = head.length < MIN_COMPRESSED_CHARS ? undefined : compressor(request);
  const encodingHeader = compress === undefined ? {} : { 'content-encoding': compress.encoding };
  if (second.done === true && compress === undefined) {
    response.writeHead(answer.status, { ...headers, 'content-length': Buffer.byteLength(head) });
    response.end(head);
    return;
  }
  response.writeHead(answer.status, { ...headers, ...encodingHeader });
  function* all(): Generator<Buffer> {
    yield Buffer.from(head);
    for (let next = second; next.done !== true; next = iterator.next()) {
      yield Buffer.from(next.value);
    }
  }
  const source = Readable.from(all(), { objectMode: false });
  await (compress === undefined ? pipeline(source, response) : pipeline(source, compress.stream(), response));
}
