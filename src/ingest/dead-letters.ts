import { letterId } from '../deadletter/letter-id.js';
import type { DeadLetter, DeadLetterKind } from '../deadletter/ports.js';
import type { KfError } from '../runtime/errors.js';
import { bodyFormProperties } from './route.js';
import type { Envelope, Target } from './types.js';

export interface DeadLetterInput {
  readonly kind: DeadLetterKind;
  readonly envelope: Envelope;
  readonly target: Target;
  readonly error: KfError;
  /** A piece of the body; absent when the whole body is meant. */
  readonly piece?: { readonly bytes: Uint8Array; readonly form: 'original' | 'encoded' };
  readonly index?: number;
  readonly attempts: number;
  readonly timeMs: number;
}

/** Longest message kept, in characters; the service's own can be pages. */
const MAX_MESSAGE_CHARS = 2000;

/** A piece is plain UTF-8 and not compressed, whatever its body was. */
function pieceProperties(properties: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(properties).filter(([name]) => !bodyFormProperties.has(name.toLowerCase())),
  );
}

export function toDeadLetter(input: DeadLetterInput): DeadLetter {
  const { envelope, error, target, piece, index } = input;
  return {
    id: letterId({
      source: envelope.source,
      ...envelope.position,
      ...(index === undefined ? {} : { index }),
    }),
    kind: input.kind,
    body: piece?.bytes ?? envelope.body,
    bodyForm: piece?.form ?? 'original',
    ...(envelope.key === undefined ? {} : { key: envelope.key }),
    properties: piece === undefined ? envelope.properties : pieceProperties(envelope.properties),
    source: envelope.source,
    partition: envelope.position.partition,
    offset: envelope.position.offset,
    sequenceNumber: envelope.position.sequenceNumber,
    ...(index === undefined ? {} : { index }),
    ...(envelope.enqueuedAt === undefined ? {} : { enqueuedAt: envelope.enqueuedAt }),
    database: target.database,
    table: target.table,
    format: target.format,
    ...(typeof target.mapping === 'string' ? { mapping: target.mapping } : {}),
    code: error.code,
    ...(error.serviceCode === undefined ? {} : { serviceCode: error.serviceCode }),
    message: error.message.slice(0, MAX_MESSAGE_CHARS),
    attempts: input.attempts,
    timeMs: input.timeMs,
  };
}
