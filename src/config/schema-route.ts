import { z } from 'zod';
import {
  choice,
  count,
  duration,
  flag,
  optionalSize,
  optionalText,
  requiredChoice,
  size,
  textList,
} from './fields.js';
import { mappingKindOf } from './kusto-types.js';
import { entityName, mappingColumnProblem, mappingColumnSchema } from './schema-table.js';
import { dataFormats, metadataFacts } from './types.js';
import { formatDuration, formatSize, GiB, KiB, MiB } from './units.js';

/** Largest uncompressed body of one streaming request. */
export const maxStreamingBytes = 4 * MiB;
/** Formats whose records take metadata columns: keys spliced into the JSON object. */
const formatsWithColumns: readonly string[] = ['json'];

/** `Database.Table` where either part may hold `*`. */
export const targetPattern = {
  regex: /^[^.]+\..+$/,
  expected: 'write Database.Table, where * stands for any letters',
} as const;

const batchSchema = z
  .object({
    maxBytes: optionalSize({
      doc: 'Uncompressed bytes at which a batch is sent. Default 64MiB; 4MiB, also the most, with streaming.',
      min: 1,
      max: GiB,
    }),
    maxRecords: count({
      doc: 'Records at which a batch is sent.',
      default: 500_000,
      min: 1,
      max: 10_000_000,
    }),
    lingerMs: duration({ doc: 'Shortest wait for more records.', default: 0 }),
    maxAgeMs: duration({ doc: 'Longest age of a batch that is not yet sent.', default: 30_000, min: 1 }),
  })
  .superRefine((batch, context) => {
    if (batch.lingerMs > batch.maxAgeMs) {
      const message = `${formatDuration(batch.lingerMs)} is longer than maxAgeMs (${formatDuration(batch.maxAgeMs)})`;
      context.addIssue({ code: 'custom', path: ['lingerMs'], message: `${message}; write less` });
    }
  })
  .prefault({})
  .meta({ description: 'When a batch is sent: the first limit reached decides.' });

const dynamicSchema = z
  .object({
    allow: textList('Targets that event properties may name, such as `Telemetry.*`.', targetPattern),
  })
  .prefault({})
  .meta({
    description:
      'Event properties Database, Table, Format, IngestionMappingReference, Compression, Encoding and Tags ' +
      'override the route within this list.',
  });

const routeShape = z.object({
  database: entityName('Target database.'),
  table: entityName('Target table.'),
  format: requiredChoice(dataFormats, 'Format of the record bodies.'),
  mapping: z
    .union([
      entityName('Name of a mapping.'),
      z.array(mappingColumnSchema).min(1, { error: 'has no columns' }),
    ])
    .optional()
    .meta({ description: 'Name of an ingestion mapping of the table, or its columns inline.' }),
  delivery: choice(['queued', 'streaming'], {
    doc: 'Queued takes any volume within minutes; streaming takes a little within seconds.',
    default: 'queued',
  }),
  staging: choice(['own', 'service'], {
    doc: 'Where queued blobs wait: in our storage account, where a refused one can be read again, or the service’s.',
    default: 'own',
  }),
  tableCreateOptions: choice(['FailIfNotExist', 'CreateIfNotExist'], {
    doc: 'What the start-up check does when the table is missing; creating needs its entry in `tables`.',
    default: 'FailIfNotExist',
  }),
  dynamic: dynamicSchema,
  columns: z
    .record(entityName('Key.'), requiredChoice(metadataFacts, 'Fact.'), {
      error: 'is no map; write {key: fact}',
    })
    .default({})
    .meta({
      description: `Keys added to each JSON object → fact of the source (${metadataFacts.join(', ')}).`,
      'x-default': '{}',
    }),
  existingColumn: choice(['deadLetter', 'overwrite', 'keep'], {
    doc: 'What happens to a record that already has a key of `columns`.',
    default: 'deadLetter',
  }),
  oversizedValue: choice(['deadLetter', 'count'], {
    doc: 'What happens to a record with a value over the limits of the service, which would cut it or make it null.',
    default: 'deadLetter',
  }),
  transform: optionalText('Module that changes, splits or drops records; a path beside pipeline.yaml.', {
    regex: /\.(?:[cm]?[jt]s)$/,
    expected: 'write the path of a .ts, .js, .mts or .mjs file',
  }),
  transformTimeoutMs: duration({
    doc: 'Longest time of the transform for one record.',
    default: 5000,
    min: 1,
  }),
  batch: batchSchema,
  flushImmediately: flag({
    doc: 'Makes the service ingest every blob alone; costs much and is seldom right.',
    default: false,
  }),
  ignoreFirstRecord: flag({ doc: 'Every body begins with a header row that is no data.', default: false }),
  tags: z
    .object({
      additional: textList('Tags of the extents.'),
      dropBy: textList('Tags by which extents can be dropped again (`drop-by:`).'),
    })
    .prefault({})
    .meta({ description: 'Extent tags.' }),
  maxRecordBytes: size({
    doc: 'Largest record after inflation.',
    default: 64 * MiB,
    min: KiB,
    max: 64 * MiB,
  }),
  maxInflatedBytes: size({
    doc: 'Largest body after inflation.',
    default: 64 * MiB,
    min: KiB,
    max: 4 * GiB,
  }),
  maxInflateRatio: count({
    doc: 'Largest growth of a gzip body; beyond it the body is taken for an attack.',
    default: 1000,
    min: 2,
    max: 100_000,
  }),
});
export type RouteInput = z.infer<typeof routeShape>;

