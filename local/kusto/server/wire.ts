import { DOTNET_TYPES } from '../commands/schema.js';
import type { RowSet } from '../store/types.js';
import { cellEncoder } from './cells.js';

/** Text is handed on in pieces of about this many characters, so that no answer is ever one string. */
const CHUNK_CHARS = 64 * 1024;

/** Ids that both answers carry. */
export interface AnswerIds {
  readonly clientRequestId: string;
  readonly activityId: string;
  /** Ticks. */
  readonly now: bigint;
}

/** Rows as JSON arrays without the enclosing brackets, in pieces. */
export function* encodeRows(rows: RowSet, from = 0, to = rows.rowCount): Generator<string> {
  const encoders = rows.schema.map(({ type }) => cellEncoder(type));
  const { columns } = rows;
  let text = '';
  for (let row = from; row < to; row += 1) {
    text += row === from ? '[' : ',[';
    for (let at = 0; at < columns.length; at += 1) {
      const cell = columns[at]?.get(row) ?? null;
      text += at === 0 ? encoders[at]?.(cell) : `,${encoders[at]?.(cell)}`;
    }
    text += ']';
    if (text.length >= CHUNK_CHARS) {
      yield text;
      text = '';
    }
  }
  if (text !== '') {
    yield text;
  }
}

/** Gathers small pieces into larger ones. */
export function* inChunks(pieces: Iterable<string>): Generator<string> {
  let text = '';
  for (const piece of pieces) {
    text += piece;
    if (text.length >= CHUNK_CHARS) {
      yield text;
      text = '';
    }
  }
  if (text !== '') {
    yield text;
  }
}

export function columnsV1(rows: RowSet): string {
  return JSON.stringify(
    rows.schema.map(({ name, type }) => ({
      ColumnName: name,
      DataType: DOTNET_TYPES[type],
      ColumnType: type,
    })),
  );
}

export function columnsV2(rows: RowSet): string {
  return JSON.stringify(rows.schema.map(({ name, type }) => ({ ColumnName: name, ColumnType: type })));
}
