import type { DataFormat } from '../config/types.js';

/** How rows of a delimited text format are written. */
export interface Dialect {
  /** Undefined for `txt`: a line is one field. */
  readonly delimiter: number | undefined;
  /** Fields may stand in double quotes, doubled inside; line ends and delimiters in them are data. */
  readonly quotes: boolean;
  /** A backslash takes the meaning from the byte after it (`tsve`). */
  readonly escapes: boolean;
}

const dialects: Readonly<Partial<Record<DataFormat, Dialect>>> = {
  csv: { delimiter: 0x2c, quotes: true, escapes: false },
  tsv: { delimiter: 0x09, quotes: true, escapes: false },
  tsve: { delimiter: 0x09, quotes: false, escapes: true },
  psv: { delimiter: 0x7c, quotes: true, escapes: false },
  scsv: { delimiter: 0x3b, quotes: true, escapes: false },
  sohsv: { delimiter: 0x01, quotes: true, escapes: false },
  txt: { delimiter: undefined, quotes: false, escapes: false },
};

export function dialectOf(format: DataFormat): Dialect {
  return dialects[format] ?? (dialects.csv as Dialect);
}

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const PLAIN = 0;
const DELIMITER = 1;
const LINE_END = 2;
const ESCAPE = 3;

const AT_FIELD_START = 0;
const IN_FIELD = 1;
const IN_QUOTES = 2;
/** After a quote inside a quoted field: its end, or the first half of a doubled one. */
const AFTER_QUOTE = 3;
const AFTER_ESCAPE = 4;

function byteClasses(dialect: Dialect): Uint8Array {
  const classes = new Uint8Array(256);
  classes[LF] = LINE_END;
  classes[CR] = LINE_END;
  if (dialect.delimiter !== undefined) {
    classes[dialect.delimiter] = DELIMITER;
  }
  if (dialect.escapes) {
    classes[BACKSLASH] = ESCAPE;
  }
  return classes;
}

/** The first index from `from` on that is no line end: past any number of blank lines, without a row for each. */
export function afterLineEnds(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at] === LF || bytes[at] === CR) {
    at++;
  }
  return at;
}

/**
 * Finds where rows end, also when a row comes in several pieces. Rows end with LF, CRLF or a lone CR outside quotes.
 * Nothing is decoded; a quoted field may be followed by more text, as lenient readers take it.
 */
export class RowScanner {
  /** Fields of the row that ended last. */
  fields = 0;
  /** Bytes of its largest field. */
  largestField = 0;
  /** Where the next row begins. */
  next = 0;
  readonly #classes: Uint8Array;
  readonly #quotes: boolean;
  #state = AT_FIELD_START;
  #fieldBytes = 0;
  #fieldCount = 0;
  #largest = 0;
  #skipLf = false;

  constructor(dialect: Dialect) {
    this.#classes = byteClasses(dialect);
    this.#quotes = dialect.quotes;
  }

  /** The row under way has an open quote. */
  get inQuotes(): boolean {
    return this.#state === IN_QUOTES;
  }

  /** Forgets the row under way. */
  reset(): void {
    this.#state = AT_FIELD_START;
    this.#fieldBytes = 0;
    this.#fieldCount = 0;
    this.#largest = 0;
    this.#skipLf = false;
  }

  /**
   * The LF of a CRLF whose CR ended the row before, at the beginning of further bytes.
   * @returns where the row begins
   */
  rowStart(bytes: Uint8Array, from: number): number {
    if (this.#skipLf && from < bytes.length) {
      this.#skipLf = false;
      return bytes[from] === LF ? from + 1 : from;
    }
    return from;
  }

  /** Goes on with the row under way: the index of its end (of its line end), or -1 when the bytes end first. */
  row(bytes: Uint8Array, from: number): number {
    let at = from;
    let fieldStart = from;
    const end = bytes.length;
    while (at < end) {
      if (this.#state === IN_QUOTES) {
        at = bytes.indexOf(QUOTE, at);
        if (at < 0) {
          at = end;
          break;
        }
        this.#state = AFTER_QUOTE;
        at++;
        continue;
      }
      const byte = bytes[at] as number;
      if (byte === QUOTE && this.#quotes && this.#startsQuotes()) {
        this.#state = IN_QUOTES;
        at++;
        continue;
      }
      const kind = this.#state === AFTER_ESCAPE ? PLAIN : (this.#classes[byte] as number);
      if (kind === DELIMITER) {
        this.#endField(at - fieldStart);
        fieldStart = at + 1;
      } else if (kind === LINE_END) {
        this.#endField(at - fieldStart);
        return this.#endRow(bytes, at);
      } else {
        this.#state = kind === ESCAPE ? AFTER_ESCAPE : IN_FIELD;
        at = this.#state === IN_FIELD ? this.#skipPlain(bytes, at) : at;
      }
      at++;
    }
    this.#fieldBytes += at - fieldStart;
    return -1;
  }

  /** Ends the last row of the input, which has no line end. */
  finish(): void {
    this.#endField(0);
    this.#publish();
  }

  /** The last of the plain bytes from `from` on; inside a field a quote is plain. */
  #skipPlain(bytes: Uint8Array, from: number): number {
    const classes = this.#classes;
    const last = bytes.length - 1;
    let at = from;
    while (at < last && classes[bytes[at + 1] as number] === PLAIN) {
      at++;
    }
    return at;
  }

  #startsQuotes(): boolean {
    return this.#state === AT_FIELD_START || this.#state === AFTER_QUOTE;
  }

  #endField(bytes: number): void {
    this.#fieldCount++;
    this.#largest = Math.max(this.#largest, this.#fieldBytes + bytes);
    this.#fieldBytes = 0;
    this.#state = AT_FIELD_START;
  }

  #endRow(bytes: Uint8Array, at: number): number {
    this.#publish();
    this.next = at + 1;
    if (bytes[at] === CR) {
      if (at + 1 === bytes.length) {
        this.#skipLf = true;
      } else if (bytes[at + 1] === LF) {
        this.next = at + 2;
      }
    }
    return at;
  }

  #publish(): void {
    this.fields = this.#fieldCount;
    this.largestField = this.#largest;
    this.#fieldCount = 0;
    this.#largest = 0;
  }
}

/** The text as one more field of a row, its delimiter before it. */
export function appendedField(text: string, dialect: Dialect): string {
  const delimiter = String.fromCharCode(dialect.delimiter ?? LF);
  if (dialect.escapes) {
    const escaped = text.replace(/[\\\t\n\r]/g, (found) => tsveEscapes[found] as string);
    return delimiter + escaped;
  }
  const needsQuotes = /["\r\n]|^\s|\s$/.test(text) || text.includes(delimiter);
  return delimiter + (needsQuotes ? `"${text.replaceAll('"', '""')}"` : text);
}

const tsveEscapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
};
