/** What a {@link HostError} can be about; every code names one kind of mistake and its way out is in the message. */
export type HostErrorCode =
  | 'usage'
  | 'app-not-found'
  | 'config-invalid'
  | 'port-taken'
  | 'setting-missing'
  | 'binding-unsupported'
  | 'binding-invalid'
  | 'app-load-failed'
  | 'worker-unavailable'
  | 'frame-too-large';

/** An error of the local host itself (never one thrown by the function app). */
export class HostError extends Error {
  readonly code: HostErrorCode;

  constructor(code: HostErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HostError';
    this.code = code;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
