import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { type ErrorCode, errorCodes } from '../runtime/error-codes.js';
import { asKfError, type KfError } from '../runtime/errors.js';
import type { Logger } from '../runtime/log.js';

/** The next command an operator should run, by code; doctor is never wrong to begin with. */
const nextCommands: Partial<Record<ErrorCode, string>> = {
  CONFIG_INVALID: 'kusto-functions check',
  CONFIG_SETTING_MISSING: 'kusto-functions check',
  ROUTE_NOT_ALLOWED: 'kusto-functions check',
  REQUEST_INVALID: 'kusto-functions ingest --help',
  FORMAT_UNKNOWN: 'kusto-functions ingest --help',
  BODY_TOO_LARGE: 'kusto-functions check',
  NOT_FOUND: 'kusto-functions shipments list',
  INGESTION_REFUSED: 'kusto-functions dead-letters list',
  LOAD_SOURCE_FORBIDDEN: 'kusto-functions check',
  LOAD_SOURCE_TOO_LARGE: 'kusto-functions load --help',
  LOAD_ENDED: 'kusto-functions load list',
  REQUEST_ID_REUSED: 'kusto-functions load list',
};

/** What is asked next below `/loads`. */
const nextOfLoads: Partial<Record<ErrorCode, string>> = {
  REQUEST_INVALID: 'kusto-functions load --help',
  NOT_FOUND: 'kusto-functions load list',
};

function nextCommandOf({ code }: KfError, instance: string): string {
  const ofLoads = /\/loads(?:\/|$)/.test(instance) ? nextOfLoads[code] : undefined;
  return ofLoads ?? nextCommands[code] ?? 'kusto-functions doctor';
}

/** An error as `application/problem+json` (RFC 9457) with our code and the next command. */
export function problem(error: KfError, instance: string, requestId: string): HttpResponseInit {
  const retryAfterMs = error.retryAfterMs ?? (error.retryable ? 5_000 : undefined);
  return {
    status: error.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
    },
    body: JSON.stringify({
      type: `urn:kusto-functions:error:${error.code}`,
      title: errorCodes[error.code].cause,
      status: error.status,
      code: error.code,
      detail: error.message,
      ...(error.serviceCode === undefined ? {} : { serviceCode: error.serviceCode }),
      instance,
      requestId,
      fix: errorCodes[error.code].fix,
      nextCommand: nextCommandOf(error, instance),
    }),
  };
}

export type Handler = (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit>;

/** Wraps a handler so that whatever it throws becomes a problem document and a log line. */
export function answering(logger: Logger, handler: Handler): Handler {
  return async (request, context) => {
    try {
      return await handler(request, context);
    } catch (thrown) {
      const error = asKfError(thrown, 'INTERNAL', context.functionName);
      const { pathname } = new URL(request.url);
      const log = error.status >= 500 ? logger.error : logger.info;
      log('http.failed', {
        function: context.functionName,
        path: pathname,
        code: error.code,
        serviceCode: error.serviceCode,
        message: error.message,
        requestId: context.invocationId,
      });
      return problem(error, pathname, context.invocationId);
    }
  };
}
