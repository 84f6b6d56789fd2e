import type { DataFormat } from '../config/types.js';
import { asKfError } from '../runtime/errors.js';
import type { BadRecord, BlobShape, EncodeInput, EncodeOutput, Encoder } from './encode-types.js';
import type { Prepared } from './prepare.js';
import type { RoutedTarget, Router } from './route.js';
import type { Transformed, TransformOutcome } from './transformer.js';
import type { EncodedRecord, Envelope } from './types.js';

/** Records of one target, in order. */
export interface Group {
  readonly target: RoutedTarget;
  readonly records: EncodedRecord[];
  readonly shape: BlobShape;
}

export interface EncodeSliceOptions {
  readonly router: Router;
  readonly encoders: (format: DataFormat) => Encoder;
  /** Streaming requests take no more; a larger record goes queued. */
  readonly maxStreamingBytes: number;
  readonly bad: (record: BadRecord) => void;
}

const noShape: BlobShape = {};

/** Collects encoded records by target. */
export interface Groups {
  readonly all: ReadonlyMap<RoutedTarget, Group>;
  readonly output: EncodeOutput;
}

export function createGroups(
  options: Pick<EncodeSliceOptions, 'router' | 'maxStreamingBytes' | 'bad'>,
): Groups {
  const all = new Map<RoutedTarget, Group>();
  const record: EncodeOutput['record'] = (routed, encoded, shape = noShape) => {
    const tooLarge =
      routed.target.delivery === 'streaming' && encoded.bytes.byteLength >= options.maxStreamingBytes;
    const target = tooLarge ? options.router.variant(routed, { delivery: 'queued' }) : routed;
    const group = all.get(target);
    if (group === undefined) {
      all.set(target, { target, records: [encoded], shape });
    } else {
      group.records.push(encoded);
    }
  };
  return { all, output: { record, bad: options.bad } };
}

/** Encodes bodies as they came, each failure with its own record. */
export async function encodePlain(
  prepared: readonly Prepared[],
  options: EncodeSliceOptions,
  output: EncodeOutput,
): Promise<void> {
  for (const one of prepared) {
    const { envelope, target, body } = one;
    const index = envelope.pieceIndex;
    try {
      const input: EncodeInput = index === undefined ? one : { body, envelope, target, index };
      const pending = options.encoders(target.target.format)(input, output);
      if (pending !== undefined) {
        await pending;
      }
    } catch (error) {
      output.bad({
        envelope,
        target,
        error: asKfError(error, 'INTERNAL', 'encode'),
        ...(index === undefined ? {} : { index, body }),
      });
    }
  }
}

interface Made {
  readonly target: RoutedTarget;
  readonly bytes: Uint8Array;
  readonly envelope: Envelope;
  readonly shape: BlobShape;
}

/** The facts of the record that the transform made, at the position of the one it was made of. */
function transformedEnvelope(envelope: Envelope, made: Transformed): Envelope {
  const { key: _key, ...rest } = envelope;
  return {
    ...rest,
    ...(made.key === undefined ? {} : { key: made.key }),
    properties: made.properties ?? envelope.properties,
  };
}

async function encodeMade(
  prepared: Prepared,
  outcome: readonly Transformed[],
  options: EncodeSliceOptions,
): Promise<Made[]> {
  const all: Made[] = [];
  for (const made of outcome) {
    const target =
      made.target === undefined ? prepared.target : options.router.override(prepared.target, made.target);
    const facts = transformedEnvelope(prepared.envelope, made);
    const output: EncodeOutput = {
      record: (to, { bytes }, shape = noShape) => {
        all.push({ target: to, bytes, shape, envelope: prepared.envelope });
      },
      bad: ({ error }) => {
        throw error;
      },
    };
    await options.encoders(target.target.format)({ body: made.body, envelope: facts, target }, output);
  }
  return all;
}

/**
 * Encodes what a transform made. A record whose transform failed, or made anything that cannot be encoded, is bad as
 * a whole: nothing of it goes on, so that it can be replayed without doubling.
 * @returns how many records the transform dropped
 */
export async function encodeTransformed(
  prepared: readonly Prepared[],
  outcomes: readonly TransformOutcome[],
  options: EncodeSliceOptions,
  output: EncodeOutput,
): Promise<number> {
  let dropped = 0;
  for (let at = 0; at < prepared.length; at++) {
    const input = prepared[at] as Prepared;
    const outcome = outcomes[at] as TransformOutcome;
    try {
      if (outcome instanceof Error) {
        throw outcome;
      }
      const made = await encodeMade(input, outcome, options);
      dropped += outcome.length === 0 ? 1 : 0;
      for (let index = 0; index < made.length; index++) {
        const { target, bytes, envelope, shape } = made[index] as Made;
        const place = made.length === 1 ? envelope.pieceIndex : index;
        output.record(
          target,
          place === undefined ? { bytes, envelope } : { bytes, envelope, index: place },
          shape,
        );
      }
    } catch (error) {
      output.bad({
        envelope: input.envelope,
        target: input.target,
        error: asKfError(error, 'INTERNAL', 'encode'),
        ...(input.envelope.pieceIndex === undefined
          ? {}
          : { index: input.envelope.pieceIndex, body: input.body }),
      });
    }
  }
  return dropped;
}
