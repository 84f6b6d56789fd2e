import { z } from 'zod';
import { choice, count, derivedDuration, duration, flag, size, text, textList } from './fields.js';
import { handlerDeadlineMs } from './host-facts.js';
import { kustoSchema } from './schema-kusto.js';
import { loadSchema } from './schema-load.js';
import { routeSchema, targetPattern, underTimeout } from './schema-route.js';
import { tableSchema } from './schema-table.js';
import { formatDuration, GiB, KiB, MiB } from './units.js';

const settingName = {
  regex: /^[A-Za-z_][A-Za-z0-9_.:-]*$/,
  expected: 'write the name of an app setting, not its value',
} as const;
const containerName = {
  regex: /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/,
  expected: 'containers have 3 to 63 small letters, digits and single hyphens',
} as const;
const hubName = {
  regex: /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,254}[A-Za-z0-9])?$/,
  expected: 'write the hub’s name only',
} as const;

const eventHubSchema = z
  .object({
    connection: text(
      'App setting (prefix) with the connection: NAME, or NAME__fullyQualifiedNamespace.',
      settingName,
    ),
    name: text('Name of the event hub.', hubName),
    consumerGroup: text('Consumer group; one for this app alone.').default('$Default').meta({
      description: 'Consumer group; one for this app alone.',
      'x-default': '$Default',
    }),
    startFrom: text('Where a consumer group without checkpoint begins.', {
      regex: /^(?:earliest|latest|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z)$/,
      expected: 'write earliest, latest or a UTC time such as 2026-01-31T00:00:00Z',
    })
      .default('earliest')
      .meta({
        description:
          'Where a consumer group without checkpoint begins: earliest, latest or a UTC time. The platform knows ' +
          'one start for all hubs of an app, `initialOffsetOptions` in host.json, and this must agree with it.',
        'x-default': 'earliest',
      }),
  })
  .meta({ description: 'An Azure event hub.' });

function retrySchema(functionTimeoutMs: number) {
  return z
    .object({
      maxAttempts: count({ doc: 'Attempts in all.', default: 5, min: 1, max: 100 }),
      baseMs: duration({ doc: 'First wait; it doubles each time.', default: 1000, min: 1 }),
      maxMs: duration({ doc: 'Longest single wait.', default: 60_000, min: 1 }),
      maxElapsedMs: duration({ doc: 'Longest time for all attempts and waits.', default: 240_000, min: 1 }),
    })
    .superRefine((retry, context) => {
      if (retry.baseMs > retry.maxMs) {
        const message = `${formatDuration(retry.baseMs)} is longer than maxMs (${formatDuration(retry.maxMs)}); write less`;
        context.addIssue({ code: 'custom', path: ['baseMs'], message });
      }
      if (retry.maxElapsedMs >= functionTimeoutMs) {
        const message = underTimeout(retry.maxElapsedMs, functionTimeoutMs);
        context.addIssue({ code: 'custom', path: ['maxElapsedMs'], message });
      }
    })
    .prefault({})
    .meta({ description: 'Retries of one delivery after passing failures.' });
}

/** One entry of `sources`. */
export function sourceSchema(functionTimeoutMs: number) {
  return z.object({
    name: text('Name of the pipeline: in function names, logs, metrics and dead letters.', {
      regex: /^[A-Za-z][A-Za-z0-9_-]{0,62}$/,
      expected: 'begin with a letter; letters, digits, _ and -, at most 63',
    }),
    eventHub: eventHubSchema,
    route: routeSchema(functionTimeoutMs),
    onError: choice(['deadLetter', 'drop', 'fail'], {
      doc: 'What happens to records that cannot be delivered for good: kept, counted and dropped, or the source held.',
      default: 'deadLetter',
    }),
    retry: retrySchema(functionTimeoutMs),
  });
}

const storageSchema = z
  .object({
    connection: text('App setting (prefix) with the storage account, as in Functions bindings.', settingName)
      .default('AzureWebJobsStorage')
      .meta({
        description:
          'App setting with a connection string, or the prefix of NAME__blobServiceUri, NAME__tableServiceUri, ' +
          'NAME__queueServiceUri, NAME__accountName, NAME__clientId, NAME__credential.',
        'x-default': 'AzureWebJobsStorage',
      }),
    stagingContainer: named(
      'Container of the blobs on their way to the cluster.',
      'kusto-staging',
      containerName,
    ),
    ledgerTable: named('Table of what was shipped and not yet settled.', 'KustoLedger', {
      regex: /^[A-Za-z][A-Za-z0-9]{2,62}$/,
      expected: 'tables have 3 to 63 letters and digits',
    }),
  })
  .prefault({})
  .meta({ description: 'Where staged blobs, the ledger and dead letters live.' });

