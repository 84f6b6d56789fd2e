import { open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rowSetFromRows } from '../store/row-set.js';
import type { Cell, ColumnSchema, RowSet } from '../store/types.js';
import { dynamicFromText } from '../values/dynamic.js';
import type { OperationUpdate } from './operation-types.js';
import { MAX_RESULTS } from './operations.js';

const FILE = 'operations.jsonl';
/** Updates that a restart keeps. */
const MAX_KEPT_UPDATES = 20_000;

/** Updates and results of earlier runs and a place for new ones. */
interface OperationsLog {
  readonly earlier: readonly OperationUpdate[];
  readonly earlierResults: ReadonlyMap<string, RowSet>;
  readonly onUpdate: (update: OperationUpdate) => Promise<void>;
  readonly onResult: (id: string, result: RowSet) => Promise<void>;
  close(): Promise<void>;
}

interface ResultLine {
  readonly resultOf: string;
  readonly schema: readonly ColumnSchema[];
  readonly rows: readonly unknown[][];
}

const NOTHING: OperationsLog = {
  earlier: [],
  earlierResults: new Map(),
  onUpdate: async () => undefined,
  onResult: async () => undefined,
  close: async () => undefined,
};

/**
 * The operations' log kept in `directory`; nothing is kept without a directory.
 * Lines are written in the order of the calls: a result is there when the update that tells of it is.
 */
export async function openOperationsLog(directory?: string): Promise<OperationsLog> {
  if (directory === undefined) {
    return NOTHING;
  }
  const path = join(directory, FILE);
  const text = await readFile(path, 'utf8').catch(() => '');
  // A line without its end was being written when the process died.
  const lines = text.split('\n').slice(0, -1);
  const results = lines.filter(isResult).slice(-MAX_RESULTS);
  const updates = lines.filter((line) => !isResult(line)).slice(-MAX_KEPT_UPDATES);
  await writeFile(`${path}.new`, [...results, ...updates].map((line) => `${line}\n`).join(''));
  await rename(`${path}.new`, path);
  const file = await open(path, 'a');
  let written: Promise<unknown> = Promise.resolve();
  const append = (line: string): Promise<void> => {
    const done = written.then(() => file.appendFile(`${line}\n`));
    written = done.catch(() => undefined);
    return done;
  };
  return {
    earlier: updates.map(parseUpdate),
    earlierResults: new Map(results.map(parseResult)),
    onUpdate: (update) => append(toJson(update)),
    onResult: (id, result) => append(resultLine(id, result)),
    close: async () => {
      await written;
      await file.close();
    },
  };
}

function isResult(line: string): boolean {
  return line.startsWith('{"resultOf"');
}

function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'bigint' ? String(member) : member,
  );
}

function parseUpdate(line: string): OperationUpdate {
  const update = JSON.parse(line) as OperationUpdate & { startedOn: string; lastUpdatedOn: string };
  return { ...update, startedOn: BigInt(update.startedOn), lastUpdatedOn: BigInt(update.lastUpdatedOn) };
}

function resultLine(resultOf: string, { schema, columns, rowCount }: RowSet): string {
  const rows = Array.from({ length: rowCount }, (_, row) =>
    columns.map((column) => cellToJson(column.get(row))),
  );
  return toJson({ resultOf, schema, rows } satisfies ResultLine);
}

function cellToJson(cell: Cell): unknown {
  if (typeof cell !== 'object' || cell === null) {
    return typeof cell === 'number' && !Number.isFinite(cell) ? String(cell) : cell;
  }
  return 'text' in cell ? cell.text : cell;
}

function parseResult(line: string): readonly [string, RowSet] {
  const { resultOf, schema, rows } = JSON.parse(line) as ResultLine;
  const cells = rows.map((row) => row.map((value, at) => cellFromJson(value, schema[at]?.type)));
  return [resultOf, rowSetFromRows(schema, cells)];
}

function cellFromJson(value: unknown, type: ColumnSchema['type'] | undefined): Cell {
  if (value === null) {
    return null;
  }
  switch (type) {
    case 'long':
    case 'datetime':
    case 'timespan':
      return BigInt(value as string);
    case 'real':
      return Number(value);
    case 'dynamic':
      return dynamicFromText(value as string);
    case 'decimal': {
      const { unscaled, scale } = value as { unscaled: string; scale: number };
      return { unscaled: BigInt(unscaled), scale };
    }
    default:
      return value as Cell;
  }
}
