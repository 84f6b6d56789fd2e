import type { Steps } from '../slices.js';
import { badData } from './errors.js';
import type { Field } from './field.js';
import { MAX_RECORD_CHARS } from './limits.js';
import type { RowSink } from './row-sink.js';
import { readText } from './text-chunks.js';

export interface DelimitedOptions {
  /** One character. */
  readonly delimiter: string;
  /** RFC 4180 quoting; otherwise quotes are data. */
  readonly quoting: boolean;
  /** Backslash escapes, as in tsve. */
  readonly escaping: boolean;
  readonly ignoreFirstRecord: boolean;
  /** Bytes decoded at a time; default `TEXT_CHUNK_BYTES`. */
  readonly chunkBytes?: number;
}

const QUOTE = 34;
const LF = 10;
const CR = 13;
const BACKSLASH = 92;

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', '0': '\0' };

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, (_, c: string) => ESCAPES[c] ?? c);
}

/** A field of a record: where the text after it goes on, or that more text is needed. */
const INCOMPLETE = -1;

function tooLarge(line: number): Error {
  return badData('Stream_InputStreamTooLarge', `The record in line ${line} is too large`);
}

/** Cuts text into records of fields. */
class DelimitedReader {
  private readonly sink: RowSink;
  private readonly byOrdinal: Field[][] = [];
  private readonly delimiter: number;
  private readonly options: DelimitedOptions;
  private readonly values: string[] = [];
  private width = -1;
  private skipNext: boolean;
  private line = 1;
  private value = '';

  constructor(sink: RowSink, options: DelimitedOptions) {
    this.sink = sink;
    this.options = options;
    this.delimiter = options.delimiter.charCodeAt(0);
    this.skipNext = options.ignoreFirstRecord;
    for (const { field, ordinal } of sink.bound) {
      this.byOrdinal[ordinal] ??= [];
      this.byOrdinal[ordinal].push(field);
    }
  }

  read(text: string, final: boolean): number {
    let at = 0;
    while (at < text.length) {
      const blank = this.blankLine(text, at);
      const next = blank > at ? blank : this.record(text, at, final);
      if (next === INCOMPLETE) break;
      if (next - at > MAX_RECORD_CHARS) {
        throw tooLarge(this.line);
      }
      at = next;
    }
    return at;
  }

  private blankLine(text: string, at: number): number {
    if (text.charCodeAt(at) === LF) {
      this.line++;
      return at + 1;
    }
    if (text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF) {
      this.line++;
      return at + 2;
    }
    return at;
  }

  private record(text: string, start: number, final: boolean): number {
    const startLine = this.line;
    let at = start;
    let count = 0;
    for (;;) {
      at = this.field(text, at, final);
      if (at === INCOMPLETE) {
        this.line = startLine;
        return INCOMPLETE;
      }
      this.values[count++] = this.value;
      if (at >= text.length) {
        if (!final) {
          this.line = startLine;
          return INCOMPLETE;
        }
        break;
      }
      const c = text.charCodeAt(at);
      at += c === CR ? 2 : 1;
      if (c !== this.delimiter) break;
    }
    this.emit(count, startLine);
    this.line++;
    return at;
  }

  /** Reads one field into `value`; returns where its terminator stands. */
  private field(text: string, at: number, final: boolean): number {
    if (this.options.quoting && text.charCodeAt(at) === QUOTE) return this.quoted(text, at, final);
    let end = at;
    let escaped = false;
    for (; end < text.length; end++) {
      const c = text.charCodeAt(end);
      if (c === this.delimiter || c === LF) break;
      if (c === CR && (text.charCodeAt(end + 1) === LF || (end + 1 === text.length && !final))) break;
      if (c === BACKSLASH && this.options.escaping) {
        escaped = true;
        end++;
      }
    }
    const stop = Math.min(end, text.length);
    this.value = escaped ? unescaped(text.slice(at, stop)) : text.slice(at, stop);
    return stop < text.length && text.charCodeAt(stop) === CR && stop + 1 === text.length ? INCOMPLETE : stop;
  }