function named(
  doc: string,
  fallback: string,
  pattern: { readonly regex: RegExp; readonly expected: string },
) {
  return text(doc, pattern).default(fallback).meta({ description: doc, 'x-default': fallback });
}

const httpSchema = z
  .object({
    tables: textList(
      'Targets that callers of the HTTP API may write to, such as `Telemetry.*`.',
      targetPattern,
    ),
    maxBodyBytes: size({
      doc: 'Largest body, sent or uploaded, before and after inflation.',
      default: 5 * GiB,
      min: 1,
    }),
    blobBytes: size({
      doc: 'Uncompressed bytes at which a body is cut into the next blob.',
      default: 256 * MiB,
      min: 64 * KiB,
      max: 4 * GiB,
    }),
    idempotencyMs: duration({
      doc: 'How long an Idempotency-Key holds.',
      default: 30 * 86_400_000,
      min: 60_000,
    }),
    uploadContainer: named('Container of bodies that callers upload themselves.', 'uploads', containerName),
    uploadTtlMs: duration({
      doc: 'How long an upload link is good.',
      default: 3_600_000,
      min: 60_000,
      max: 7 * 86_400_000,
    }),
  })
  .prefault({})
  .meta({ description: 'The HTTP API.' });

const hub = (doc: string) =>
  z
    .object({
      connection: text('App setting with the connection string.', settingName),
      eventHub: text('Name of the event hub.', hubName),
    })
    .optional()
    .meta({ description: doc });

const deadLetterSchema = z
  .object({
    container: named('Container of what could not be delivered.', 'dead-letters', containerName),
    decode: hub('Event hub that also gets records that are bad in themselves.'),
    delivery: hub('Event hub that also gets records that could not be delivered.'),
  })
  .prefault({})
  .meta({ description: 'Where records go that cannot be delivered.' });

function settleSchema(functionTimeoutMs: number) {
  const heldMs = handlerDeadlineMs(functionTimeoutMs);
  return z
    .object({
      everyMs: duration({
        doc: 'How often open shipments are asked for; a single one at first after half of it, later less often.',
        default: 30_000,
        min: 1000,
        max: 3_600_000,
      }),
      settleTimeoutMs: duration({
        doc: 'After this time without an answer a shipment is `unknown` and waits for an operator.',
        default: 86_400_000,
        min: 60_000,
      }),
      graceMs: derivedDuration({
        doc:
          'A shipment whose instance has gone silent between upload and call is sent after this time, and counted as a ' +
          'possible duplicate; longer than half the function timeout, since until then a handler may still hold it.',
        default: '10m, or half the function timeout and 1m when that is longer',
        min: 10_000,
        max: 86_400_000,
      }),
      maxDepth: count({
        doc: 'How often a refused blob is cut into 20 pieces to find the refused records.',
        default: 6,
        min: 1,
        max: 8,
      }),
    })
    .superRefine(({ graceMs }, context) => {
      if (graceMs !== undefined && graceMs <= heldMs) {
        const message =
          `${formatDuration(graceMs)} is not longer than a handler may hold a shipment, half the function timeout of ` +
          `host.json; write more than ${formatDuration(heldMs)}`;
        context.addIssue({ code: 'custom', path: ['graceMs'], message });
      }
    })
    .prefault({})
    .meta({ description: 'How the fate of what was sent is found out.' });
}

/** pipeline.yaml. The function timeout bounds every wait inside a function. */
export function createPipelineSchema(functionTimeoutMs: number) {
  return z.object({
    kusto: kustoSchema,
    storage: storageSchema,
    tables: z.array(tableSchema, { error: 'is no list' }).default([]).meta({
      description: 'Tables that `kusto-functions apply` creates or brings up to date; optional.',
    }),
    sources: z.array(sourceSchema(functionTimeoutMs), { error: 'is no list' }).default([]).meta({
      description: 'The pipelines: a source and the route of its records.',
    }),
    http: httpSchema,
    load: loadSchema,
    deadLetter: deadLetterSchema,
    settle: settleSchema(functionTimeoutMs),
    validate: flag({ doc: 'Run the start-up checks.', default: true }),
    logLevel: choice(['debug', 'info', 'warn', 'error'], {
      doc: 'Least severe log line that is written; the app setting LOG_LEVEL has precedence.',
      default: 'info',
    }),
    maxInFlightBytes: size({
      doc: 'Bytes of unsent batches an instance holds; when it is full, the source waits.',
      default: 256 * MiB,
      min: MiB,
      max: 16 * GiB,
    }),
  });
}
export type SourceInput = z.output<ReturnType<typeof sourceSchema>>;
export type PipelineInput = z.output<ReturnType<typeof createPipelineSchema>>;
