import type { ErrorCode } from '../runtime/error-codes.js';
import { KfError } from '../runtime/errors.js';
import { scrub } from '../runtime/redact.js';

const MAX_RETRY_AFTER_MS = 600_000;

/** An answer that is not 200. */
export interface FailedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Streaming requests fail in ways of their own. */
  readonly streaming?: boolean;
}

interface ServiceError {
  readonly code: string | undefined;
  readonly message: string;
  readonly permanent: boolean | undefined;
}

/** Gives an answer that is not 200 one KUSTO_* code, from its status and the service's error object. */
export function classifyAnswer(answer: FailedAnswer, place: string): KfError {
  const error = readServiceError(answer.text);
  const retryAfterMs = readRetryAfter(answer.headers['retry-after']);
  return new KfError(codeOf(answer, error), `${place}: ${answer.status} ${scrub(error.message)}`.trim(), {
    ...(error.code === undefined ? {} : { serviceCode: error.code }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    fields: { httpStatus: answer.status },
  });
}

function codeOf(answer: FailedAnswer, error: ServiceError): ErrorCode {
  const { status, streaming = false } = answer;
  const text = `${error.code ?? ''} ${error.message}`.toLowerCase();
  if (status === 401) return 'KUSTO_UNAUTHORIZED';
  if (status === 403) return 'KUSTO_FORBIDDEN';
  if (status === 429) return 'KUSTO_THROTTLED';
  if (streaming) {
    if (/streaming/.test(text) && /disabled|not enabled|\boff\b/.test(text)) return 'KUSTO_STREAMING_OFF';
    // A cluster without the endpoint; a missing table or database is a 400 that names it.
    if (status === 404 && error.permanent === undefined) return 'KUSTO_STREAMING_OFF';
    if (status === 413 || /too ?large|exceeds|maximum allowed size/.test(text)) return 'KUSTO_TOO_LARGE';
  }
  if (error.permanent !== undefined) return error.permanent ? 'KUSTO_PERMANENT' : 'KUSTO_TRANSIENT';
  return status === 408 || status >= 500 ? 'KUSTO_TRANSIENT' : 'KUSTO_PERMANENT';
}

/** Reads the service's error object, wherever it is and whatever else the body holds. */
function readServiceError(text: string): ServiceError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { code: undefined, message: text.slice(0, 300), permanent: undefined };
  }
  const error = (asObject(body)['error'] ?? body) as unknown;
  const {
    code,
    message,
    innererror,
    '@message': detail,
    '@permanent': permanent,
    '@failureCode': failureCode,
  } = asObject(error);
  const inner = asObject(innererror)['code'];
  const serviceCode = [failureCode, inner, code].find((value) => typeof value === 'string' && value !== '');
  return {
    code: serviceCode as string | undefined,
    message: typeof detail === 'string' ? detail : typeof message === 'string' ? message : text.slice(0, 300),
    permanent: typeof permanent === 'boolean' ? permanent : undefined,
  };
}

/** An object to look into, whatever was given. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {};
}

/** Retry-After in seconds or as an HTTP date (which is ignored: clocks differ), bounded to ten minutes. */
function readRetryAfter(header: string | string[] | undefined): number | undefined {
  const seconds = typeof header === 'string' && header.trim() !== '' ? Number(header) : Number.NaN;
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : undefined;
}

/** Does the error leave open whether the service acted on the request? */
export function isAnswerLost(error: unknown): boolean {
  return error instanceof KfError && error.fields['answerLost'] === true;
}
