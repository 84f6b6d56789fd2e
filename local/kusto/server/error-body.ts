import { KustoError } from '../errors.js';

/** Facts of the request that an error body repeats. */
interface ErrorContext {
  readonly clientRequestId: string;
  readonly activityId: string;
  /** ISO. */
  readonly timestamp: string;
}

/** Anything thrown → an error the service would answer with; faults of this program become a 500. */
export function asKustoError(error: unknown): KustoError {
  if (error instanceof KustoError) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  return new KustoError(`The local engine failed: ${message}`, {
    status: 500,
    code: 'General_InternalServerError',
    type: 'Kusto.Local.InternalErrorException',
    permanent: false,
  });
}

/** The service's error body: an object `error` with its context, `@permanent` and, for semantic errors, innererror. */
export function errorBody(error: KustoError, context: ErrorContext): string {
  const { clientRequestId, activityId, timestamp } = context;
  return JSON.stringify({
    error: {
      code: error.code,
      message: messageFor(error),
      '@type': error.type,
      '@message': error.message,
      '@context': {
        timestamp,
        serviceAlias: 'LOCAL',
        machineName: 'KEngine000000',
        processName: 'Kusto.Local',
        processId: process.pid,
        threadId: 0,
        clientRequestId,
        activityId,
        subActivityId: activityId,
        activityType: 'GW.Http.CallContext',
        parentActivityId: activityId,
        activityStack: `(Activity stack: CRID=${clientRequestId} ARID=${activityId})`,
      },
      '@permanent': error.permanent,
      ...(error.innerCode !== undefined && {
        innererror: {
          code: error.innerCode,
          message: error.message,
          '@type': error.type,
          '@message': error.message,
          '@permanent': error.permanent,
        },
      }),
    },
  });
}

function messageFor({ status, message }: KustoError): string {
  switch (status) {
    case 400:
      return 'Request is invalid and cannot be executed.';
    case 401:
    case 403:
      return 'Caller is not authorized to perform this action';
    case 429:
      return 'Request is throttled, too many requests.';
    default:
      return message;
  }
}
