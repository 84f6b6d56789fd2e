import type { KfError } from '../runtime/errors.js';
import type { TransformTarget } from './transform-types.js';
import type { Envelope } from './types.js';

export interface TransformInput {
  readonly envelope: Envelope;
  readonly body: Uint8Array;
}

/** One record that a transform made. */
export interface Transformed {
  readonly body: Uint8Array;
  readonly key?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly target?: TransformTarget;
}

/** What became of one input: the records made of it (none: dropped), or why it failed. */
export type TransformOutcome = readonly Transformed[] | KfError;

/** Runs a user's transform over records. */
export interface Transformer {
  /**
   * One outcome per input, in order. Never rejects for what a record did.
   * @param byMs records not done by then fail with TRANSFORM_TIMEOUT.
   * @throws KfError TRANSFORM_INVALID when the module cannot be run at all
   */
  run(inputs: readonly TransformInput[], byMs: number): Promise<readonly TransformOutcome[]>;
  /** Loads the module now. @throws KfError TRANSFORM_INVALID */
  check(): Promise<void>;
  close(): Promise<void>;
}
