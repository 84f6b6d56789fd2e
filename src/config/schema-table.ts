import { z } from 'zod';
import { count, optionalText, requiredChoice, show, text } from './fields.js';
import { canonicalType, kustoTypes } from './kusto-types.js';
import { nearest } from './nearest.js';
import { parseTimeSpan } from './units.js';

/** A name of a database, table, column or mapping: what Kusto allows in identifiers. */
export const entityName = (doc: string) =>
  text(doc, {
    regex: /^[\p{L}\p{N}_ .-]{1,1024}$/u,
    expected: 'names have letters, digits, spaces, _ . - and at most 1024 characters',
  });

const mappingKinds = ['csv', 'json', 'avro', 'parquet', 'orc', 'w3clogfile'] as const;

const transformations = [
  'PropertyBagArrayToDictionary',
  'SourceLocation',
  'SourceLineNumber',
  'DateTimeFromUnixSeconds',
  'DateTimeFromUnixMilliseconds',
  'DateTimeFromUnixMicroseconds',
  'DateTimeFromUnixNanoseconds',
  'DropMappedFields',
  'BytesAsBase64',
] as const;

/** A Kusto type, under any of its names; becomes the canonical one. */
export const columnType = text('Kusto type of the column.').transform((name, context) => {
  const type = canonicalType(name);
  if (type === undefined) {
    const close = nearest(name, kustoTypes);
    const hint = close === undefined ? `write one of ${kustoTypes.join(', ')}` : `did you mean ${close}?`;
    context.addIssue({ code: 'custom', message: `${show(name)} is no Kusto type; ${hint}` });
    return z.NEVER;
  }
  return type;
});

/** One column of an ingestion mapping. */
export const mappingColumnSchema = z.object({
  column: entityName('Column of the table.'),
  dataType: columnType
    .optional()
    .meta({ description: 'Type, when `apply` shall create the column from the mapping.' }),
  path: optionalText('JSON path (json, parquet, orc, avro), such as `$.temperature`.', {
    regex: /^\$/,
    expected: 'a path begins with $',
  }),
  ordinal: count({ doc: 'Position in the row, from 0 (csv).', default: 0, max: 9999 })
    .removeDefault()
    .optional()
    .meta({ description: 'Position in the row, from 0 (csv).', 'x-unit': 'count' }),
  constValue: z.string().optional().meta({ description: 'A fixed value instead of one from the record.' }),
  field: optionalText('Name of the field (avro, w3clogfile).'),
  transform: requiredChoice(transformations, 'What the service does to the value.').optional().meta({
    description: 'What the service does to the value.',
  }),
});
export type MappingColumnInput = z.infer<typeof mappingColumnSchema>;

/** Tells what a mapping column lacks for its kind; undefined when it is complete. */
export function mappingColumnProblem(kind: string, column: MappingColumnInput): string | undefined {
  const positional = column.transform === 'SourceLocation' || column.transform === 'SourceLineNumber';
  if (column.constValue !== undefined || positional) {
    return undefined;
  }
  const wanted: Readonly<Record<string, readonly (keyof MappingColumnInput)[]>> = {
    csv: ['ordinal'],
    json: ['path'],
    avro: ['path', 'field'],
    parquet: ['path'],
    orc: ['path'],
    w3clogfile: ['field'],
  };
  const keys = wanted[kind] ?? [];
  return keys.some((key) => column[key] !== undefined)
    ? undefined
    : `a ${kind} mapping needs ${keys.join(' or ')} (or constValue) for column ${column.column}`;
}

const mappingSchema = z
  .object({
    name: entityName('Name of the mapping.'),
    kind: requiredChoice(mappingKinds, 'Which formats it is for; every delimited text format uses csv.'),
    columns: z
      .array(mappingColumnSchema)
      .min(1, { error: 'has no columns' })
      .meta({ description: 'Its columns.' }),
  })
  .superRefine((mapping, context) => {
    for (const [index, column] of mapping.columns.entries()) {
      const message = mappingColumnProblem(mapping.kind, column);
      if (message !== undefined) {
        context.addIssue({ code: 'custom', path: ['columns', index], message });
      }
    }
  });

