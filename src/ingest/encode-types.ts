import type { KfError } from '../runtime/errors.js';
import type { RoutedTarget } from './route.js';
import type { Batch, EncodedRecord, Envelope } from './types.js';

/** A record, or a piece of one, that cannot go further; `body` is the piece, else the whole body is meant. */
export interface BadRecord {
  readonly envelope: Envelope;
  readonly error: KfError;
  readonly index?: number;
  readonly body?: Uint8Array;
  readonly target: RoutedTarget;
}

/** What the blobs of a target need besides their records; the same for every record of the target. */
export type BlobShape = Pick<Batch, 'header' | 'blobPerRecord'>;

/** Takes what encoding makes of a record. */
export interface EncodeOutput {
  record(target: RoutedTarget, record: EncodedRecord, shape?: BlobShape): void;
  bad(record: BadRecord): void;
}

/** A record on its way: inflated, transformed, routed. */
export interface EncodeInput {
  readonly body: Uint8Array;
  readonly envelope: Envelope;
  readonly target: RoutedTarget;
  /** Position among several records of one body, when a step before made them. */
  readonly index?: number;
}

/**
 * Turns one body into records of the target's format. Bad pieces go to the output; what is thrown means the whole
 * body. Only formats that must look something up answer with a promise.
 */
export type Encoder = (input: EncodeInput, output: EncodeOutput) => void | Promise<void>;
