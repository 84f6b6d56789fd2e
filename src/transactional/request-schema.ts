import { z } from 'zod';
import { choiceError } from '../config/fields.js';
import type { SchemaNode } from '../config/issues.js';
import { columnType, entityName } from '../config/schema-table.js';
import { dataFormats } from '../config/types.js';
import { schemaAdjustments, writeModes } from './types.js';

/** Two days, as the Spark connector's `timeoutLimit`. */
const DEFAULT_TIMEOUT_MS = 172_800_000;
/** Links to staged blobs, which must outlive a load, live five days at most. */
const MAX_TIMEOUT_MS = 4 * 86_400_000;
/** Bytes of one source that the service takes: `maxDataSize` of its configuration. */
export const MAX_RAW_BYTES = 6_442_450_944;
const MAX_TAGS = 64;
const MAX_TAG_CHARS = 1_024;

const whole = (min: number, max = Number.MAX_SAFE_INTEGER) => z.number().int().min(min).max(max);
const choice = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: choiceError(values) });

/** An option that may be left out, or null. */
const optional = <T extends z.ZodType>(type: T) =>
  type.nullish().transform((value) => (value === null ? undefined : value));

const tag = (prefix: string | undefined) =>
  z
    .string()
    .min(1)
    .max(MAX_TAG_CHARS)
    .refine((text) => !/\p{Cc}/u.test(text), { error: 'holds a control character' })
    .refine((text) => prefix === undefined || !text.startsWith(prefix), {
      error: `write the value without "${prefix}"`,
    });
const tags = (prefix?: string) => z.array(tag(prefix)).max(MAX_TAGS).default([]);

const sourceSchema = z.object({
  url: z.string().optional(),
  prefix: z.string().optional(),
  upload: z
    .string()
    .regex(/^[0-9a-f-]{36}$/i, { error: 'is no upload id; POST /api/uploads answers one' })
    .optional(),
  rawSizeBytes: whole(0).optional(),
  rows: whole(0).optional(),
  gzip: z.boolean().optional(),
});
export type SourceInput = z.output<typeof sourceSchema>;

/** When extents count as created: not in the future, by more than clocks may differ. */
const creationTime = z.iso
  .datetime({ offset: true, error: 'is no time; write 2026-01-31T00:00:00Z' })
  .transform((text) => new Date(text).toISOString());

/** The body of `POST /api/loads`. */
export const requestSchema = z.object({
  requestId: optional(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, {
      error: 'write letters, digits, . _ and -, at most 100',
    }),
  ),
  writeMode: choice(writeModes).default('Transactional'),
  database: entityName('Database of the table.'),
  table: entityName('Table.'),
  sources: z.array(sourceSchema).min(1),
  format: choice(dataFormats),
  ignoreFirstRecord: z.boolean().default(false),
  mapping: optional(entityName('Mapping of the table.')),
  tableCreateOptions: choice(['FailIfNotExist', 'CreateIfNotExist']).default('FailIfNotExist'),
  schema: optional(z.record(entityName('Column.'), columnType)),
  adjustSchema: choice([...schemaAdjustments, 'GenerateDynamicCsvMapping'])
    .default('NoAdjustment')
    .transform((value) => (value === 'GenerateDynamicCsvMapping' ? 'GenerateDynamicMapping' : value)),
  tempTableName: optional(entityName('Staging table.')),
  clientBatchingLimitMb: whole(1, 6_000).default(300),
  tags: z
    .object({
      additional: tags(),
      ingestBy: tags('ingest-by:'),
      ingestIfNotExists: tags('ingest-by:'),
    })
    .prefault({}),
  creationTime: optional(creationTime),
  expectedRows: optional(whole(0)),
  timeoutMs: whole(1_000, MAX_TIMEOUT_MS).default(DEFAULT_TIMEOUT_MS),
  allowPartialVisibility: z.boolean().default(false),
});
export type RequestInput = z.output<typeof requestSchema>;

/** The same as data: for the check of unknown options, and for the OpenAPI document. */
export function requestSchemaTree(): SchemaNode {
  return z.toJSONSchema(requestSchema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
  }) as SchemaNode;
}
