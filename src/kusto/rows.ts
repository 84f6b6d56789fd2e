import type { KustoTable } from './ports.js';

export type Row = Readonly<Record<string, unknown>>;

/** Rows by column name in small letters: services differ in the case they use. */
export function rowsOf(table: KustoTable): Row[] {
  const names = table.columns.map(({ name }) => name.toLowerCase());
  return table.rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
}

/** JSON text as its value, anything else as it is; undefined when the text is no JSON. */
export function parseJson(text: unknown): unknown {
  if (typeof text !== 'string') {
    return text;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The policy in the answer of `.show … policy`; undefined when it is not set there. */
export function policyOf(table: KustoTable): Row | undefined {
  const value = parseJson(rowsOf(table)[0]?.['policy']);
  return value !== null && typeof value === 'object' ? (value as Row) : undefined;
}

/** Name and type of each column, in order. A list, because an object would put names such as `7` first. */
export type Columns = readonly (readonly [name: string, type: string])[];

/** The columns of a `.show table … schema as json` text. */
export function orderedColumnsOf(schema: unknown): Columns {
  const columns = (parseJson(schema) as { readonly OrderedColumns?: unknown } | undefined)?.OrderedColumns;
  const entries = (Array.isArray(columns) ? columns : []) as readonly { Name: string; CslType?: string }[];
  return entries.map(({ Name, CslType }) => [Name, CslType ?? ''] as const);
}

/** Column → type of the same text, where the order does not matter. */
export function columnsOf(schema: unknown): Record<string, string> {
  return Object.fromEntries(orderedColumnsOf(schema));
}
