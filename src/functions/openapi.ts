import { dataFormats } from '../config/types.js';
import { errorCodes } from '../runtime/error-codes.js';
import { loadPaths, loadSchemas } from './openapi-loads.js';
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

const filterProperties: Record<string, Json> = {
  source: text,
  kind: { type: 'string', enum: ['decode', 'delivery'] },
  errorCode: text,
  from: { type: 'string', format: 'date-time' },
  to: { type: 'string', format: 'date-time' },
  limit: { type: 'integer', minimum: 1, maximum: 1000 },
  continuation: text,
};

const schemas: Json = {
  Problem: object(
    {
      type: text,
      title: text,
      status: whole,
      code: { type: 'string', enum: Object.keys(errorCodes) },
      detail: text,
      serviceCode: text,
      instance: text,
      requestId: text,
      fix: text,
      nextCommand: text,
    },
    ['type', 'title', 'status', 'code', 'detail', 'instance', 'requestId', 'nextCommand'],
  ),
  Operation: {
    ...object({ operationId: text, state: text, database: text, table: text }, [
      'operationId',
      'state',
      'database',
      'table',
    ]),
    additionalProperties: true,
  },
  Upload: object(
    {
      uploadId: text,
      url: { type: 'string', format: 'uri' },
      method: text,
      headers: { type: 'object', additionalProperties: text },
      expiresAt: { type: 'string', format: 'date-time' },
    },
    ['uploadId', 'url', 'method', 'headers', 'expiresAt'],
  ),
  Check: object({ name: text, ok: flagType, code: text, message: text, fix: text, warning: flagType }, [
    'name',
    'ok',
    'code',
    'fix',
  ]),
  DeadLetter: {
    ...object({
      id: text,
      kind: text,
      code: text,
      message: text,
      bodyBase64: text,
      source: text,
      time: text,
    }),
    additionalProperties: true,
  },
  Shipment: { ...object({ id: text, state: text, database: text, table: text }), additionalProperties: true },
  ...loadSchemas,
};

const ingestPaths: Json = {
  '/ingest/{database}/{table}': {
    post: operation('Ingest the records of the body', {
      parameters: [
        path('database'),
        path('table'),
        query('format', { type: 'string', enum: [...dataFormats] }, 'Default: by Content-Type'),
        query('mapping', text, 'Name of an ingestion mapping'),
        query('ignoreFirstRecord', flagType, 'Skip the header row of delimited text'),
        query('tags', text, 'Extent tags, separated by commas'),
        query('upload', text, 'Take the body from an upload instead'),
        {
          name: 'Idempotency-Key',
          in: 'header',
          schema: text,
          description: 'Makes a repeat harmless for 30 days',
        },
      ],
      requestBody: { content: { '*/*': { schema: { type: 'string', format: 'binary' } } } },
      responses: { 202: answer('Accepted; Location names the operation', ref('Operation')) },
    }),
  },
  '/operations/{id}': {
    get: operation('What became of an accepted body', {
      parameters: [path('id')],
      responses: { 200: answer('The operation', ref('Operation')) },
    }),
  },
  '/uploads': {
    post: operation('A short-lived link to upload a large body to', {
      requestBody: { content: json(object({ database: text, table: text }, ['database', 'table'])) },
      responses: { 201: answer('The link', ref('Upload')) },
    }),
  },
};

const operatePaths: Json = {
  '/dead-letters': {
    get: operation('Records that could not be brought into their table', {
      parameters: Object.entries(filterProperties).map(([name, schema]) => query(name, schema, 'Filter')),
      responses: {
        200: answer('A page', object({ letters: list(ref('DeadLetter')), continuation: text }, ['letters'])),
      },
    }),
  },
  '/dead-letters/replay': {
    post: operation('Send a selection through the path again', {
      requestBody: { content: json(object(filterProperties)) },
      responses: { 200: answer('Counts', object({ replayed: whole, failed: whole, skipped: whole })) },
    }),
  },
  '/shipments': {
    get: operation('Blobs on their way into a table', {
      responses: { 200: answer('Open shipments', object({ shipments: list(ref('Shipment')) })) },
    }),
  },
  '/shipments/{id}/retry': {
    post: operation('Send a shipment of unknown outcome again', {
      parameters: [path('id')],
      responses: { 200: answer('Done', object({ id: text, action: text })) },
    }),
  },
  '/shipments/{id}/dead-letter': {
    post: operation('Give a shipment of unknown outcome up to the dead letters', {
      parameters: [path('id')],
      responses: { 200: answer('Done', object({ id: text, action: text })) },
    }),
  },
};

const checks = object({ ok: flagType, checks: list(ref('Check')) }, ['ok', 'checks']);

const statusPaths: Json = {
  '/pipelines': {
    get: operation('Sources, their routes and counters', {
      responses: { 200: answer('Pipelines', object({ pipelines: list({ type: 'object' }) })) },
    }),
  },
  '/health': {
    get: operation('Do we ingest?', {
      security: [],
      responses: {
        200: answer('Yes', object({ status: text })),
        503: answer(
          'No; each failed check names its fix',
          object({ status: text, checks: list(ref('Check')) }),
        ),
      },
    }),
  },
  '/doctor': {
    get: operation('Run the start-up checks now', { responses: { 200: answer('The report', checks) } }),
  },
  '/openapi.json': {
    get: operation('This document', { responses: { 200: answer('OpenAPI', { type: 'object' }) } }),
  },
};

/** The HTTP interface as an OpenAPI 3.1 document. */
export function openApi(): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'kusto-functions',
      version: '1',
      description: 'Serverless ingestion into Kusto. Every error is application/problem+json.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/api' }],
    security: [{ functionKey: [] }],
    paths: { ...ingestPaths, ...loadPaths, ...operatePaths, ...statusPaths },
    components: {
      schemas,
      securitySchemes: { functionKey: { type: 'apiKey', in: 'header', name: 'x-functions-key' } },
    },
  };
}
