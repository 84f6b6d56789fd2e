export interface KustoErrorOptions {
  readonly status: number;
  /** `code` of the error body, such as `BadRequest_EntityNotFound`. */
  readonly code: string;
  /** .NET exception name, `@type` of the error body. */
  readonly type?: string;
  readonly permanent?: boolean;
  /** Such as `SEM0100`. */
  readonly innerCode?: string;
  readonly retryAfterSeconds?: number;
}

/** An error the engine or the data-management endpoint answers with, in the service's shape. */
export class KustoError extends Error {
  readonly status: number;
  readonly code: string;
  readonly type: string;
  readonly permanent: boolean;
  readonly innerCode: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, options: KustoErrorOptions) {
    super(message);
    this.name = 'KustoError';
    this.status = options.status;
    this.code = options.code;
    this.type = options.type ?? 'Kusto.DataNode.Exceptions.BadRequestException';
    this.permanent = options.permanent ?? true;
    this.innerCode = options.innerCode;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** What the local engine does not implement is refused by name, never guessed. */
export function notSupported(what: string): KustoError {
  return new KustoError(`${what} is not supported by the local engine`, {
    status: 400,
    code: 'BadRequest_NotSupportedByLocalEngine',
    type: 'Kusto.Local.NotSupportedException',
  });
}
