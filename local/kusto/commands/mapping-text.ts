import type { MappingElement, MappingKind } from '../catalog/types.js';

export const MAPPING_KINDS = ['csv', 'json', 'avro', 'parquet', 'orc', 'w3clogfile'] as const;

/** As `Kind` of an answer spells it. */
export const KIND_TITLES: Readonly<Record<MappingKind, string>> = {
  csv: 'Csv',
  json: 'Json',
  avro: 'Avro',
  parquet: 'Parquet',
  orc: 'Orc',
  w3clogfile: 'W3CLogFile',
};

/** `csv`, `Json`, `ApacheAvro`, … → the kind; `undefined` when there is none of that name. */
export function mappingKind(name: string): MappingKind | undefined {
  const lower = name.toLowerCase();
  return MAPPING_KINDS.find((kind) => kind === (lower === 'apacheavro' ? 'avro' : lower));
}

/** The elements as JSON text, the form that `.alter-merge` stores. */
export function mappingText(elements: readonly MappingElement[]): string {
  return JSON.stringify(
    elements.map(({ column, dataType = '', properties }) => ({
      column,
      path: properties.path,
      datatype: dataType,
      Properties: Object.fromEntries(
        Object.entries(properties)
          .filter(([, value]) => value !== undefined)
          .map(([key, value]) => [key[0]?.toUpperCase() + key.slice(1), String(value)]),
      ),
    })),
  );
}
