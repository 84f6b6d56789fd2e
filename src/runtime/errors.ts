import { type ErrorCode, errorCodes } from './error-codes.js';

export interface KfErrorOptions {
  readonly cause?: unknown;
  /** The service's own code, such as `Stream_WrongNumberOfFields`. */
  readonly serviceCode?: string;
  /** Wait at least this long before the next try (Retry-After). */
  readonly retryAfterMs?: number;
  /** Facts for people and dashboards; never a secret, never a body. */
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

/** The one error class of the product. The message names the place; the code decides what happens next. */
export class KfError extends Error {
  readonly code: ErrorCode;
  readonly serviceCode: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly fields: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message: string, options: KfErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'KfError';
    this.code = code;
    this.serviceCode = options.serviceCode;
    this.retryAfterMs = options.retryAfterMs;
    this.fields = options.fields ?? {};
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }

  get status(): number {
    return errorCodes[this.code].status;
  }
}

/** Gives any thrown thing a code: a {@link KfError} as it is, everything else as `code` with its cause. */
export function asKfError(error: unknown, code: ErrorCode, place: string): KfError {
  if (error instanceof KfError) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  return new KfError(code, `${place}: ${message}`, { cause: error });
}
