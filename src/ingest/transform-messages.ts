import type { TransformPosition, TransformTarget } from './transform-types.js';

/** What the worker is started with. */
export interface WorkerSettings {
  readonly modulePath: string;
  readonly context: {
    readonly pipeline: string;
    readonly database: string;
    readonly table: string;
    readonly format: string;
  };
  readonly maxOutputs: number;
  readonly maxOutputBytes: number;
  /** One cell: index of the record under way plus one, 0 between batches. */
  readonly progress: SharedArrayBuffer;
}

/** Where a body stands in the bytes that travel beside the message. */
export interface BodyPlace {
  readonly offset: number;
  readonly length: number;
}

export interface WorkerRecord extends BodyPlace {
  readonly key?: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly position: TransformPosition;
  readonly source: string;
  readonly enqueuedAt?: string;
}

export interface WorkerBatch {
  readonly records: readonly WorkerRecord[];
  readonly bodies: Uint8Array;
}

export interface WorkerMade extends BodyPlace {
  readonly key?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly target?: TransformTarget;
}

export type WorkerOutcome =
  | { readonly made: readonly WorkerMade[] }
  | { readonly code: 'TRANSFORM_FAILED' | 'TRANSFORM_LIMIT'; readonly message: string };

export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'invalid'; readonly message: string }
  | { readonly kind: 'log'; readonly message: string }
  | { readonly kind: 'done'; readonly outcomes: readonly WorkerOutcome[]; readonly bodies: Uint8Array };
