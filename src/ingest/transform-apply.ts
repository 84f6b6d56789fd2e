import type { WorkerMade, WorkerOutcome, WorkerRecord, WorkerSettings } from './transform-messages.js';
import type {
  Transform,
  TransformContext,
  TransformOutput,
  TransformPosition,
  TransformRecord,
  TransformTarget,
} from './transform-types.js';

/** Longest part of a thrown message that is kept, in characters. */
const MAX_MESSAGE_CHARS = 500;

type Limits = Pick<WorkerSettings, 'maxOutputs' | 'maxOutputBytes'>;

class LimitError extends Error {}

/** The record as the user's function sees it. */
class LazyRecord implements TransformRecord {
  body: Uint8Array;
  key?: string;
  properties: Readonly<Record<string, unknown>>;
  position: TransformPosition;
  source: string;
  enqueuedAt?: string;
  target?: TransformTarget;
  #parsed: { readonly value: unknown } | undefined;
  readonly #original: Uint8Array;

  constructor(record: WorkerRecord, body: Uint8Array) {
    this.body = body;
    this.#original = body;
    this.properties = record.properties;
    this.position = record.position;
    this.source = record.source;
    if (record.key !== undefined) {
      this.key = record.key;
    }
    if (record.enqueuedAt !== undefined) {
      this.enqueuedAt = record.enqueuedAt;
    }
  }

  json<T>(): T {
    this.#parsed ??= { value: JSON.parse(this.text()) };
    return this.#parsed.value as T;
  }

  text(): string {
    return new TextDecoder('utf-8', { fatal: true }).decode(this.#original);
  }

  with(change: Partial<TransformOutput>): TransformOutput {
    const { body, key, properties, target } = this;
    return { body, key, properties, ...(target === undefined ? {} : { target }), ...change };
  }
}

function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) {
    return body;
  }
  if (typeof body === 'string') {
    return Buffer.from(body);
  }
  const text = JSON.stringify(body) as string | undefined;
  if (text === undefined) {
    throw new TypeError('a returned record has no body; return { body } or the record itself');
  }
  return Buffer.from(text);
}

/** Collects the bodies of what a batch makes, to send them as one piece of memory. */
export interface BodyCollector {
  readonly length: number;
  add(bytes: Uint8Array): { readonly offset: number; readonly length: number };
  /** Forgets what came after this length. */
  truncate(length: number): void;
  join(): Uint8Array;
}

export function createBodyCollector(): BodyCollector {
  const pieces: Uint8Array[] = [];
  let length = 0;
  return {
    get length() {
      return length;
    },
    add: (bytes) => {
      const offset = length;
      pieces.push(bytes);
      length += bytes.byteLength;
      return { offset, length: bytes.byteLength };
    },
    truncate: (to) => {
      while (length > to) {
        length -= (pieces.pop() as Uint8Array).byteLength;
      }
    },
    join: () => {
      const out = new Uint8Array(length);
      let at = 0;
      for (const piece of pieces) {
        out.set(piece, at);
        at += piece.byteLength;
      }
      return out;
    },
  };
}

function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function toMade(output: unknown, bodies: BodyCollector): WorkerMade {
  if (typeof output !== 'object' || output === null || !('body' in output)) {
    throw new TypeError('a returned record has no body; return { body } or the record itself');
  }
  const { body, key, properties, target } = output as TransformOutput;
  return {
    ...bodies.add(bytesOf(body)),
    ...(typeof key === 'string' ? { key } : {}),
    ...(properties === undefined ? {} : { properties: plain(properties) }),
    ...(target === undefined ? {} : { target: plain(target) }),
  };
}

function collect(result: unknown, bodies: BodyCollector, limits: Limits): WorkerMade[] {
  if (result === null || result === undefined) {
    return [];
  }
  const outputs: readonly unknown[] = Array.isArray(result) ? result : [result];
  if (outputs.length > limits.maxOutputs) {
    throw new LimitError(`made ${outputs.length} records of one, the limit is ${limits.maxOutputs}`);
  }
  const from = bodies.length;
  return outputs.map((output) => {
    const made = toMade(output, bodies);
    if (bodies.length - from > limits.maxOutputBytes) {
      throw new LimitError(`made more than ${limits.maxOutputBytes} bytes of one record`);
    }
    return made;
  });
}

/** Runs the user's function over one record; whatever it throws is an outcome. */
export async function applyTransform(options: {
  readonly transform: Transform;
  readonly context: TransformContext;
  readonly record: WorkerRecord;
  readonly body: Uint8Array;
  readonly bodies: BodyCollector;
  readonly limits: Limits;
}): Promise<WorkerOutcome> {
  const { transform, context, record, body, bodies, limits } = options;
  const before = bodies.length;
  try {
    const returned = transform(new LazyRecord(record, body), context);
    const result = returned instanceof Promise ? await returned : await returned;
    return { made: collect(result, bodies, limits) };
  } catch (error) {
    bodies.truncate(before);
    const message = (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE_CHARS);
    return error instanceof LimitError
      ? { code: 'TRANSFORM_LIMIT', message }
      : { code: 'TRANSFORM_FAILED', message };
  }
}
