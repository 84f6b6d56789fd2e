import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Largest answer that is read. */
const maxAnswerBytes = 64 * 1024 * 1024;
/** Longest silence of the app. The platform itself gives up after 230 s. */
const idleTimeoutMs = 300_000;

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below `/api`, such as `/doctor`; parts must be encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readable | string;
}

export interface ApiAnswer {
  readonly status: number;
  /** Undefined when the body is no JSON. */
  readonly json: unknown;
  readonly text: string;
}

export interface Api {
  readonly url: string;
  /** @throws UnreachableError, ProblemError */
  call(call: ApiCall): Promise<ApiAnswer>;
}

/** Nobody answers at the address. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** The app answered with an error. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(status: number, problem: Readonly<Record<string, unknown>>) {
    super(String(problem['detail'] ?? problem['title'] ?? `the app answered ${status}`));
    this.status = status;
    this.problem = problem;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function target(base: string, { path, query = {} }: ApiCall): URL {
  const url = new URL(`${base.replace(/\/+$/, '')}/api${path}`);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) {
      url.searchParams.set(name, value);
    }
  }
  return url;
}

async function readAnswer(response: Readable & { statusCode?: number | undefined }): Promise<ApiAnswer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxAnswerBytes) {
      throw new Error(`the answer is over ${maxAnswerBytes} bytes; ask for less with --limit`);
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  return { status: response.statusCode ?? 0, text, json: parse(text) };
}

export interface Exchange {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readable | string | undefined;
}

/** One request, its body streamed. Messages hold no more of the address than its origin. @throws UnreachableError */
export function exchange(url: URL, { method, headers, body }: Exchange): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const start = url.protocol === 'https:' ? requestHttps : requestHttp;
    const request = start(url, { method, headers, timeout: idleTimeoutMs });
    let answered = false;
    const fail = (error: Error): void => {
      // The app may answer and close before it has read the whole body; its answer counts.
      if (!answered) {
        reject(
          new UnreachableError(
            `${url.origin} cannot be reached: ${error.message || (error as NodeJS.ErrnoException).code || error.name}`,
            {
              cause: error,
            },
          ),
        );
      }
    };
    request.on('response', (response) => {
      answered = true;
      readAnswer(response)
        .then(resolve, reject)
        .finally(() => request.destroy());
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${idleTimeoutMs} ms`)));
    request.on('error', fail);
    if (typeof body === 'object') {
      // What cannot be read is no fault of the app.
      body.once('error', (error) => (answered ? undefined : reject(error)));
      pipeline(body, request).catch(fail);
    } else {
      request.end(body);
    }
  });
}

/** The HTTP API of a running app. The key travels in a header, never in the address. */
export function createApi(url: string, key: string | undefined): Api {
  return {
    url,
    call: async (call) => {
      const headers = {
        accept: 'application/json',
        ...(key === undefined ? {} : { 'x-functions-key': key }),
        ...call.headers,
      };
      const { method, body } = call;
      const answer = await exchange(target(url, call), { method, headers, body });
      if (answer.status >= 400) {
        const problem = (answer.json ?? { title: answer.text.slice(0, 300) }) as Record<string, unknown>;
        throw new ProblemError(answer.status, problem);
      }
      return answer;
    },
  };
}
