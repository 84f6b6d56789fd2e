import type { ErrorCode } from '../runtime/error-codes.js';
import { KfError } from '../runtime/errors.js';
import { scrub } from '../runtime/redact.js';

/** The parts of an Azure SDK error that decide its code. */
interface ServiceFailure {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly statusCode?: number;
  readonly details?: { readonly errorCode?: string; readonly odataError?: { readonly code?: string } };
  readonly response?: { readonly headers?: { get(name: string): string | undefined } };
}

const MAX_RETRY_AFTER_MS = 600_000;

/** Codes of Node's network layer: nothing of the service was reached. */
const networkCodes =
  /^(ECONN|ENOTFOUND|EAI_|EHOST|ENET|EPIPE|ETIMEDOUT|EPROTO|ERR_TLS|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|REQUEST_SEND_ERROR)/;

/** The storage service's own code, such as `ContainerNotFound`, wherever the SDKs put it. */
export function storageServiceCode(thrown: unknown): string | undefined {
  const failure = thrown as ServiceFailure | undefined;
  return failure?.details?.errorCode ?? failure?.details?.odataError?.code ?? failure?.code;
}

function codeOf(failure: ServiceFailure, serviceCode: string | undefined): ErrorCode {
  const status = failure.statusCode ?? 0;
  if (failure.name === 'AbortError') return 'CANCELLED';
  if (serviceCode !== undefined && /BeingDeleted$|^LeaseIdMissing$/.test(serviceCode))
    return 'STORAGE_TRANSIENT';
  if (status === 404) return 'STORAGE_NOT_FOUND';
  if (status === 409 || status === 412) return 'STORAGE_CONFLICT';
  if (status === 401 || status === 403) return 'STORAGE_FORBIDDEN';
  if (status === 408 || status === 429 || status >= 500) return 'STORAGE_TRANSIENT';
  if (status === 0 && networkCodes.test(failure.code ?? '')) return 'STORAGE_UNREACHABLE';
  return status === 0 ? 'STORAGE_TRANSIENT' : 'INTERNAL';
}

function retryAfterMs(failure: ServiceFailure): number | undefined {
  const header = failure.response?.headers?.get('retry-after');
  const seconds = header === undefined ? Number.NaN : Number(header);
  return Number.isFinite(seconds) ? Math.min(Math.max(0, seconds * 1000), MAX_RETRY_AFTER_MS) : undefined;
}

/**
 * Gives what a storage SDK threw one STORAGE_* code (or CANCELLED). The SDK's error is not kept as cause, because it
 * holds the request with its SAS.
 */
export function classifyStorage(thrown: unknown, place: string): KfError {
  if (thrown instanceof KfError) return thrown;
  const failure = (thrown ?? {}) as ServiceFailure;
  const serviceCode = storageServiceCode(thrown);
  const retryAfter = retryAfterMs(failure);
  const firstLine = scrub(String(failure.message ?? thrown).split('\n')[0] ?? '');
  return new KfError(codeOf(failure, serviceCode), `${place}: ${firstLine}`, {
    ...(serviceCode === undefined ? {} : { serviceCode }),
    ...(retryAfter === undefined ? {} : { retryAfterMs: retryAfter }),
    ...(failure.statusCode === undefined ? {} : { fields: { httpStatus: failure.statusCode } }),
  });
}

/** What does not exist is no error here. */
export async function orUndefined<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof KfError && error.code === 'STORAGE_NOT_FOUND') return undefined;
    throw error;
  }
}
