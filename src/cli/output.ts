/** Where the command line writes. Answers go to `out`, progress and errors to `err`. */
export interface Output {
  out(line: string): void;
  err(line: string): void;
  /** Rewrites the last line on a terminal; undefined when `err` is none. */
  readonly progress?: (text: string) => void;
}

/** Widest cell of a table, in characters. */
const maxCellLength = 80;

const cell = (value: unknown): string => {
  const text = value === undefined || value === null ? '' : String(value).replaceAll(/\s+/g, ' ');
  return text.length > maxCellLength ? `${text.slice(0, maxCellLength - 1)}…` : text;
};

/** Rows under their headings, in columns as wide as they need. */
export function formatTable(headings: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const cells = [headings, ...rows.map((row) => row.map(cell))];
  const widths = headings.map((_, index) => Math.max(...cells.map((row) => (row[index] ?? '').length)));
  return cells
    .map((row) =>
      row
        .map((text, index) => text.padEnd(widths[index] as number))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `name: value` lines; what has no value is left out, and objects are shown as JSON. */
export function formatFacts(facts: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(facts).filter(
    ([, value]) => value !== undefined && value !== null && value !== '',
  );
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(
      ([name, value]) =>
        `${name.padEnd(width)}  ${typeof value === 'object' ? JSON.stringify(value) : value}`,
    )
    .join('\n');
}

export const toJson = (value: unknown): string => JSON.stringify(value, null, 2);
