import type { KfError } from '../runtime/errors.js';
import { createJsonReader, type JsonReader, MAX_JSON_DEPTH } from './json-record.js';
import { OPEN_BRACE, OPEN_BRACKET, skipSpace } from './json-scan.js';
import { toOneLine } from './json-splice.js';
import { JsonStructureCutter } from './json-structure.js';
import { JsonValidator } from './json-validate.js';
import { type CutPiece, RecordBuffer, type RecordCutter, requireFewRecords } from './record-buffer.js';
import { stripBom } from './text.js';

const LF = 0x0a;

/** Bytes looked at to see whether a body holds one record a line. */
const SNIFF_BYTES = 64 * 1024;
/** First look; each further one is at twice as many bytes, so that tiny chunks cost no more than large ones. */
const FIRST_SNIFF_BYTES = 1024;

/** Several objects one after the other, with or without space between them; undefined when that is not so. */
function adjacentObjects(line: Buffer, validator: JsonValidator): Buffer[] | undefined {
  const found: Buffer[] = [];
  let at = validator.space(line, 0);
  while (at < line.length) {
    const end = line[at] === OPEN_BRACE ? validator.value(line, at) : -1;
    if (end < 0) {
      return undefined;
    }
    found.push(line.subarray(at, end));
    requireFewRecords(found.length);
    at = validator.space(line, end);
  }
  return found;
}

/** The records of a text that should be one object, an array of objects, or objects in a row. */
function readRecords(text: Buffer, reader: JsonReader, validator: JsonValidator): CutPiece[] {
  const pieces: CutPiece[] = [];
  const visitor = {
    object: ({ bytes, multiline }: { bytes: Buffer; multiline: boolean }): void => {
      pieces.push({ bytes: multiline ? toOneLine(bytes) : bytes });
    },
    refused: (bytes: Buffer, error: KfError): void => {
      pieces.push({ bytes, error });
    },
  };
  try {
    reader.read(text, visitor);
    return pieces;
  } catch (error) {
    const several = adjacentObjects(text, validator) ?? [];
    if (several.length < 2) {
      return [{ bytes: text, error: error as KfError }];
    }
    for (const object of several) {
      reader.read(object, visitor);
    }
    return pieces;
  }
}

/**
 * Is the first line a whole object, or are two lines side by side? The latter no larger valid value has inside; the
 * former only a body whose first object happens to stand on one line and whose others do not.
 */
function looksLikeLines(head: Buffer, reader: JsonReader): boolean {
  const lines = head.toString('latin1').split('\n').slice(0, -1);
  let before = true;
  for (const line of lines) {
    const text = line.trim();
    if (text === '') {
      continue;
    }
    const whole = text.startsWith('{') && isRecord(Buffer.from(text, 'latin1'), reader);
    if (whole && before) {
      return true;
    }
    before = whole;
  }
  return false;
}

function isRecord(text: Buffer, reader: JsonReader): boolean {
  try {
    reader.read(text, { object: () => undefined, refused: () => undefined });
    return true;
  } catch {
    return false;
  }
}

class LineCutter implements RecordCutter {
  readonly #buffer: RecordBuffer;
  readonly #read: (text: Buffer) => CutPiece[];

  constructor(maxRecordBytes: number, read: (text: Buffer) => CutPiece[]) {
    this.#buffer = new RecordBuffer(maxRecordBytes);
    this.#read = read;
  }

  *push(chunk: Buffer): Iterable<CutPiece> {
    let from = 0;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
      yield* this.#line(this.#buffer.take(chunk.subarray(from, at)));
      from = at + 1;
    }
    this.#buffer.keep(chunk.subarray(from));
  }

  *end(): Iterable<CutPiece> {
    yield* this.#line(this.#buffer.take(Buffer.alloc(0)));
  }

  #line(line: Buffer): CutPiece[] {
    return skipSpace(line, 0) === line.length ? [] : this.#read(line);
  }
}

/**
 * Cuts a JSON body of any length into records: one object a line; objects one after the other, pretty-printed or not;
 * or one array. A body whose first line, or two adjacent lines near its beginning, are whole objects is taken as lines
 * throughout, so that one broken line spoils no other. A bad record is a piece with an error; where the structure itself is broken so that no further border
 * can be known, the whole body is refused.
 */
export class JsonStreamCutter implements RecordCutter {
  readonly #maxRecordBytes: number;
  readonly #reader: JsonReader;
  readonly #read: (text: Buffer) => CutPiece[];
  #head: Buffer[] = [];
  #headBytes = 0;
  #nextSniffBytes = FIRST_SNIFF_BYTES;
  #inner: RecordCutter | undefined;

  constructor(maxRecordBytes: number) {
    this.#maxRecordBytes = maxRecordBytes;
    this.#reader = createJsonReader({ maxRecordBytes });
    const validator = new JsonValidator(MAX_JSON_DEPTH);
    this.#read = (text) => readRecords(text, this.#reader, validator);
  }

  *push(chunk: Buffer): Iterable<CutPiece> {
    if (this.#inner !== undefined) {
      yield* this.#inner.push(chunk);
      return;
    }
    this.#head.push(chunk);
    this.#headBytes += chunk.length;
    if (this.#headBytes >= this.#nextSniffBytes) {
      this.#nextSniffBytes = this.#headBytes * 2;
      yield* this.#begin(this.#headBytes >= SNIFF_BYTES);
    }
  }

  *end(): Iterable<CutPiece> {
    if (this.#inner === undefined) {
      yield* this.#begin(true);
    }
    yield* this.#inner?.end() ?? [];
  }

  *#begin(final: boolean): Iterable<CutPiece> {
    const head = stripBom(Buffer.concat(this.#head));
    this.#inner = this.#choose(head, final);
    if (this.#inner !== undefined) {
      this.#head = [];
      yield* this.#inner.push(head);
    }
  }

  /** Undefined while there is too little to see. */
  #choose(head: Buffer, final: boolean): RecordCutter | undefined {
    const first = head[skipSpace(head, 0)];
    if (first === OPEN_BRACKET) {
      return new JsonStructureCutter(this.#maxRecordBytes, this.#read, true);
    }
    if (first !== undefined && first !== OPEN_BRACE) {
      return new LineCutter(this.#maxRecordBytes, this.#read);
    }
    if (looksLikeLines(head, this.#reader)) {
      return new LineCutter(this.#maxRecordBytes, this.#read);
    }
    return final ? new JsonStructureCutter(this.#maxRecordBytes, this.#read, false) : undefined;
  }
}
