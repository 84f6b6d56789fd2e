import type { SourceStatus } from '../kusto/ports.js';

/**
 * What a final failure of a blob asks for. `resend`: the same blob again. `cut`: some record in it is refused.
 * `deadLetter`: nothing in the blob can be ingested until somebody mends the target.
 */
export type FailureAction = 'resend' | 'cut' | 'deadLetter' | 'wait';

/** Refused because of what is in the blob: cutting it finds the records. */
const content =
  /^(Stream_|Schema_|BadRequest_(NoRecordsOrWrongFormat|InvalidBlob$|EmptyBlob|CorruptedMessage|InvalidRecord|FileTooLarge|DataNotInExpectedFormat)|FileTooLarge|UpdatePolicy_|NoRecordsOrWrongFormat)/i;
/** A fresh link and another try may help: the blob was not read at all. */
const unread = /^(Download_|General_|BlobAlreadyReceived|Timeout|OutOfMemory|BadRequest_InvalidBlobUri)/i;

/** `failure` of unknown kind is neither: it is asked again until it is known or the time is up. */
export function actionFor(status: SourceStatus): FailureAction {
  const code = status.errorCode ?? '';
  if (status.state === 'partiallySucceeded') return 'deadLetter';
  if (status.failure === 'transient' || status.failure === 'exhausted') return 'resend';
  if (status.failure !== 'permanent') return 'wait';
  if (unread.test(code)) return 'resend';
  return content.test(code) ? 'cut' : 'deadLetter';
}
