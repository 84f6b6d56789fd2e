/**
 * Every error code of the product, with what it means and what to do. `docs/errors.md` is generated from this
 * table; codes are never renamed.
 */
export interface ErrorCodeFacts {
  /** HTTP status when the error reaches a caller. */
  readonly status: number;
  /** May the same call succeed later without a change by anybody? Decided here, once. */
  readonly retryable: boolean;
  readonly cause: string;
  readonly fix: string;
}

const permanent = (status: number, cause: string, fix: string): ErrorCodeFacts => ({
  status,
  retryable: false,
  cause,
  fix,
});
const transient = (status: number, cause: string, fix: string): ErrorCodeFacts => ({
  status,
  retryable: true,
  cause,
  fix,
});

export const errorCodes = {
  CONFIG_INVALID: permanent(
    500,
    'pipeline.yaml or an app setting is wrong',
    'Correct every path that the message lists, then run `kusto-functions check`.',
  ),
  CONFIG_SETTING_MISSING: permanent(
    500,
    'A %SETTING% that pipeline.yaml names has no value',
    'Set the app setting, in local.settings.json on a laptop.',
  ),
  RECORD_NOT_UTF8: permanent(422, 'The body is not valid UTF-8', 'Send UTF-8, or route the source as `raw`.'),
  RECORD_NOT_JSON: permanent(
    422,
    'The body is not valid JSON',
    'Correct the producer, then replay the dead letter.',
  ),
  RECORD_NOT_OBJECT: permanent(
    422,
    'The body is JSON, but neither an object nor an array of objects',
    'Wrap the value in an object.',
  ),
  RECORD_TOO_LARGE: permanent(
    422,
    'One record is larger than the service takes',
    'Split the record or raise `maxRecordBytes` up to 64 MiB.',
  ),
  RECORD_TOO_DEEP: permanent(422, 'The record is nested too deeply', 'Flatten the record.'),
  RECORD_KEY_EXISTS: permanent(
    422,
    'The record already has a key that a metadata column would set',
    'Rename the metadata column or set `existingColumn: overwrite`.',
  ),
  RECORD_FIELD_COUNT: permanent(
    422,
    'A delimited row has another number of fields than the route declares',
    'Correct the row; one odd row would fail the whole blob.',
  ),
  RECORD_UNBALANCED_QUOTE: permanent(422, 'A quoted field is never closed', 'Correct the row.'),
  RECORD_EMPTY: permanent(422, 'The body holds no record', 'Send at least one record.'),
  RECORD_NOT_OF_FORMAT: permanent(
    422,
    'The body does not begin or end as its format must',
    'Send whole files of the format that the route or the request names.',
  ),
  RECORD_NOT_AVRO: permanent(422, 'The body is not what its Avro schema says', 'Correct the producer.'),
  RECORD_NOT_GZIP: permanent(422, 'The body is not a whole gzip stream', 'Send whole gzip members only.'),
  RECORD_BOMB: permanent(
    422,
    'The compressed body grows beyond the limits on size or ratio',
    'Send less per body or raise `maxInflatedBytes`.',
  ),
  FORMAT_UNKNOWN: permanent(
    400,
    'The format is not one we know',
    'Use one of the formats the message lists.',
  ),
  ROUTE_NOT_ALLOWED: permanent(
    403,
    'The record or request names a target outside the allow-list',
    'Add the target to `dynamic.allow` (events) or `http.tables` (HTTP).',
  ),
  TRANSFORM_INVALID: permanent(
    500,
    'The transform module cannot be loaded or exports no function',
    'Export a default function `(record, context) => record | record[] | null`.',
  ),
  TRANSFORM_FAILED: permanent(
    422,
    'The transform threw',
    'Correct the transform, then replay the dead letters.',
  ),
  TRANSFORM_TIMEOUT: permanent(
    422,
    'The transform held a record longer than `transformTimeoutMs`',
    'Make it faster or raise the limit.',
  ),
  TRANSFORM_LIMIT: permanent(
    422,
    'The transform made more or larger records than the limits allow',
    'Return fewer or smaller records.',
  ),
  KUSTO_THROTTLED: transient(503, 'The cluster throttles', 'Nothing: it is tried again with backoff.'),
  KUSTO_TRANSIENT: transient(503, 'The cluster failed for a passing reason', 'Nothing: it is tried again.'),
  KUSTO_UNREACHABLE: transient(
    503,
    'The cluster cannot be reached',
    'Check the URL, DNS, firewall and `kusto.proxyUrl`.',
  ),
  KUSTO_PERMANENT: permanent(
    502,
    'The cluster refused the call for good',
    'Read the service code beside it.',
  ),
  KUSTO_UNAUTHORIZED: permanent(
    502,
    'The cluster did not accept the token (401)',
    'Check `kusto.auth` and the tenant.',
  ),
  KUSTO_FORBIDDEN: permanent(
    502,
    'The principal lacks a role (403)',
    'Grant the role that the message names.',
  ),
  KUSTO_STREAMING_OFF: permanent(
    502,
    'Streaming ingestion is off for the table or the cluster',
    'Enable the streaming ingestion policy, or use `delivery: queued`.',
  ),
  KUSTO_TOO_LARGE: permanent(502, 'A streaming request is larger than 4 MB', 'It is sent queued instead.'),
  KUSTO_BAD_ANSWER: transient(502, 'The service answered something unexpected', 'See the details.'),
  AUTH_FAILED: permanent(502, 'No token could be had', 'Check the identity that `kusto.auth` names.'),
  INGESTION_REFUSED: permanent(
    422,
    'The service accepted the blob but refused its content',
    'Correct the record or the mapping, then replay the dead letter.',
  ),
  INGESTION_UNKNOWN: permanent(
    500,
    'The service gave no final status within `settleTimeoutMs`',
    'Decide with `kusto-functions shipments retry|dead-letter ID`.',
  ),
  STORAGE_UNREACHABLE: transient(503, 'The storage account cannot be reached', 'Check DNS, firewall, proxy.'),
  STORAGE_FORBIDDEN: permanent(
    502,
    'The storage account refused the call (403)',
    'Grant Storage Blob Data Owner and Storage Table Data Contributor to the identity.',
  ),
  STORAGE_NOT_FOUND: permanent(404, 'The blob or entity does not exist', 'See the name in the message.'),
  STORAGE_CONFLICT: permanent(409, 'Somebody else changed the blob or entity first', 'It is read again.'),
  STORAGE_TRANSIENT: transient(503, 'The storage account failed for a passing reason', 'It is tried again.'),
  DEADLINE_EXCEEDED: transient(504, 'The step did not end within its deadline', 'It is tried again.'),
  CANCELLED: transient(499, 'The step was cancelled', 'Nothing.'),
  REQUEST_INVALID: permanent(400, 'The request is wrong', 'Correct the field that the message names.'),
  BODY_TOO_LARGE: permanent(
    413,
    'The body is larger than `http.maxBodyBytes`',
    'Split it or raise `http.maxBodyBytes`; what the platform stops goes over `POST /api/uploads`.',
  ),
  BODY_EMPTY: permanent(400, 'The body is empty', 'Send at least one record.'),
  IDEMPOTENCY_MISMATCH: permanent(
    409,
    'The Idempotency-Key was used for another target or body',
    'Use a new key.',
  ),
  IDEMPOTENCY_IN_PROGRESS: transient(
    409,
    'A request with the same Idempotency-Key is still running',
    'Ask again after the time in Retry-After.',
  ),
  NOT_FOUND: permanent(404, 'There is no such thing', 'Check the id.'),
  CHECK_FAILED: permanent(
    503,
    'A start-up check failed, so ingestion is stopped',
    'Run `kusto-functions doctor`; each failed check names its fix.',
  ),
  LOAD_TABLE_MISSING: permanent(
    404,
    'The target table of the load does not exist',
    'Create it, or send `tableCreateOptions: CreateIfNotExist` with a `schema`.',
  ),
  LOAD_SCHEMA_MISMATCH: permanent(
    422,
    'The columns of the source, the staging table and the target do not fit each other',
    'Correct `schema`, or send `adjustSchema: GenerateDynamicMapping` to map by name.',
  ),
  LOAD_MAPPING_MISSING: permanent(
    422,
    'The mapping does not exist for the format of the load',
    'Create it on the target table, or correct `mapping`.',
  ),
  LOAD_SOURCE_FORBIDDEN: permanent(
    403,
    'A source of the load is outside the storage that loads may read',
    'Add its container to `load.storage` in pipeline.yaml, or use POST /api/uploads.',
  ),
  LOAD_SOURCE_MISSING: permanent(
    422,
    'A source of the load cannot be found or read',
    'Correct the address, upload the body first, or give the app read access.',
  ),
  LOAD_SOURCE_TOO_LARGE: permanent(
    413,
    'A source is larger than the service takes, or there are too many of them',
    'Split it below 6 GiB of uncompressed data, or raise `load.maxSources`.',
  ),
  LOAD_SOURCE_INVALID: permanent(
    422,
    'An uploaded body is not of its format',
    'Correct the record that the message names, then load again.',
  ),
  LOAD_SOURCE_REFUSED: permanent(
    422,
    'The service refused a blob of the load, so nothing of it was committed',
    'Run `kusto-functions diagnose ID`, correct the blob or the mapping, then load again.',
  ),
  LOAD_ROWS_MISMATCH: permanent(
    422,
    'The staging table holds another number of rows than the sources, also when staged anew',
    'Check `rows` and `expectedRows` of the request and the records the service leaves out.',
  ),
  LOAD_TEMP_TABLE_INVALID: permanent(
    422,
    'The table named in `tempTableName` cannot be used for staging',
    'Name an existing, empty table with the columns of the target, or leave `tempTableName` out.',
  ),
  LOAD_NOT_ATOMIC: permanent(
    422,
    'The load would have to be moved by several commands, so parts of it would be visible before the rest',
    'Load fewer blobs at a time, or send `allowPartialVisibility: true` where nothing derives from the table.',
  ),
  LOAD_CREATION_TIME_REFUSED: permanent(
    422,
    'Rows or tags of that creation time would be removed by a policy of the table before the load is over',
    'Use a later `creationTime`, a shorter `timeoutMs`, or change the retention policies.',
  ),
  LOAD_COMMIT_FAILED: permanent(
    502,
    'The commit failed for good, and was undone',
    'Run `kusto-functions diagnose ID` and see the operation.',
  ),
  LOAD_TIMED_OUT: permanent(
    422,
    'The load did not end within its `timeoutMs`, so it was undone',
    'Run `kusto-functions diagnose ID`: look at the batching policy and the ingestion queue, or raise `timeoutMs`.',
  ),
  LOAD_UNDO_FAILED: permanent(500, 'The load failed and could not be undone', 'Run the command in `repair`.'),
  LOAD_PARTIAL: permanent(
    422,
    'A load with `writeMode: Queued` failed after some of its blobs were ingested',
    'Keep what is there and load the rest, or remove it with the command in `repair`.',
  ),
  LOAD_CANCELLED: permanent(409, 'The load was cancelled by its caller, and undone', 'Start it again.'),
  LOAD_ENDED: permanent(409, 'The load has ended, so it cannot be cancelled', 'Look at its state.'),
  REQUEST_ID_REUSED: permanent(
    409,
    'The requestId was used for a load with other content',
    'Use a new requestId.',
  ),
  ILLEGAL_STATE: permanent(500, 'A state move that the table of moves does not allow', 'Report this.'),
  INTERNAL: permanent(500, 'A defect', 'Report this with the request id.'),
} as const satisfies Record<string, ErrorCodeFacts>;

export type ErrorCode = keyof typeof errorCodes;
