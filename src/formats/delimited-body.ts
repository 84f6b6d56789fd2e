import { KfError } from '../runtime/errors.js';
import { afterLineEnds, type Dialect, RowScanner } from './delimited.js';
import { requireFewRecords } from './record-buffer.js';
import { asBuffer, requireUtf8, stripBom } from './text.js';

export interface Row {
  readonly bytes: Buffer;
  readonly fields: number;
  readonly largestField: number;
  /** Why the row cannot be taken. */
  readonly error?: KfError;
}

export interface DelimitedBody {
  /** The first row, when it is a header. */
  readonly header?: Buffer;
  readonly rows: readonly Row[];
}

/** The next row from `from` on; the last one may lack its line end. */
function nextRow(scanner: RowScanner, bytes: Buffer, from: number): Row & { readonly next: number } {
  const end = scanner.row(bytes, from);
  if (end >= 0) {
    const { fields, largestField, next } = scanner;
    return { bytes: bytes.subarray(from, end), fields, largestField, next };
  }
  const open = scanner.inQuotes;
  scanner.finish();
  const { fields, largestField } = scanner;
  const row = { bytes: bytes.subarray(from), fields, largestField, next: bytes.length };
  return open
    ? { ...row, error: new KfError('RECORD_UNBALANCED_QUOTE', 'body: a quoted field is never closed') }
    : row;
}

/**
 * Cuts a body into its rows. A blank line holds no record, except in `txt` and before the end of a body only there.
 * @throws KfError RECORD_NOT_UTF8, RECORD_EMPTY, RECORD_BOMB
 */
export function readDelimitedBody(body: Uint8Array, dialect: Dialect, header: boolean): DelimitedBody {
  const bytes = stripBom(asBuffer(body));
  requireUtf8(bytes);
  const scanner = new RowScanner(dialect);
  const rows: Row[] = [];
  const keepBlank = dialect.delimiter === undefined;
  for (let at = keepBlank ? 0 : afterLineEnds(bytes, 0); at < bytes.length; ) {
    const { next, ...row } = nextRow(scanner, bytes, at);
    if (row.bytes.length > 0 || keepBlank) {
      rows.push(row);
      requireFewRecords(rows.length);
    }
    at = keepBlank ? next : afterLineEnds(bytes, next);
  }
  const data = header ? rows.slice(1) : rows;
  if (data.length === 0) {
    throw new KfError('RECORD_EMPTY', `body: holds no record${header ? ' after its header' : ''}`);
  }
  const first = rows[0];
  return header && first !== undefined ? { header: first.bytes, rows: data } : { rows: data };
}
