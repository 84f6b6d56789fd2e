import { KfError } from '../runtime/errors.js';
import { CLOSE_BRACE, largestMemberBytes, OPEN_BRACE, OPEN_BRACKET, trimSpan } from './json-scan.js';
import { JsonValidator } from './json-validate.js';
import { requireFewRecords } from './record-buffer.js';
import { asBuffer, requireUtf8, stripBom } from './text.js';

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

/** One object with its exact bytes, without white space around it. */
export interface JsonObject {
  readonly bytes: Buffer;
  /** The bytes hold line ends between tokens. */
  readonly multiline: boolean;
  readonly memberCount: number;
  /** Start and end of each member's key with its quotes, two numbers a member; good until the visitor returns. */
  readonly keySpans: Int32Array;
}

/** Told of the records of a body in order; `index` is there when the body is an array. */
export interface JsonVisitor {
  object(object: JsonObject, index: number | undefined): void;
  refused(bytes: Buffer, error: KfError, index: number): void;
}

export interface JsonReader {
  /**
   * Reads a body that is one JSON object, or an array of objects, which counts as many records. Validity is exactly
   * that of JSON.parse; a leading byte order mark is dropped; duplicate keys, huge numbers and lone surrogate escapes
   * are valid and keep their bytes. An array that is not valid is refused as a whole.
   * @throws KfError RECORD_EMPTY, RECORD_NOT_UTF8, RECORD_NOT_JSON, RECORD_NOT_OBJECT, RECORD_TOO_LARGE,
   * RECORD_TOO_DEEP, RECORD_BOMB for the body as a whole
   */
  read(body: Uint8Array, visitor: JsonVisitor): void;
}

const notJson = (at: number): KfError => new KfError('RECORD_NOT_JSON', `body: not valid JSON at byte ${at}`);

const tooDeep = (): KfError => new KfError('RECORD_TOO_DEEP', `body: nested deeper than ${MAX_JSON_DEPTH}`);

function trimmed(body: Buffer): Buffer {
  if (body[0] === OPEN_BRACE && body[body.length - 1] === CLOSE_BRACE) {
    return body;
  }
  const { start, end } = trimSpan(body);
  return body.subarray(start, end);
}

function kindOf(bytes: Buffer): string {
  switch (bytes[0]) {
    case OPEN_BRACKET:
      return 'an array';
    case 0x22:
      return 'a string';
    case 0x6e:
      return 'null';
    case 0x74:
    case 0x66:
      return 'a boolean';
    default:
      return 'a number';
  }
}

/** The index after the value. @throws KfError RECORD_NOT_JSON, RECORD_TOO_DEEP */
function requireValue(validator: JsonValidator, bytes: Buffer, from: number): number {
  const end = validator.value(bytes, from);
  if (end < 0) {
    throw validator.tooDeep ? tooDeep() : notJson(~end);
  }
  return end;
}

/** Borders of the elements, two numbers each. @throws KfError RECORD_NOT_JSON, RECORD_TOO_DEEP */
function elementBorders(validator: JsonValidator, bytes: Buffer): number[] {
  const borders: number[] = [];
  let at = validator.space(bytes, 1);
  if (bytes[at] !== 0x5d) {
    for (;;) {
      const end = requireValue(validator, bytes, at);
      borders.push(at, end);
      requireFewRecords(borders.length / 2);
      at = validator.space(bytes, end);
      if (bytes[at] !== 0x2c) {
        break;
      }
      at = validator.space(bytes, at + 1);
    }
  }
  if (bytes[at] !== 0x5d || at + 1 !== bytes.length) {
    throw notJson(at);
  }
  return borders;
}

function refusalOf(bytes: Buffer, index: number, limits: JsonLimits): KfError | undefined {
  if (bytes[0] !== OPEN_BRACE) {
    const message = `body: element ${index} of the array is ${kindOf(bytes)}, not an object`;
    return new KfError('RECORD_NOT_OBJECT', message);
  }
  return tooLarge(bytes, limits);
}

function tooLarge(bytes: Buffer, { maxRecordBytes }: JsonLimits): KfError | undefined {
  return bytes.length <= maxRecordBytes
    ? undefined
    : new KfError(
        'RECORD_TOO_LARGE',
        `body: a record of ${bytes.length} bytes, the limit is ${maxRecordBytes}`,
      );
}

function readArray(validator: JsonValidator, bytes: Buffer, visitor: JsonVisitor, limits: JsonLimits): void {
  const borders = elementBorders(validator, bytes);
  if (borders.length === 0) {
    throw new KfError('RECORD_EMPTY', 'body: the array holds no record');
  }
  for (let at = 0; at < borders.length; at += 2) {
    const element = bytes.subarray(borders[at], borders[at + 1]);
    const refusal = refusalOf(element, at / 2, limits);
    if (refusal === undefined) {
      validator.multiline = false;
      validator.value(element, 0);
      visitor.object(noted(validator, element), at / 2);
    } else {
      visitor.refused(element, refusal, at / 2);
    }
  }
}

function noted(validator: JsonValidator, bytes: Buffer): JsonObject {
  const { multiline, memberCount, keySpans } = validator;
  return { bytes, multiline, memberCount, keySpans };
}

export function createJsonReader(limits: JsonLimits): JsonReader {
  const validator = new JsonValidator(MAX_JSON_DEPTH);
  return {
    read: (body, visitor) => {
      const whole = stripBom(asBuffer(body));
      requireUtf8(whole);
      const bytes = trimmed(whole);
      if (bytes.length === 0) {
        throw new KfError('RECORD_EMPTY', 'body: holds no record');
      }
      validator.multiline = false;
      if (bytes[0] === OPEN_BRACKET) {
        readArray(validator, bytes, visitor, limits);
        return;
      }
      const end = requireValue(validator, bytes, 0);
      if (end !== bytes.length) {
        throw notJson(end);
      }
      if (bytes[0] !== OPEN_BRACE) {
        throw new KfError('RECORD_NOT_OBJECT', `body: the root is ${kindOf(bytes)}, not an object`);
      }
      const refusal = tooLarge(bytes, limits);
      if (refusal !== undefined) {
        throw refusal;
      }
      visitor.object(noted(validator, bytes), undefined);
    },
  };
}

/** Bytes of the largest top-level value when it is over the service's limit, else undefined. */
export function oversizedValueBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length <= MAX_VALUE_BYTES) {
    return undefined;
  }
  const largest = largestMemberBytes(bytes);
  return largest > MAX_VALUE_BYTES ? largest : undefined;
}