interface Finding {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function streamingFindings(route: RouteInput): Finding[] {
  const tooLarge = (route.batch.maxBytes ?? 0) > maxStreamingBytes;
  const findings: [boolean, Finding['path'], string][] = [
    [
      tooLarge,
      ['batch', 'maxBytes'],
      `streaming takes at most ${formatSize(maxStreamingBytes)} a request; write less`,
    ],
    [route.tags.additional.length > 0, ['tags', 'additional'], 'streaming cannot set tags; leave them out'],
    [route.tags.dropBy.length > 0, ['tags', 'dropBy'], 'streaming cannot set tags; leave them out'],
    [
      typeof route.mapping === 'object',
      ['mapping'],
      'streaming takes no inline mapping; create it and write its name',
    ],
    [
      route.ignoreFirstRecord,
      ['ignoreFirstRecord'],
      'streaming cannot skip a header row; use delivery: queued',
    ],
  ];
  return findings.filter(([wrong]) => wrong).map(([, path, message]) => ({ path, message }));
}

function inlineMappingFindings(route: RouteInput): Finding[] {
  if (typeof route.mapping !== 'object') {
    return [];
  }
  const kind = mappingKindOf(route.format);
  const findings: Finding[] = [];
  for (const [index, column] of route.mapping.entries()) {
    const message = mappingColumnProblem(kind, column);
    if (message !== undefined) {
      findings.push({ path: ['mapping', index], message });
    }
  }
  const paths = route.mapping.map(({ path }) => path);
  for (const key of Object.keys(route.columns)) {
    if (kind === 'json' && !readsKey(paths, key)) {
      findings.push({
        path: ['mapping'],
        message: `has no column with path $.${key}, so that fact would be lost; add it`,
      });
    }
  }
  return findings;
}

/** Does one of the JSON paths read this top-level key, or something within it? */
export function readsKey(paths: readonly unknown[], key: string): boolean {
  const starts = [`$.${key}`, `$['${key}']`, `$["${key}"]`];
  const within = (path: string, start: string): boolean =>
    path.startsWith(start) && /^(?:$|[.[])/.test(path.slice(start.length));
  return paths.some((path) => typeof path === 'string' && starts.some((start) => within(path, start)));
}

function columnFindings(route: RouteInput): Finding[] {
  if (Object.keys(route.columns).length === 0 || formatsWithColumns.includes(route.format)) {
    return [];
  }
  const message = `format ${route.format} cannot carry them; only ${formatsWithColumns.join(', ')} can: leave them out`;
  return [{ path: ['columns'], message }];
}

/** A `route`, with the rules between its keys. */
export function routeSchema(functionTimeoutMs: number) {
  return routeShape
    .superRefine((route, context) => {
      const streaming = route.delivery === 'streaming' ? streamingFindings(route) : [];
      const findings = [...streaming, ...inlineMappingFindings(route), ...columnFindings(route)];
      if (route.batch.maxAgeMs >= functionTimeoutMs) {
        findings.push({
          path: ['batch', 'maxAgeMs'],
          message: underTimeout(route.batch.maxAgeMs, functionTimeoutMs),
        });
      }
      for (const { path, message } of findings) {
        context.addIssue({ code: 'custom', path: [...path], message });
      }
    })
    .meta({ description: 'Where the records of the source go, and how.' });
}

/** Message for a wait that the function does not live to see. */
export function underTimeout(valueMs: number, functionTimeoutMs: number): string {
  const limit = formatDuration(functionTimeoutMs);
  return `${formatDuration(valueMs)} is not under the function timeout of host.json; write less than ${limit}`;
}
