/** What can go wrong while a local part starts or runs; the exit code follows from it. */
export type LocalErrorCode =
  | 'USAGE'
  | 'PORT_TAKEN'
  | 'START_FAILED'
  | 'START_TIMEOUT'
  | 'CONFIGURATION'
  | 'UNSUPPORTED';

/** Error of the local stack: what happened, a stable code, and what the user can do about it. */
export class LocalError extends Error {
  readonly code: LocalErrorCode;
  readonly fix: string | undefined;

  constructor(code: LocalErrorCode, message: string, options: { fix?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LocalError';
    this.code = code;
    this.fix = options.fix;
  }
}

/** A port some other process holds. `what` names the part, `flag` the option that changes the port. */
export function portTaken(what: string, port: number, flag: string): LocalError {
  return new LocalError('PORT_TAKEN', `port ${port} for ${what} is taken by another process`, {
    fix: `end that process, or choose another port with ${flag} N (0 takes any free port)`,
  });
}

/** True for the error Node raises when an address is already listened on. */
export function isAddressInUse(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
}

/** Exit code of a failed command: 2 for wrong usage, configuration or a taken port, else 1. */
export function exitCodeOf(error: unknown): 1 | 2 {
  if (!(error instanceof LocalError)) return 1;
  return error.code === 'START_FAILED' || error.code === 'START_TIMEOUT' ? 1 : 2;
}
