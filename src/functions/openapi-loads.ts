import type { SchemaNode } from '../config/issues.js';
import { errorCodes } from '../runtime/error-codes.js';
import { requestSchemaTree } from '../transactional/request-schema.js';
import { loadStates, loadSteps, writeModes } from '../transactional/types.js';
import {
  answer,
  flagType,
  type Json,
  json,
  list,
  object,
  operation,
  path,
  query,
  ref,
  text,
  whole,
} from './openapi-parts.js';

/** What each member of a request means; its type, limits and default come from the schema that checks it. */
const requestDocs: Readonly<Record<string, string>> = {
  requestId: 'Makes a repeat harmless: the same id with the same content answers the load that there is.',
  writeMode: 'Transactional: all or nothing. Queued: straight into the table, tracked, at least once.',
  database: 'Database of the table.',
  table: 'Target; `http.tables` must allow it.',
  sources: 'What to load; each member is one of `url`, `prefix` and `upload`.',
  'sources.url': 'A blob in storage that `load.storage` allows.',
  'sources.prefix': 'Every blob with content whose address begins so.',
  'sources.upload': 'Id of a body uploaded by way of `POST /uploads`.',
  'sources.rawSizeBytes': 'Uncompressed bytes of the blob of `url`.',
  'sources.rows': 'Rows of the blob of `url`; checked before the commit.',
  'sources.gzip': 'The upload is gzipped.',
  format: 'Format of every source.',
  ignoreFirstRecord: 'The first row of every source of delimited text is a header.',
  mapping: 'Ingestion mapping of the table or its database.',
  tableCreateOptions: 'Whether a missing table is an error or is created from `schema`.',
  schema: 'Columns of the source and their types, in order.',
  adjustSchema: 'How `schema` is held against the columns of the table.',
  tempTableName: 'A staging table of your own; it is never dropped.',
  clientBatchingLimitMb: 'Uncompressed MiB at which an upload is cut into the next blob.',
  tags: 'Tags of the extents that are committed.',
  'tags.additional': 'Tags as they are.',
  'tags.ingestBy': 'Values of `ingest-by:` tags.',
  'tags.ingestIfNotExists':
    'The load is skipped when the table has an extent with one of these `ingest-by:` values.',
  creationTime: 'The extents count as created then.',
  expectedRows: 'The load is committed only when exactly so many rows were staged.',
  timeoutMs: 'From the start to the last moment at which a commit may begin.',
  allowPartialVisibility: 'Allow several moves for more extents than one command takes.',
};

/** A node with the description of every member below it. */
function described(node: SchemaNode, at: string): SchemaNode {
  const doc = requestDocs[at];
  const inside = (name: string): string => (at === '' ? name : `${at}.${name}`);
  return {
    ...node,
    ...(doc === undefined ? {} : { description: doc }),
    ...(node.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(node.properties).map(([name, child]) => [name, described(child, inside(name))]),
          ),
        }),
    ...(node.items === undefined
      ? {}
      : { items: { ...described(node.items, at), description: 'One of them.' } }),
  };
}

function requestSchema(): Json {
  const { $schema: _dialect, ...tree } = requestSchemaTree() as SchemaNode & { $schema?: string };
  return described(tree, '') as Json;
}

const time: Json = { type: 'string', format: 'date-time' };
const numbers = (...names: readonly string[]): Json =>
  object(Object.fromEntries(names.map((name) => [name, whole])));

const loadError = object(
  {
    code: { type: 'string', enum: Object.keys(errorCodes) },
    message: text,
    serviceCode: text,
    source: text,
    cause: text,
    lookAt: list(text),
    nextCommand: text,
  },
  ['code', 'message', 'cause', 'lookAt', 'nextCommand'],
);

