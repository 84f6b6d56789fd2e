import { types } from './rhea.js';

/**
 * Reads and writes the outer shape of encoded AMQP messages (AMQP 1.0, part 3.2) without decoding what is inside,
 * so that an event's body and properties reach the consumer as the producer wrote them.
 */

const DESCRIBED = 0x00;
const SMALL_ULONG = 0x53;
const HEADER = 0x70;
const DELIVERY_ANNOTATIONS = 0x71;
const MESSAGE_ANNOTATIONS = 0x72;
const DATA = 0x75;
const MAP32 = 0xd1;
const LONG = 0x81;
const TIMESTAMP = 0x83;
const SECTION_HEAD_BYTES = 3;
const MAP32_HEAD_BYTES = 9;
/** Descriptors within descriptors; the standard uses one. */
const MAX_DESCRIPTOR_DEPTH = 4;

/** Annotation that names the key an event was partitioned by. */
export const PARTITION_KEY = 'x-opt-partition-key';
const SEQUENCE_NUMBER = 'x-opt-sequence-number';
const OFFSET = 'x-opt-offset';
const ENQUEUED_TIME = 'x-opt-enqueued-time';
const SYSTEM_KEYS = new Set([SEQUENCE_NUMBER, OFFSET, ENQUEUED_TIME]);

/** Raised for bytes that are not a well-formed AMQP message. */
export class MalformedMessage extends Error {}

/** A message's annotations as still encoded key-value pairs, and the rest of the message. */
export interface SplitMessage {
  /** Encoded pairs of the producer's annotations, without those the service sets itself. */
  readonly annotations: Buffer;
  readonly annotationCount: number;
  readonly partitionKey: string | undefined;
  /** From the properties section on, as received. */
  readonly bare: Buffer;
}

interface Section {
  readonly code: number;
  /** Begin of the section's value (its type code). */
  readonly valueStart: number;
  readonly end: number;
}

const EMPTY = Buffer.alloc(0);

/** Splits an encoded message; header and delivery annotations, which concern one hop only, are dropped. */
export function splitMessage(bytes: Buffer): SplitMessage {
  let position = 0;
  let annotations: Annotations = { pairs: EMPTY, count: 0, partitionKey: undefined };
  while (position < bytes.length) {
    const section = readSection(bytes, position);
    if (section.code > MESSAGE_ANNOTATIONS || section.code < HEADER) break;
    if (section.code === MESSAGE_ANNOTATIONS) annotations = readAnnotations(bytes, section);
    position = section.end;
  }
  return {
    annotations: annotations.pairs,
    annotationCount: annotations.count,
    partitionKey: annotations.partitionKey,
    bare: bytes.subarray(position),
  };
}

/** The messages inside a batch: each data section of the envelope's body is one encoded message. */
export function batchMessages(envelope: SplitMessage): Buffer[] {
  const messages: Buffer[] = [];
  let position = 0;
  while (position < envelope.bare.length) {
    const section = readSection(envelope.bare, position);
    if (section.code === DATA) {
      messages.push(
        envelope.bare.subarray(valueContentStart(envelope.bare, section.valueStart), section.end),
      );
    }
    position = section.end;
  }
  return messages;
}

/** Encoded message-annotations section: the service's own annotations, then the producer's. */
export function annotationsSection(
  place: { readonly sequenceNumber: number; readonly offset: number; readonly enqueuedMs: number },
  producer: { readonly annotations: Buffer; readonly annotationCount: number },
): Buffer {
  const offset = String(place.offset);
  const own = KEY_SEQUENCE.length + 9 + KEY_OFFSET.length + 2 + offset.length + KEY_ENQUEUED.length + 9;
  const size = SECTION_HEAD_BYTES + MAP32_HEAD_BYTES + own;
  const buffer = Buffer.allocUnsafe(size + producer.annotations.length);
  buffer[0] = DESCRIBED;
  buffer[1] = SMALL_ULONG;
  buffer[2] = MESSAGE_ANNOTATIONS;
  buffer[3] = MAP32;
  buffer.writeUInt32BE(4 + own + producer.annotations.length, 4);
  buffer.writeUInt32BE(2 * (3 + producer.annotationCount), 8);
  let at = SECTION_HEAD_BYTES + MAP32_HEAD_BYTES;
  at += KEY_SEQUENCE.copy(buffer, at);
  at = writeInt64(buffer, at, LONG, place.sequenceNumber);
  at += KEY_OFFSET.copy(buffer, at);
  buffer[at] = 0xa1;
  buffer[at + 1] = offset.length;
  at += 2 + buffer.write(offset, at + 2, 'latin1');
  at += KEY_ENQUEUED.copy(buffer, at);
  at = writeInt64(buffer, at, TIMESTAMP, place.enqueuedMs);
  producer.annotations.copy(buffer, at);
  return buffer;
}

/** One encoded annotation pair with a text value. */
export function textAnnotation(key: string, value: string): Buffer {
  const writer = new types.Writer();
  writer.write(types.wrap_symbol(key));
  writer.write(types.wrap_string(value));
  return Buffer.from(writer.toBuffer());
}

/** Encoded delivery-annotations section that tells a consumer how far the partition has got. */
export function lastEnqueuedSection(
  last: { readonly sequenceNumber: number; readonly offset: number; readonly enqueuedMs: number } | undefined,
  nowMs: number,
): Buffer {
  const writer = new types.Writer();
  writer.write(
    types.described_nc(
      types.wrap_ulong(DELIVERY_ANNOTATIONS),
      types.wrap_symbolic_map({
        last_enqueued_sequence_number: types.wrap_long(last?.sequenceNumber ?? -1),
        last_enqueued_offset: types.wrap_string(String(last?.offset ?? -1)),
        last_enqueued_time_utc: types.wrap_timestamp(last?.enqueuedMs ?? 0),
        runtime_info_retrieval_time_utc: types.wrap_timestamp(nowMs),
      }),
    ),
  );
  return Buffer.from(writer.toBuffer());
}

