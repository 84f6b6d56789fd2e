import { badRequest, entityNotFound } from '../catalog/errors.js';
import { checkFits } from '../catalog/extent-changes.js';
import type { MappingElement, Table } from '../catalog/types.js';
import { KustoError, notSupported } from '../errors.js';
import { mappingKindOf, parseMapping } from '../ingest/mapping.js';
import type { Decoded } from '../ingest/types.js';
import type { IngestionService } from '../server/types.js';
import type { RowSet } from '../store/types.js';
import { formatTimespan } from '../values/timespan.js';
import { commitExtents, extentOptions, type TableChange } from './ingest-common.js';

import type { CommandReader, Properties } from './reader.js';
import { columns, resultTable } from './results.js';
import { booleanProperty, checkProperties } from './schema.js';
import type { CommandContext, CommandDefinition, CommandPlan } from './types.js';

const INLINE = columns('ExtentId:guid');
const PULLED = columns('ExtentId:guid, ItemLoaded, Duration, HasErrors, OperationId:guid');
const NO_OPERATION = '00000000-0000-0000-0000-000000000000';
const PROPERTIES = [
  'format',
  'ignorefirstrecord',
  'ingestionmapping',
  'ingestionmappingreference',
  'tags',
  'ingestifnotexists',
  'creationtime',
];
const EXTENSIONS = [
  'csv',
  'tsv',
  'tsve',
  'psv',
  'scsv',
  'sohsv',
  'txt',
  'raw',
  'json',
  'avro',
  'parquet',
  'orc',
];

interface Source {
  readonly bytes: Uint8Array;
  readonly path: string;
}

function requireService({ ingestion }: CommandContext): IngestionService {
  if (ingestion === undefined) {
    throw notSupported('Ingestion (no ingestion service was started)');
  }
  return ingestion;
}

function requireTable({ catalog, request }: CommandContext, name: string): Table {
  const table = catalog.database(request.database).tables.get(name);
  if (table === undefined) {
    throw entityNotFound('Table', name);
  }
  return table;
}

function mappingFor(
  context: CommandContext,
  table: Table,
  format: string,
  properties: Properties,
): readonly MappingElement[] | undefined {
  const text = properties.get('ingestionmapping');
  const reference = properties.get('ingestionmappingreference');
  if (text !== undefined && text !== '') {
    return parseMapping(text);
  }
  if (reference === undefined || reference === '') {
    return undefined;
  }
  const kind = mappingKindOf(format);
  const found = kind && context.catalog.mapping(table.database, table.name, kind, reference);
  if (found === undefined) {
    throw badRequest(
      `Mapping reference '${reference}' of kind '${kind}' was not found for table '${table.name}'`,
      'BadRequest_MappingReferenceWasNotFound',
    );
  }
  return found.elements;
}

/** From the property, else the file's extension below `.gz` and `.zip`, else csv. */
function formatOf(properties: Properties, path: string): string {
  const named = properties.get('format');
  if (named !== undefined) {
    return named.toLowerCase();
  }
  const bare = path
    .split(/[?;]/)[0]!
    .toLowerCase()
    .replace(/\.(gz|zip)$/, '');
  return EXTENSIONS.find((extension) => bare.endsWith(`.${extension}`)) ?? 'csv';
}

async function decodeSource(
  context: CommandContext,
  table: Table,
  properties: Properties,
  source: Source,
): Promise<Decoded> {
  const format = formatOf(properties, source.path);
  const mapping = mappingFor(context, table, format, properties);
  return context.decode(source.bytes, {
    format,
    schema: table.schema,
    ignoreFirstRecord: booleanProperty(properties, 'ignorefirstrecord') === true,
    sourcePath: source.path,
    ...(mapping !== undefined && { mapping }),
  });
}

function keepTable(name: string, parts: readonly { readonly rows: RowSet }[]) {
  return (table: Table | undefined): TableChange => {
    if (table === undefined) {
      throw entityNotFound('Table', name);
    }
    for (const { rows } of parts) {
      checkFits(table, rows);
    }
    return { before: [], drop: [] };
  };
}