  private quoted(text: string, at: number, final: boolean): number {
    let from = at + 1;
    let doubled = false;
    for (;;) {
      const quote = text.indexOf('"', from);
      if (quote < 0 || (quote + 1 === text.length && !final)) {
        if (final && quote < 0) throw this.missingQuote();
        return INCOMPLETE;
      }
      if (text.charCodeAt(quote + 1) !== QUOTE) {
        const value = text.slice(at + 1, quote);
        this.countLines(value);
        this.value = doubled ? value.replaceAll('""', '"') : value;
        return this.afterQuote(text, quote + 1, final);
      }
      doubled = true;
      from = quote + 2;
    }
  }

  private afterQuote(text: string, at: number, final: boolean): number {
    const c = text.charCodeAt(at);
    if (at === text.length || c === this.delimiter || c === LF) return at;
    if (c === CR && text.charCodeAt(at + 1) === LF) return at;
    if (c === CR && at + 1 === text.length && !final) return INCOMPLETE;
    throw this.missingQuote();
  }

  private countLines(value: string): void {
    for (let at = value.indexOf('\n'); at >= 0; at = value.indexOf('\n', at + 1)) this.line++;
  }

  private missingQuote(): Error {
    return badData(
      'Stream_ClosingQuoteMissing',
      `Invalid delimited text: a quoted field of the record in line ${this.line} does not close`,
    );
  }

  private emit(count: number, line: number): void {
    if (this.width < 0) this.width = count;
    else if (count !== this.width) {
      throw badData(
        'Stream_WrongNumberOfFields',
        `The record in line ${line} has ${count} fields where those before it have ${this.width}`,
      );
    }
    if (this.skipNext) {
      this.skipNext = false;
      return;
    }
    for (let i = 0; i < this.byOrdinal.length; i++) {
      const fields = this.byOrdinal[i];
      if (fields === undefined) continue;
      for (const field of fields) {
        if (i < count) field.text(this.values[i]!);
        else field.missing();
      }
    }
    this.sink.endRow(line);
  }
}

/**
 * Delimited text → rows. Blank lines are skipped; a carriage return counts as data unless a line feed follows.
 * @throws KustoError `Stream_WrongNumberOfFields`, `Stream_ClosingQuoteMissing`, `Stream_InputStreamTooLarge`
 */
export function* readDelimited(bytes: Uint8Array, sink: RowSink, options: DelimitedOptions): Steps<void> {
  const reader = new DelimitedReader(sink, options);
  yield* readText(bytes, (text, final) => reader.read(text, final), options.chunkBytes);
}

/** Every non-empty line is a record of one field. */
export function* readLines(bytes: Uint8Array, sink: RowSink, ignoreFirstRecord: boolean): Steps<void> {
  let line = 0;
  let skip = ignoreFirstRecord;
  yield* readText(bytes, (text, final) => {
    let at = 0;
    while (at < text.length) {
      const newline = text.indexOf('\n', at);
      if (newline < 0 && !final) break;
      const end = newline < 0 ? text.length : newline;
      const value = text.slice(at, end > at && text.charCodeAt(end - 1) === CR ? end - 1 : end);
      at = end + 1;
      line++;
      if (value === '') continue;
      if (value.length > MAX_RECORD_CHARS) throw tooLarge(line);
      if (!skip) emitSingle(sink, value, line);
      skip = false;
    }
    return Math.min(at, text.length);
  });
}

/** The whole source is one record of one field. */
export function readRaw(bytes: Uint8Array, sink: RowSink): void {
  emitSingle(sink, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'), 1);
}

function emitSingle(sink: RowSink, value: string, line: number): void {
  for (const { field, ordinal } of sink.bound) {
    if (ordinal === 0) field.text(value);
    else field.missing();
  }
  sink.endRow(line);
}
