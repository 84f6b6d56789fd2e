/** Where a record stands in its source. */
export interface TransformPosition {
  readonly partition: string;
  readonly offset: string;
  readonly sequenceNumber: number;
}

/** Another target for one record; what is absent stays as routed. Other tables must be in `dynamic.allow`. */
export interface TransformTarget {
  readonly database?: string;
  readonly table?: string;
  readonly format?: string;
  /** Name of a mapping. */
  readonly mapping?: string;
  /** Added to the route's tags. */
  readonly tags?: readonly string[];
}

/** The record that a transform is given. It may be returned as it is, or changed with `with`. */
export interface TransformRecord {
  /** The body's bytes, inflated; a copy, so it may be changed. */
  readonly body: Uint8Array;
  readonly key?: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly position: TransformPosition;
  readonly source: string;
  /** ISO 8601 with Z. */
  readonly enqueuedAt?: string;
  readonly target?: TransformTarget;
  /**
   * The body parsed as JSON, once. Integers beyond 2^53 lose digits here; a record that is returned unchanged
   * keeps its bytes.
   * @throws SyntaxError when the body is not JSON: the record becomes a dead letter unless it is caught.
   */
  json<T = unknown>(): T;
  /** The body as UTF-8 text. */
  text(): string;
  /** The same record with another body, key, properties or target. */
  with(change: Partial<TransformOutput>): TransformOutput;
}

/** A record that a transform returns. */
export interface TransformOutput {
  /** Bytes and text are taken as they are; any other value is written as JSON. */
  readonly body: unknown;
  readonly key?: string | undefined;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly target?: TransformTarget;
}

/** `null` (or nothing) drops the record; an array makes many of one. */
export type TransformResult = TransformOutput | readonly TransformOutput[] | null | undefined;

export interface TransformContext {
  /** Name of the source in `pipeline.yaml`. */
  readonly pipeline: string;
  readonly database: string;
  readonly table: string;
  readonly format: string;
  /** Writes to the log of the pipeline; no more than the text reaches it. */
  log(message: string): void;
}

/** The type of a transform module's default export. */
export type Transform = (
  record: TransformRecord,
  context: TransformContext,
) => TransformResult | Promise<TransformResult>;
