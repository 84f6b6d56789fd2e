import { KfError } from '../runtime/errors.js';
import { elementSpans, exceedsDepth, largestMemberBytes, trimSpan } from './json-scan.js';
import { asBuffer, decodeUtf8, stripBom } from './text.js';

/**
 * Deepest nesting of objects and arrays. The service documents no limit; 512 is far beyond real records and small
 * enough for readers that walk a value by recursion.
 */
export const MAX_JSON_DEPTH = 512;

/** The service cuts strings and voids dynamic values above this. */
export const MAX_VALUE_BYTES = 1_048_576;

export interface JsonLimits {
  readonly maxRecordBytes: number;
}

/** One object with its exact bytes (no white space around it) and its parsed value. */
export interface JsonObject {
  readonly bytes: Buffer;
  readonly value: Readonly<Record<string, unknown>>;
  /** The bytes hold line ends between tokens. */
  readonly multiline: boolean;
}

export interface JsonRefusal {
  readonly bytes: Buffer;
  readonly error: KfError;
}

export type JsonPiece = JsonObject | JsonRefusal;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // The engine's message quotes the text, and a body never goes into a log.
    const at = /position (\d+)/.exec((cause as Error).message)?.[1];
    throw new KfError(
      'RECORD_NOT_JSON',
      `body: not valid JSON${at === undefined ? '' : ` at character ${at}`}`,
    );
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

/** @throws KfError RECORD_TOO_LARGE, RECORD_TOO_DEEP */
function checkLimits(bytes: Buffer, limits: JsonLimits): void {
  if (bytes.length > limits.maxRecordBytes) {
    throw new KfError(
      'RECORD_TOO_LARGE',
      `body: a record of ${bytes.length} bytes, the limit is ${limits.maxRecordBytes}`,
    );
  }
  if (exceedsDepth(bytes, MAX_JSON_DEPTH)) {
    throw new KfError('RECORD_TOO_DEEP', `body: nested deeper than ${MAX_JSON_DEPTH}`);
  }
}

const hasLineEnd = (text: string): boolean => text.includes('\n') || text.includes('\r');

function readElements(body: Buffer, values: readonly unknown[], limits: JsonLimits, multiline: boolean) {
  const spans = elementSpans(body);
  return values.map((value, index): JsonPiece => {
    const span = spans[index];
    const bytes = body.subarray(span?.start, span?.end);
    if (!isObject(value)) {
      const message = `body: element ${index} of the array is ${kindOf(value)}, not an object`;
      return { bytes, error: new KfError('RECORD_NOT_OBJECT', message) };
    }
    try {
      checkLimits(bytes, limits);
    } catch (error) {
      return { bytes, error: error as KfError };
    }
    return { bytes, value, multiline };
  });
}

/**
 * Reads a body that is one JSON object, or an array of objects, which counts as many records. Validity is exactly
 * that of RFC 8259 as the engine parses it; a leading byte order mark is dropped; duplicate keys, huge numbers and
 * lone surrogate escapes are valid and keep their bytes.
 * @returns the object itself for one object (not in an array), else one piece per element.
 * @throws KfError RECORD_EMPTY, RECORD_NOT_UTF8, RECORD_NOT_JSON, RECORD_NOT_OBJECT, RECORD_TOO_LARGE,
 * RECORD_TOO_DEEP for the body as a whole
 */
export function readJsonBody(body: Uint8Array, limits: JsonLimits): JsonObject | readonly JsonPiece[] {
  const whole = stripBom(asBuffer(body));
  const text = decodeUtf8(whole);
  const { start, end } = trimSpan(whole);
  if (start === end) {
    throw new KfError('RECORD_EMPTY', 'body: holds no record');
  }
  const value = parse(text);
  const multiline = hasLineEnd(text);
  const bytes = start === 0 && end === whole.length ? whole : whole.subarray(start, end);
  if (Array.isArray(value)) {
    return readElements(bytes, value, limits, multiline);
  }
  if (!isObject(value)) {
    throw new KfError('RECORD_NOT_OBJECT', `body: the root is ${kindOf(value)}, not an object`);
  }
  checkLimits(bytes, limits);
  return { bytes, value, multiline };
}

/** Bytes of the largest top-level value when it is over the service's limit, else undefined. */
export function oversizedValueBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length <= MAX_VALUE_BYTES) {
    return undefined;
  }
  const largest = largestMemberBytes(bytes);
  return largest > MAX_VALUE_BYTES ? largest : undefined;
}
