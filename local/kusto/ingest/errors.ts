import { KustoError } from '../errors.js';

const STATUS: Readonly<Record<string, number>> = {
  BadRequest_FileTooLarge: 413,
  Stream_InputStreamTooLarge: 413,
  General_ThrottledIngestion: 429,
};

/** A permanent failure of one source, with a code of the service's list of ingestion errors. */
export function badData(code: string, message: string): KustoError {
  return new KustoError(message, {
    status: STATUS[code] ?? 400,
    code,
    type: 'Kusto.DataNode.Exceptions.StreamingIngestionRequestException',
    permanent: true,
  });
}

/** A failure that may pass when it is tried again. */
export function transientFailure(code: string, message: string): KustoError {
  return new KustoError(message, {
    status: 503,
    code,
    type: 'Kusto.DataNode.Exceptions.ServiceUnavailableException',
    permanent: false,
  });
}
