import type { IncomingMessage } from 'node:http';
import type { CatalogStore } from '../catalog/store.js';
import type { Runner } from '../commands/run.js';
import type { StreamingLog } from '../commands/streaming-log.js';
import type { Principal } from '../commands/types.js';
import { KustoError } from '../errors.js';
import type { EngineClock, Faults, FaultTarget } from '../faults/types.js';
import type { Answer } from './http-response.js';
import type { Principals } from './principals.js';
import type { IngestionService } from './types.js';

export interface HandlerParts {
  readonly runner: Runner;
  readonly catalog: CatalogStore;
  readonly clock: EngineClock;
  readonly faults: Faults;
  readonly principals: Principals;
  readonly streaming: StreamingLog;
  readonly ingestion?: IngestionService;
  /** Body of `/v1/rest/auth/metadata`. */
  readonly metadata: object;
}

/** One request on its way through the server. */
export interface Call {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly segments: readonly string[];
  readonly clientRequestId: string;
  readonly activityId: string;
  readonly signal: AbortSignal;
}

/** What a route made of a request: where faults strike it, and how to do it. */
export interface Work {
  readonly target: FaultTarget;
  /** Added to method and path for a fault's `match`. */
  readonly detail: string;
  run(): Promise<Answer>;
}

export function headerText(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function requireMethod({ request, url }: Call, ...methods: readonly string[]): void {
  if (!methods.includes(request.method ?? '')) {
    throw new KustoError(`${request.method} is not possible at ${url.pathname}`, {
      status: 405,
      code: 'MethodNotAllowed',
    });
  }
}

export function json(value: unknown): Answer {
  return { status: 200, pieces: [JSON.stringify(value)] };
}

export function authenticate({ request }: Call, { principals }: HandlerParts): Principal {
  return principals.authenticate(request.headers.authorization);
}
