import { badRequest, entityExists, entityNotFound } from '../catalog/errors.js';
import type { CatalogState, Change } from '../catalog/model.js';
import type { IngestionMapping, MappingKind } from '../catalog/types.js';
import { parseMapping } from '../ingest/mapping.js';
import type { RowSet } from '../store/types.js';
import {
  databaseDetails,
  databaseOf,
  detailsOf,
  onDatabase,
  onMetadata,
  onTables,
  tableOf,
} from './entities.js';
import { KIND_TITLES, MAPPING_KINDS, mappingKind, mappingText } from './mapping-text.js';
import type { CommandReader } from './reader.js';
import { columns, resultTable } from './results.js';
import type { CommandDefinition, CommandPlan, CommandRequest, Matched } from './types.js';

const TABLE_MAPPINGS = columns('Name, Kind, Mapping, LastUpdatedOn:datetime, Database, Table');
const DATABASE_MAPPINGS = columns('Name, Kind, Mapping, LastUpdatedOn:datetime, Database');

type Verb = 'create' | 'create-or-alter' | 'alter' | 'alter-merge';

/** Where mappings live: a table, or the database for all its tables. */
interface Owner {
  readonly database: string;
  readonly table: string | undefined;
}

function ownerOf({ flags, names }: Matched, request: CommandRequest): Owner {
  return flags.has('table')
    ? { database: request.database, table: names['entity'] }
    : { database: names['entity'] as string, table: undefined };
}

function accessTo({ database, table }: Owner, request: CommandRequest) {
  return table === undefined
    ? onDatabase('ingestor', request, database)
    : onTables('ingestor', request, [table]);
}

function mappingsOf(state: CatalogState, { database, table }: Owner): readonly IngestionMapping[] {
  return table === undefined
    ? databaseOf(state, database).mappings
    : tableOf(state, database, table).mappings;
}

function withMappings(state: CatalogState, owner: Owner, mappings: readonly IngestionMapping[]): Change {
  const { database, table } = owner;
  return table === undefined
    ? { kind: 'putDatabase', value: { ...databaseDetails(databaseOf(state, database)), mappings } }
    : { kind: 'putTable', value: { ...detailsOf(tableOf(state, database, table)), mappings } };
}

function mappingRows(mappings: readonly IngestionMapping[], { database, table }: Owner): RowSet {
  const rows = mappings.map(({ name, kind, text, lastUpdatedOn }) => [
    name,
    KIND_TITLES[kind],
    text,
    lastUpdatedOn,
    database,
  ]);
  return table === undefined
    ? resultTable(DATABASE_MAPPINGS, rows)
    : resultTable(
        TABLE_MAPPINGS,
        rows.map((row) => [...row, table]),
      );
}

function readKind(reader: CommandReader): MappingKind {
  const name = reader.name('a mapping kind');
  const kind = mappingKind(name);
  if (kind === undefined) {
    throw badRequest(
      `'${name}' is not a mapping kind: ${MAPPING_KINDS.join(', ')}`,
      'BadRequest_InvalidMapping',
    );
  }
  return kind;
}

function merged(before: IngestionMapping | undefined, text: string): string {
  const added = parseMapping(text);
  const kept = (before?.elements ?? []).filter(({ column }) => !added.some((one) => one.column === column));
  return mappingText([...kept, ...added]);
}

/** @throws KustoError when the verb does not suit what is there. */
function newText(verb: Verb, name: string, before: IngestionMapping | undefined, text: string): string {
  if (before !== undefined && verb === 'create') {
    throw entityExists('Mapping', name);
  }
  if (before === undefined && (verb === 'alter' || verb === 'alter-merge')) {
    throw entityNotFound('Mapping', name);
  }
  return verb === 'alter-merge' ? merged(before, text) : text;
}

const define: CommandDefinition = {
  pattern: 'create|create-or-alter|alter|alter-merge table|database {entity} ingestion',
  kind: 'IngestionMappingCreateOrAlter',
  parse(reader, matched, request): CommandPlan {
    const verb = [...matched.flags][0] as Verb;
    const owner = ownerOf(matched, request);
    const kind = readKind(reader);
    reader.words('mapping');
    const name = reader.name('the mapping');
    const text = reader.string('the mapping');
    parseMapping(text);
    // Old commands may carry properties such as removeOldestIfRequired; no mapping is ever removed here.
    reader.properties();
    return {
      access: accessTo(owner, request),
      run: async ({ catalog }) => {
        const stored = await catalog.transact((state) => {
          const all = mappingsOf(state, owner);
          const before = all.find((mapping) => mapping.kind === kind && mapping.name === name);
          const after = newText(verb, name, before, text);
          const elements = parseMapping(after);
          const value = { name, kind, text: after, elements, lastUpdatedOn: catalog.now() };
          const others = all.filter((mapping) => mapping !== before);
          return { changes: [withMappings(state, owner, [...others, value])], result: value };
        });
        return mappingRows([stored], owner);
      },
    };
  },
};

const drop: CommandDefinition = {
  pattern: 'drop table|database {entity} ingestion',
  kind: 'IngestionMappingDrop',
  parse(reader, matched, request): CommandPlan {
    const owner = ownerOf(matched, request);
    const kind = readKind(reader);
    reader.words('mapping');
    const name = reader.name('the mapping');
    return {
      access: accessTo(owner, request),
      run: async ({ catalog }) => {
        const rest = await catalog.transact((state) => {
          const all = mappingsOf(state, owner);
          const others = all.filter((mapping) => mapping.kind !== kind || mapping.name !== name);
          if (others.length === all.length) {
            throw entityNotFound('Mapping', name);
          }
          return { changes: [withMappings(state, owner, others)], result: others };
        });
        return mappingRows(rest, owner);
      },
    };
  },
};

const show: CommandDefinition = {
  pattern: 'show table|database {entity} ingestion',
  kind: 'IngestionMappingsShow',
  parse(reader, matched, request): CommandPlan {
    const owner = ownerOf(matched, request);
    const kind = reader.peek()?.value.toLowerCase().startsWith('mapping') ? undefined : readKind(reader);
    const isOne = kind !== undefined && reader.tryWords('mapping');
    const name = isOne ? reader.name('the mapping') : undefined;
    if (!isOne) {
      reader.words('mappings');
    }
    reader.properties();
    return {
      access: onMetadata(request, owner.database),
      run: async ({ catalog }) => {
        const found = mappingsOf(catalog.state(), owner).filter(
          (mapping) =>
            (kind === undefined || mapping.kind === kind) && (name === undefined || mapping.name === name),
        );
        if (name !== undefined && found.length === 0) {
          throw entityNotFound('Mapping', name);
        }
        return mappingRows(found, owner);
      },
    };
  },
};

/** Ingestion mappings of tables and databases. */
export const MAPPING_COMMANDS: readonly CommandDefinition[] = [define, drop, show];