const loadProperties: Record<string, Json> = {
  id: text,
  requestId: text,
  state: { type: 'string', enum: [...loadStates] },
  step: { type: 'string', enum: [...loadSteps] },
  writeMode: { type: 'string', enum: [...writeModes] },
  database: text,
  table: text,
  createdAt: time,
  updatedAt: time,
  endedAt: time,
  deadline: time,
  cancelRequested: flagType,
  counts: numbers('blobs', 'sent', 'succeeded', 'failed'),
  rows: numbers('expected', 'staged', 'committed'),
  bytes: numbers('stored', 'raw'),
  extents: numbers('staged', 'committed'),
  commit: object({
    form: { type: 'string', enum: ['move', 'append'] },
    operationId: text,
    moveBatches: whole,
  }),
  stagedAnew: whole,
  possibleDuplicates: whole,
  skippedBy: text,
  warnings: list(text),
  error: loadError,
  repair: { type: 'string', description: 'Commands, one a line, that mend what an undo could not.' },
  timing: numbers('totalMs', 'handOverMs', 'ingestionMs', 'commitMs', 'ownMs'),
};
const always = [
  'id',
  'requestId',
  'state',
  'step',
  'writeMode',
  'database',
  'table',
  'createdAt',
  'updatedAt',
];
const required = [...always, 'deadline', 'cancelRequested', 'counts', 'rows', 'bytes', 'extents'];

const loadSource = object(
  {
    index: whole,
    address: text,
    state: {
      type: 'string',
      enum: ['pending', 'queued', 'succeeded', 'failed', 'partiallySucceeded', 'skipped'],
    },
    rows: whole,
    errorCode: text,
    details: text,
  },
  ['index', 'address', 'state'],
);

export const loadSchemas: Readonly<Record<string, Json>> = {
  LoadRequest: requestSchema(),
  Load: object(loadProperties, required),
  LoadSource: loadSource,
  LoadDetails: object({ ...loadProperties, sources: list(ref('LoadSource')), continuation: text }, [
    ...required,
    'sources',
  ]),
  Orphan: object(
    { kind: { type: 'string', enum: ['table', 'blob'] }, database: text, name: text, command: text },
    ['kind', 'name'],
  ),
  DiagnosisPoint: object(
    {
      number: whole,
      name: text,
      finding: text,
      command: text,
      rows: list({ type: 'object', additionalProperties: true }),
    },
    ['number', 'name', 'finding'],
  ),
};

const prefer: Json = {
  name: 'Prefer',
  in: 'header',
  schema: text,
  description: '`wait=N`: wait for the end, N seconds (0 to 200) at most',
};
const limit = query('limit', { type: 'integer', minimum: 1, maximum: 1000, default: 100 }, 'At most so many');
const continuation = query('continuation', text, 'Goes on where the last page ended');

const startOrList: Json = {
  post: operation('Load blobs and uploads into a table, all or nothing', {
    parameters: [prefer],
    requestBody: { required: true, content: json(ref('LoadRequest')) },
    responses: {
      200: answer('It has ended; its state tells how', ref('Load')),
      202: answer('It runs; Location names it', ref('Load')),
    },
  }),
  get: operation('Loads, the newest first', {
    parameters: [
      query('state', { type: 'string', enum: [...loadStates] }, 'Only in this state'),
      limit,
      continuation,
    ],
    responses: { 200: answer('A page', object({ loads: list(ref('Load')), continuation: text }, ['loads'])) },
  }),
};

const showOrCancel: Json = {
  get: operation('How far a load is, or how it ended, with a page of its blobs', {
    parameters: [path('id'), prefer, limit, continuation],
    responses: { 200: answer('The load', ref('LoadDetails')) },
  }),
  delete: operation('Stop a load that runs and undo what it did', {
    parameters: [path('id')],
    responses: {
      200: answer('It is cancelled', ref('Load')),
      202: answer('It will be undone, unless its commit is taken already', ref('Load')),
    },
  }),
};

export const loadPaths: Readonly<Record<string, Json>> = {
  '/loads': startOrList,
  '/loads/{id}': showOrCancel,
  '/loads/{id}/diagnosis': {
    get: operation('Ask the cluster why a load failed or hangs; changes nothing', {
      parameters: [path('id')],
      responses: {
        200: answer(
          'The load, and every point of the checklist',
          object({ load: ref('Load'), points: list(ref('DiagnosisPoint')) }, ['load', 'points']),
        ),
      },
    }),
  },
  '/loads/orphans': {
    get: operation('Staging tables, hidden ones too, and staged blobs that no running load owns', {
      responses: { 200: answer('All of them', object({ orphans: list(ref('Orphan')) }, ['orphans'])) },
    }),
  },
};