interface Annotations {
  readonly pairs: Buffer;
  readonly count: number;
  readonly partitionKey: string | undefined;
}

function readAnnotations(bytes: Buffer, section: Section): Annotations {
  const { start, count } = compoundContent(bytes, section.valueStart);
  const kept: Buffer[] = [];
  let partitionKey: string | undefined;
  let position = start;
  for (let pair = 0; pair < count / 2; pair++) {
    const valueStart = valueEnd(bytes, position);
    const end = valueEnd(bytes, valueStart);
    const key = readText(bytes, position, valueStart);
    if (key === PARTITION_KEY) partitionKey = readText(bytes, valueStart, end);
    if (!SYSTEM_KEYS.has(key)) kept.push(bytes.subarray(position, end));
    position = end;
  }
  const pairs = kept.length === 0 ? EMPTY : kept.length === 1 ? kept[0]! : Buffer.concat(kept);
  return { pairs, count: kept.length, partitionKey };
}

function readSection(bytes: Buffer, start: number): Section {
  if (bytes[start] !== DESCRIBED) throw new MalformedMessage('a message section has no descriptor');
  const code = bytes[start + 1] === SMALL_ULONG ? bytes[start + 2]! : readDescriptor(bytes, start + 1);
  const valueStart = valueEnd(bytes, start + 1);
  return { code, valueStart, end: valueEnd(bytes, valueStart) };
}

const SECTION_NAMES: Readonly<Record<string, number>> = {
  'amqp:header:list': HEADER,
  'amqp:delivery-annotations:map': DELIVERY_ANNOTATIONS,
  'amqp:message-annotations:map': MESSAGE_ANNOTATIONS,
  'amqp:properties:list': 0x73,
  'amqp:application-properties:map': 0x74,
  'amqp:data:binary': DATA,
  'amqp:amqp-sequence:list': 0x76,
  'amqp:amqp-value:*': 0x77,
  'amqp:footer:map': 0x78,
};

function readDescriptor(bytes: Buffer, start: number): number {
  if (bytes[start] === 0x80) return bytes.readUInt32BE(start + 5);
  const code = SECTION_NAMES[readText(bytes, start, valueEnd(bytes, start))];
  if (code === undefined) throw new MalformedMessage('a message section has an unknown descriptor');
  return code;
}

/** Position after the value that begins at `start`: its width follows from the type code (part 1.2). */
function valueEnd(bytes: Buffer, start: number, depth = 0): number {
  const code = bytes[start];
  if (code === undefined) throw new MalformedMessage('the message ends in the middle of a value');
  if (code === DESCRIBED) {
    if (depth === MAX_DESCRIPTOR_DEPTH) throw new MalformedMessage('descriptors are nested too deeply');
    return valueEnd(bytes, valueEnd(bytes, start + 1, depth + 1), depth + 1);
  }
  const category = code >>> 4;
  const end = start + 1 + (category >= 0xa ? variableBytes(bytes, start, category) : fixedBytes(category));
  if (end > bytes.length) throw new MalformedMessage('a value is longer than its message');
  return end;
}

function fixedBytes(category: number): number {
  if (category < 0x4) throw new MalformedMessage('unknown AMQP type code');
  return category === 0x4 ? 0 : 2 ** (category - 0x5);
}

function variableBytes(bytes: Buffer, start: number, category: number): number {
  return category % 2 === 0 ? 1 + (bytes[start + 1] ?? 0) : 4 + readUInt32(bytes, start + 1);
}

function readUInt32(bytes: Buffer, start: number): number {
  if (start + 4 > bytes.length) throw new MalformedMessage('the message ends in the middle of a length');
  return bytes.readUInt32BE(start);
}

function valueContentStart(bytes: Buffer, start: number): number {
  return start + ((bytes[start]! >>> 4) % 2 === 0 ? 2 : 5);
}

function compoundContent(bytes: Buffer, start: number): { start: number; count: number } {
  const category = bytes[start]! >>> 4;
  if (category === 0xc) return { start: start + 3, count: bytes[start + 2] ?? 0 };
  if (category === 0xd) return { start: start + 9, count: readUInt32(bytes, start + 5) };
  if (category === 0x4) return { start: start + 1, count: 0 };
  throw new MalformedMessage('annotations are not a map');
}

function readText(bytes: Buffer, start: number, end: number): string {
  const category = bytes[start]! >>> 4;
  if (category !== 0xa && category !== 0xb) return '';
  return bytes.toString('utf8', start + (category === 0xa ? 2 : 5), end);
}

function symbolKey(name: string): Buffer {
  return Buffer.concat([Buffer.from([0xa3, name.length]), Buffer.from(name, 'latin1')]);
}

const KEY_SEQUENCE = symbolKey(SEQUENCE_NUMBER);
const KEY_OFFSET = symbolKey(OFFSET);
const KEY_ENQUEUED = symbolKey(ENQUEUED_TIME);

function writeInt64(buffer: Buffer, at: number, typeCode: number, value: number): number {
  buffer[at] = typeCode;
  buffer.writeUInt32BE(Math.floor(value / 2 ** 32), at + 1);
  buffer.writeUInt32BE(value % 2 ** 32, at + 5);
  return at + 9;
}
