import { KfError } from '../runtime/errors.js';
import { scrub } from '../runtime/redact.js';
import { asObject } from './classify.js';
import { parseExactJson } from './exact-json.js';
import type { KustoTable } from './ports.js';

type Row = readonly unknown[];

function badAnswer(place: string, what: string): KfError {
  return new KfError('KUSTO_BAD_ANSWER', `${place}: ${what}`);
}

function parse(text: string, place: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    throw badAnswer(place, 'the answer is not JSON');
  }
}

/** A failure that the service reported inside an answer of status 200. */
function embeddedFailure(place: string, found: unknown): KfError {
  const first = asObject(Array.isArray(found) ? found[0] : found);
  const error = asObject(first['error'] ?? first);
  const message =
    error['@message'] ??
    error['message'] ??
    (typeof found === 'string'
      ? found
      : JSON.stringify(found, (_k, v) => (typeof v === 'bigint' ? String(v) : v)));
  const code = error['@permanent'] === true ? 'KUSTO_PERMANENT' : 'KUSTO_TRANSIENT';
  const serviceCode = error['code'];
  return new KfError(
    code,
    `${place}: ${scrub(String(message))}`,
    typeof serviceCode === 'string' ? { serviceCode } : {},
  );
}

function toTable(raw: unknown, place: string): KustoTable {
  const table = asObject(raw);
  if (!Array.isArray(table['Columns']) || !Array.isArray(table['Rows']))
    throw badAnswer(place, 'a table lacks Columns or Rows');
  const columns = table['Columns'].map((column: unknown) => {
    const { ColumnName, ColumnType, DataType } = asObject(column);
    return { name: String(ColumnName), type: String(ColumnType ?? DataType ?? '').toLowerCase() };
  });
  const rows = table['Rows'].map((row: unknown) => {
    if (!Array.isArray(row))
      throw embeddedFailure(place, asObject(row)['Exceptions'] ?? asObject(row)['OneApiErrors'] ?? row);
    return row.map((value: unknown, index) => fitToColumn(value, columns[index]?.type)) as Row;
  });
  return { columns, rows };
}

function fitToColumn(value: unknown, type: string | undefined): unknown {
  if ((type === 'bool' || type === 'boolean' || type === 'sbyte') && typeof value === 'number')
    return value !== 0;
  if (type === 'decimal' && typeof value !== 'string' && value !== null) return String(value);
  return value;
}

/** The first table of an answer in v1 shape (management commands). @throws KfError for failures inside it. */
export function readV1(text: string, place: string): KustoTable {
  const body = asObject(parse(text, place));
  const failures = body['Exceptions'];
  if (Array.isArray(failures) && failures.length > 0) throw embeddedFailure(place, failures);
  const tables = body['Tables'];
  if (!Array.isArray(tables) || tables.length === 0) throw badAnswer(place, 'the answer holds no table');
  return toTable(tables[0], place);
}

/** The first primary table of an answer in v2 shape (queries). @throws KfError for partial failures too. */
export function readV2(text: string, place: string): KustoTable {
  const frames = parse(text, place);
  if (!Array.isArray(frames)) throw badAnswer(place, 'the answer is not a list of frames');
  const found = frames.map(asObject);
  const end = found.find((frame) => frame['FrameType'] === 'DataSetCompletion');
  if (end === undefined) throw badAnswer(place, 'the answer breaks off before its last frame');
  if (end['HasErrors'] === true) throw embeddedFailure(place, end['OneApiErrors'] ?? end);
  const primary = found.find(
    (frame) => frame['FrameType'] === 'DataTable' && frame['TableKind'] === 'PrimaryResult',
  );
  if (primary === undefined) throw badAnswer(place, 'the answer holds no primary table');
  return toTable(primary, place);
}
