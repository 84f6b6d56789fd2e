import type { Steps } from '../slices.js';
import { badData } from './errors.js';
import { JsonScanner } from './json-scanner.js';
import { MAX_RECORD_CHARS } from './limits.js';
import type { RowSink } from './row-sink.js';
import { readText } from './text-chunks.js';

export interface JsonOptions {
  readonly ignoreFirstRecord: boolean;
  /** Bytes decoded at a time; default `TEXT_CHUNK_BYTES`. */
  readonly chunkBytes?: number;
}

function tooLarge(line: number): Error {
  return badData('Stream_InputStreamTooLarge', `The JSON record in line ${line} is too large`);
}

/** Counted character by character: a search for the next line feed would run to the end of text that has none. */
function countLines(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = from; at < to; at++) if (text.charCodeAt(at) === 10) lines++;
  return lines;
}

/** One object per line. @returns how many lines were malformed and, as the service does, ignored */
export function* readJsonLines(bytes: Uint8Array, sink: RowSink, options: JsonOptions): Steps<number> {
  const scanner = new JsonScanner(sink.bound, false);
  let malformed = 0;
  let line = 0;
  let skip = options.ignoreFirstRecord;
  yield* readText(
    bytes,
    (text, final) => {
      scanner.setText(text);
      const complete = final ? text.length : text.lastIndexOf('\n') + 1;
      let at = 0;
      while (at < complete) {
        const newline = text.indexOf('\n', at);
        const end = newline < 0 ? text.length : newline;
        line++;
        if (end - at > MAX_RECORD_CHARS) throw tooLarge(line);
        const start = scanner.skipBlanks(at);
        if (start < end) {
          const stop = scanner.scan(start);
          const legal = stop >= 0 && scanner.skipBlanks(stop) === end;
          if (!legal) malformed++;
          else if (skip) skip = false;
          else {
            scanner.commit();
            sink.endRow(line);
          }
        }
        at = end + 1;
      }
      return Math.min(complete, text.length);
    },
    options.chunkBytes,
  );
  return malformed;
}

/** Objects one after another, spread over lines as they like, or lists of them. */
class MultiJsonReader {
  private readonly scanner: JsonScanner;
  private readonly sink: RowSink;
  private skip: boolean;
  private line = 1;
  private inList = false;
  private expectItem = false;
  private allowEnd = false;

  constructor(sink: RowSink, ignoreFirstRecord: boolean) {
    this.sink = sink;
    this.scanner = new JsonScanner(sink.bound, true);
    this.skip = ignoreFirstRecord;
  }

  read(text: string, final: boolean): number {
    this.scanner.setText(text);
    let at = 0;
    for (;;) {
      const start = this.scanner.skipBlanks(at);
      this.line += countLines(text, at, start);
      at = start;
      if (at >= text.length) break;
      const next = this.punctuation(text, at);
      if (next > at) {
        at = next;
        continue;
      }
      const end = this.scanner.scan(at);
      if (end < 0) {
        if (!final) return at;
        throw this.malformed();
      }
      this.record(text, at, end);
      at = end;
    }
    if (final && this.inList) throw this.malformed();
    return at;
  }

  private record(text: string, start: number, end: number): void {
    if (this.inList && !this.expectItem) throw this.malformed();
    this.expectItem = false;
    this.allowEnd = true;
    if (end - start > MAX_RECORD_CHARS) throw tooLarge(this.line);
    if (this.skip) this.skip = false;
    else {
      this.scanner.commit();
      this.sink.endRow(this.line);
    }
    this.line += countLines(text, start, end);
  }

  /** Passes over a bracket or comma that is legal here. */
  private punctuation(text: string, at: number): number {
    const c = text[at];
    if (c === '[' && !this.inList) {
      this.inList = true;
      this.expectItem = true;
      this.allowEnd = true;
      return at + 1;
    }
    if (c === ']' && this.inList && this.allowEnd) {
      this.inList = false;
      return at + 1;
    }
    if (c === ',' && this.inList && !this.expectItem) {
      this.expectItem = true;
      this.allowEnd = false;
      return at + 1;
    }
    return at;
  }

  private malformed(): Error {
    return badData('BadRequest_InvalidBlob', `The JSON record that starts in line ${this.line} is malformed`);
  }
}

/** @throws KustoError `BadRequest_InvalidBlob` */
export function* readMultiJson(bytes: Uint8Array, sink: RowSink, options: JsonOptions): Steps<void> {
  const reader = new MultiJsonReader(sink, options.ignoreFirstRecord);
  yield* readText(bytes, (text, final) => reader.read(text, final), options.chunkBytes);
}

/** The whole source is one record. @throws KustoError `BadRequest_InvalidBlob` */
export function* readSingleJson(bytes: Uint8Array, sink: RowSink): Steps<void> {
  const scanner = new JsonScanner(sink.bound, true);
  yield* readText(bytes, (text, final) => {
    if (!final) return 0;
    scanner.setText(text);
    const start = scanner.skipBlanks(0);
    if (start >= text.length) return text.length;
    const end = scanner.scan(start, true);
    if (end < 0 || scanner.skipBlanks(end) < text.length) {
      throw badData('BadRequest_InvalidBlob', 'The source is not one JSON value');
    }
    if (end - start > MAX_RECORD_CHARS) throw tooLarge(1);
    scanner.commit();
    sink.endRow(1);
    return text.length;
  });
}