const policyTimeSpan = (doc: string) =>
  text(doc).refine((value) => parseTimeSpan(value) !== undefined, {
    error: (issue) => `${show(issue.input)} is no time span; write d.hh:mm:ss such as 00:00:30`,
  });

const batchingSpan = policyTimeSpan('Longest wait before a batch is ingested, 00:00:10 to 00:30:00.').refine(
  (value) => {
    const spanMs = parseTimeSpan(value) ?? 10_000;
    return spanMs >= 10_000 && spanMs <= 1_800_000;
  },
  { error: (issue) => `${show(issue.input)} is out of range; the service takes 00:00:10 to 00:30:00` },
);

/** Policies that `apply` sets; every other is refused by name. */
const policiesSchema = z
  .object({
    streamingIngestion: z.boolean({ error: 'write true or false' }).optional().meta({
      description: 'Streaming ingestion for the table; the cluster must have it too.',
    }),
    ingestionBatching: z
      .object({
        MaximumBatchingTimeSpan: batchingSpan.optional(),
        MaximumNumberOfItems: z
          .int()
          .min(1)
          .max(25_000)
          .optional()
          .meta({ description: 'Blobs, 1 to 25000.' }),
        MaximumRawDataSizeMB: z.int().min(100).max(4096).optional().meta({
          description: 'Uncompressed megabytes, 100 to 4096.',
        }),
      })
      .optional()
      .meta({ description: 'When the service closes a batch of queued blobs.' }),
    retention: z
      .object({
        SoftDeletePeriod: policyTimeSpan('How long rows are kept, such as 30.00:00:00.').optional(),
        Recoverability: requiredChoice(
          ['Enabled', 'Disabled'],
          'Whether deleted data can be recovered.',
        ).optional(),
      })
      .optional()
      .meta({ description: 'How long the table keeps its rows.' }),
    caching: policyTimeSpan('How long rows stay in hot cache, such as 7.00:00:00.').optional().meta({
      description: 'How long rows stay in hot cache, such as 7.00:00:00.',
    }),
    ingestionTime: z.boolean({ error: 'write true or false' }).optional().meta({
      description: 'Keep the time of ingestion of every row.',
    }),
  })
  .prefault({})
  .meta({ description: 'Policies of the table.' });

/** One entry of `tables`. */
export const tableSchema = z
  .object({
    database: entityName('Database of the table; it must exist.'),
    name: entityName('Name of the table.'),
    columns: z
      .record(entityName('Column.'), columnType, { error: 'is required; write {column: type, …}' })
      .refine((columns) => Object.keys(columns).length > 0, { error: 'has no columns' })
      .refine((columns) => !Object.keys(columns).some((name) => /^\d+$/.test(name)), {
        error: 'has a name of digits only, whose place cannot be kept; rename the column',
      })
      .meta({ description: 'Column → Kusto type, in order.' }),
    mappings: z.array(mappingSchema).default([]).meta({ description: 'Ingestion mappings.' }),
    policies: policiesSchema,
    folder: optionalText('Folder in which tools show the table.'),
    docstring: optionalText('What the table holds.'),
  })
  .superRefine((table, context) => {
    for (const [index, mapping] of table.mappings.entries()) {
      if (
        table.mappings.findIndex(({ name, kind }) => name === mapping.name && kind === mapping.kind) !== index
      ) {
        const message = `there are two ${mapping.kind} mappings ${show(mapping.name)}`;
        context.addIssue({ code: 'custom', path: ['mappings', index, 'name'], message });
      }
      for (const [position, { column }] of mapping.columns.entries()) {
        if (!Object.hasOwn(table.columns, column)) {
          const close = nearest(column, Object.keys(table.columns));
          const hint = close === undefined ? 'add it to columns' : `did you mean ${close}?`;
          const path = ['mappings', index, 'columns', position, 'column'];
          context.addIssue({
            code: 'custom',
            path,
            message: `the table has no column ${show(column)}; ${hint}`,
          });
        }
      }
    }
  });
export type TableInput = z.output<typeof tableSchema>;
