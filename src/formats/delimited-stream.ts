import { isUtf8 } from 'node:buffer';
import { KfError } from '../runtime/errors.js';
import { afterLineEnds, type Dialect, RowScanner } from './delimited.js';
import { MAX_VALUE_BYTES } from './json-record.js';
import { type CutPiece, RecordBuffer, type RecordCutter } from './record-buffer.js';
import { stripBom } from './text.js';

const BOM_BYTES = 3;

/**
 * Cuts delimited text of any length into rows. Every row must have as many fields as the first one, which may be a
 * header. A quote that is never closed refuses the whole body, because no border after it can be known.
 */
export class DelimitedStreamCutter implements RecordCutter {
  readonly #buffer: RecordBuffer;
  readonly #scanner: RowScanner;
  readonly #lines: boolean;
  #header: boolean;
  #fields: number | undefined;
  #head: Buffer | undefined = Buffer.alloc(0);

  constructor(options: {
    readonly dialect: Dialect;
    readonly header: boolean;
    readonly maxRecordBytes: number;
  }) {
    this.#buffer = new RecordBuffer(options.maxRecordBytes);
    this.#scanner = new RowScanner(options.dialect);
    this.#lines = options.dialect.delimiter === undefined;
    this.#header = options.header;
  }

  *push(chunk: Buffer): Iterable<CutPiece> {
    let bytes = chunk;
    if (this.#head !== undefined) {
      bytes = Buffer.concat([this.#head, chunk]);
      if (bytes.length < BOM_BYTES) {
        this.#head = bytes;
        return;
      }
      this.#head = undefined;
      bytes = stripBom(bytes);
    }
    yield* this.#rows(bytes);
  }

  *end(): Iterable<CutPiece> {
    if (this.#head !== undefined && this.#head.length > 0) {
      yield* this.#rows(this.#head);
    }
    const open = this.#scanner.inQuotes;
    const last = this.#buffer.take(Buffer.alloc(0));
    if (open) {
      throw new KfError('RECORD_UNBALANCED_QUOTE', 'body: a quoted field is never closed');
    }
    if (last.length > 0) {
      this.#scanner.finish();
      yield* this.#row(last);
    }
  }

  *#rows(bytes: Buffer): Iterable<CutPiece> {
    let from = this.#skipBlank(bytes, this.#scanner.rowStart(bytes, 0));
    while (from < bytes.length) {
      const end = this.#scanner.row(bytes, from);
      if (end < 0) {
        this.#buffer.keep(bytes.subarray(from));
        return;
      }
      yield* this.#row(this.#buffer.take(bytes.subarray(from, end)));
      from = this.#skipBlank(bytes, this.#scanner.next);
    }
  }

  /** Past blank lines, where none is a record and no row is under way. */
  #skipBlank(bytes: Buffer, from: number): number {
    return this.#lines || this.#buffer.length > 0 ? from : afterLineEnds(bytes, from);
  }

  *#row(bytes: Buffer): Iterable<CutPiece> {
    if (bytes.length === 0 && !this.#lines) {
      return;
    }
    const { fields, largestField } = this.#scanner;
    if (this.#header) {
      this.#header = false;
      this.#fields = fields;
      return;
    }
    const error = this.#refusal(bytes, fields, largestField);
    if (error === undefined) {
      this.#fields ??= fields;
      yield { bytes, fields };
    } else {
      yield { bytes, fields, error };
    }
  }

  #refusal(bytes: Buffer, fields: number, largestField: number): KfError | undefined {
    if (!isUtf8(bytes)) {
      return new KfError('RECORD_NOT_UTF8', 'body: a row is not valid UTF-8');
    }
    if (this.#fields !== undefined && fields !== this.#fields) {
      const message = `body: a row of ${fields} fields, the first row has ${this.#fields}`;
      return new KfError('RECORD_FIELD_COUNT', message);
    }
    if (largestField > MAX_VALUE_BYTES) {
      const message = `body: a field of ${largestField} bytes; the service cuts strings over 1 MiB`;
      return new KfError('RECORD_TOO_LARGE', message);
    }
    return undefined;
  }
}