async function ingest(
  context: CommandContext,
  target: { readonly table: string; readonly properties: Properties },
  sources: readonly Source[],
) {
  const { table: name, properties } = target;
  const table = requireTable(context, name);
  const parts: { rows: RowSet; originalSize: number }[] = [];
  for (const source of sources) {
    const { rows, rawSizeBytes } = await decodeSource(context, table, properties, source);
    parts.push({ rows, originalSize: rawSizeBytes });
  }
  return commitExtents(context, {
    ...{ database: context.request.database, table: name, options: extentOptions(properties), parts },
    plan: keepTable(name, parts),
  });
}

/** `[1,"a"][2,"b"]` as lines of delimited text; each bracket is one record. */
function bracketRows(reader: CommandReader): string {
  const rows: string[] = [];
  while (reader.peek()?.value === '[' || reader.peek()?.kind === 'name') {
    rows.push(reader.balanced('[').slice(1, -1));
  }
  if (rows.length === 0) {
    throw reader.error("expected '<|' with data, or rows in brackets");
  }
  return rows.join('\n');
}

const inline: CommandDefinition = {
  pattern: 'ingest inline into [table] {table}',
  kind: 'DataIngestInline',
  parse(reader, { names }, request): CommandPlan {
    const table = names['table'] as string;
    const properties = reader.properties();
    checkProperties(properties, PROPERTIES, '.ingest inline');
    const data = reader.trySymbol('<|') ? reader.takeRest().replace(/^\s+/, '') : bracketRows(reader);
    return {
      access: [{ role: 'ingestor', database: request.database, table }],
      run: async (context) => {
        const source = { bytes: Buffer.from(data), path: '' };
        const extents = await ingest(context, { table, properties }, [source]);
        return resultTable(
          INLINE,
          extents.map(({ id }) => [id]),
        );
      },
    };
  },
};

function readUris(reader: CommandReader): readonly string[] {
  return reader.peek()?.value === '('
    ? reader.list(() => reader.string('the address of a source'))
    : [reader.string('the address of a source')];
}

/** Without what follows `?` or `;`, which may be a secret. */
function publicPath(uri: string): string {
  return uri.split(/[?;]/)[0] as string;
}

function recordFailure(
  context: CommandContext,
  table: string,
  uris: readonly string[],
  error: KustoError,
): void {
  const { request, catalog } = context;
  catalog.recordIngestionFailure({
    operationId: request.activityId,
    ...{ database: request.database, table, failedOn: catalog.now() },
    ingestionSourcePath: uris.map(publicPath).join(', '),
    details: error.message,
    failureKind: error.permanent ? 'Permanent' : 'Transient',
    rootActivityId: request.activityId,
    operationKind: 'DataIngestPull',
    errorCode: error.code,
    shouldRetry: !error.permanent,
    ingestionProperties: '',
  });
}

const pull: CommandDefinition = {
  pattern: 'ingest [async] into [table] {table}',
  kind: 'DataIngestPull',
  parse(reader, { names, flags }, request): CommandPlan {
    const table = names['table'] as string;
    const uris = readUris(reader);
    const properties = reader.properties();
    checkProperties(properties, PROPERTIES, '.ingest into');
    return {
      access: [{ role: 'ingestor', database: request.database, table }],
      isAsync: flags.has('async'),
      run: async (context) => {
        const startedOn = context.clock.now();
        try {
          const service = requireService(context);
          const sources: Source[] = [];
          for (const uri of uris) {
            sources.push({ bytes: await service.readSource(uri), path: publicPath(uri) });
          }
          const extents = await ingest(context, { table, properties }, sources);
          const duration = formatTimespan(context.clock.now() - startedOn);
          return resultTable(
            PULLED,
            extents.map(({ id }, at) => [id, publicPath(uris[at] ?? ''), duration, 'False', NO_OPERATION]),
          );
        } catch (error) {
          if (error instanceof KustoError) {
            recordFailure(context, table, uris, error);
          }
          throw error;
        }
      },
    };
  },
};

/** Ingestion of data in the command, or pulled from storage by it. */
export const INGEST_DATA_COMMANDS: readonly CommandDefinition[] = [inline, pull];
