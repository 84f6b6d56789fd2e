import type { Catalog, MappingElement, Table } from '../catalog/types.js';
import { badData } from '../ingest/errors.js';
import { mappingKindOf, parseMapping } from '../ingest/mapping.js';
import type { Decode, Decoded } from '../ingest/types.js';
import type { BlobDoor } from './download.js';
import { type IngestionSource, publicPath, type SourceProperties } from './source.js';

/** @throws KustoError `BadRequest_DatabaseNotExist`, `BadRequest_TableNotExist` */
export function requireTable(catalog: Catalog, database: string, table: string): Table {
  if (!catalog.databases().includes(database)) {
    throw badData('BadRequest_DatabaseNotExist', `Database '${database}' does not exist`);
  }
  const found = catalog.table(database, table);
  if (found === undefined)
    throw badData('BadRequest_TableNotExist', `Table '${table}' does not exist in ${database}`);
  return found;
}

/** @throws KustoError `BadRequest_FormatNotSupported`, `BadRequest_MappingReferenceWasNotFound` */
export function resolveMapping(
  catalog: Catalog,
  table: Table,
  properties: Pick<SourceProperties, 'format' | 'mapping' | 'mappingReference'>,
): readonly MappingElement[] | undefined {
  const kind = mappingKindOf(properties.format);
  if (kind === undefined) {
    throw badData('BadRequest_FormatNotSupported', `Format '${properties.format}' is not supported`);
  }
  if (properties.mapping !== undefined) return parseMapping(properties.mapping);
  if (properties.mappingReference === undefined) return undefined;
  const mapping = catalog.mapping(table.database, table.name, kind, properties.mappingReference);
  if (mapping === undefined) {
    throw badData(
      'BadRequest_MappingReferenceWasNotFound',
      `Ingestion mapping '${properties.mappingReference}' of kind '${kind}' was not found for table '${table.name}'`,
    );
  }
  return mapping.elements;
}

export interface SourceReader {
  readonly catalog: Catalog;
  readonly blobs: BlobDoor;
  readonly decode: Decode;
}

/** Decodes the downloaded body of a source for its table. @throws KustoError */
export async function decodeSource(
  reader: SourceReader,
  source: IngestionSource,
  body: Uint8Array,
): Promise<Decoded> {
  const table = requireTable(reader.catalog, source.database, source.table);
  const mapping = resolveMapping(reader.catalog, table, source.properties);
  return reader.decode(body, {
    format: source.properties.format,
    schema: table.schema,
    sourcePath: publicPath(source.blob),
    ignoreFirstRecord: source.properties.ignoreFirstRecord,
    ...(mapping !== undefined && { mapping }),
  });
}
