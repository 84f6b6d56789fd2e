import { badRequest } from '../catalog/errors.js';
import type { ColumnSchema, ScalarType } from '../store/types.js';
import { scalarTypeNamed } from '../values/type-names.js';
import type { CommandReader, Properties } from './reader.js';

/** .NET names, as `DataType` of v1 answers and `Type` of JSON schemas carry them. */
export const DOTNET_TYPES: Readonly<Record<ScalarType, string>> = {
  bool: 'SByte',
  int: 'Int32',
  long: 'Int64',
  real: 'Double',
  decimal: 'SqlDecimal',
  string: 'String',
  datetime: 'DateTime',
  timespan: 'TimeSpan',
  guid: 'Guid',
  dynamic: 'Object',
};

export function scalarType(name: string): ScalarType | undefined {
  return scalarTypeNamed(name.toLowerCase().replace(/^system\./, ''));
}

/** `(name: type, …)` with each name once. */
export function readSchema(reader: CommandReader): readonly ColumnSchema[] {
  const schema = reader.list((): ColumnSchema => {
    const name = reader.name('a column');
    reader.symbol(':');
    const typeName = reader.next().value;
    const type = scalarType(typeName);
    if (type === undefined) {
      throw badRequest(`'${typeName}' is not a data type (column '${name}')`, 'BadRequest_UnknownDataType');
    }
    return { name, type };
  });
  const twice = schema.find(({ name }, at) => schema.findIndex((other) => other.name === name) !== at);
  if (twice !== undefined) {
    throw badRequest(`Column '${twice.name}' is defined twice`, 'BadRequest_DuplicateColumn');
  }
  return schema;
}

/**
 * Columns of `before`, then those of `wanted` it lacks.
 * @throws KustoError when a column would change its type.
 */
export function mergeSchemas(
  before: readonly ColumnSchema[],
  wanted: readonly ColumnSchema[],
): readonly ColumnSchema[] {
  checkSameTypes(before, wanted);
  return [...before, ...wanted.filter(({ name }) => !before.some((column) => column.name === name))];
}

/** @throws KustoError when a column that both have differs in type. */
export function checkSameTypes(before: readonly ColumnSchema[], wanted: readonly ColumnSchema[]): void {
  for (const { name, type } of wanted) {
    const known = before.find((column) => column.name === name);
    if (known !== undefined && known.type !== type) {
      throw badRequest(
        `Column '${name}' has the type ${known.type}, which this command cannot change to ${type}`,
        'BadRequest_ColumnTypeMismatch',
      );
    }
  }
}

/** Name as it must be written in KQL. */
function quotedName(name: string): string {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)
    ? name
    : `['${name.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}']`;
}

/** `a:string,b:long`, as `.show table T cslschema` prints it. */
export function cslSchema(schema: readonly ColumnSchema[]): string {
  return schema.map(({ name, type }) => `${quotedName(name)}:${type}`).join(',');
}

/** The JSON form of a table's schema. */
export function jsonSchema(name: string, schema: readonly ColumnSchema[], details: object = {}): string {
  const OrderedColumns = schema.map((column) => ({
    Name: column.name,
    Type: `System.${DOTNET_TYPES[column.type] === 'SqlDecimal' ? 'Data.SqlTypes.SqlDecimal' : DOTNET_TYPES[column.type]}`,
    CslType: column.type,
    ...(column.docstring !== undefined && { DocString: column.docstring }),
  }));
  return JSON.stringify({ Name: name, ...details, OrderedColumns });
}

/** `true`, `True`, `1` as a property or policy writes it; `undefined` when the key is absent. */
export function booleanProperty(properties: Properties, key: string): boolean | undefined {
  const text = properties.get(key)?.toLowerCase();
  if (text === undefined) {
    return undefined;
  }
  if (!['true', 'false', '1', '0'].includes(text)) {
    throw badRequest(`The property '${key}' needs true or false, not '${text}'`);
  }
  return text === 'true' || text === '1';
}

/** @throws KustoError naming the first property that is not in `known`: none is ignored in silence. */
export function checkProperties(properties: Properties, known: readonly string[], command: string): void {
  for (const key of properties.keys()) {
    if (!known.includes(key)) {
      throw badRequest(
        `The property '${key}' of ${command} is not supported by the local engine`,
        'BadRequest_NotSupportedByLocalEngine',
      );
    }
  }
}
