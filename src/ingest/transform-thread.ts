import { Worker } from 'node:worker_threads';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { Logger } from '../runtime/log.js';
import type { IngestTelemetry } from './telemetry.js';
import type { WorkerBatch, WorkerMessage, WorkerRecord, WorkerSettings } from './transform-messages.js';
import type { TransformInput } from './transformer.js';

/** Records that one may become. */
const MAX_OUTPUTS = 1000;
/** Loading the module, and anything else the worker does outside a record. */
export const MAX_IDLE_MS = 30_000;
const MIN_CHECK_MS = 5;
/** Memory of the worker; a transform that needs more ends the worker, not the process. */
const MAX_HEAP_MB = 512;

export interface TransformerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly telemetry: IngestTelemetry;
  /** Absolute path of the user's module. */
  readonly modulePath: string;
  /** Longest time of one record. */
  readonly timeoutMs: number;
  /** Bytes that one record may become. */
  readonly maxOutputBytes: number;
  readonly context: WorkerSettings['context'];
}

type Done = Extract<WorkerMessage, { kind: 'done' }>;
export type Ended =
  | { readonly kind: 'done'; readonly done: Done }
  | { readonly kind: 'overrun' | 'late'; readonly index: number }
  | { readonly kind: 'died'; readonly index: number; readonly message: string };

export interface Running {
  readonly worker: Worker;
  readonly progress: Int32Array;
  readonly ready: Promise<void>;
  /** Told of the next `done`, and of the worker's death. */
  onDone: (done: Done) => void;
  onDeath: (message: string) => void;
}

export function startWorker(options: TransformerOptions): Running {
  const shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const workerData: WorkerSettings = {
    modulePath: options.modulePath,
    context: options.context,
    maxOutputs: MAX_OUTPUTS,
    maxOutputBytes: options.maxOutputBytes,
    progress: shared,
  };
  const worker = new Worker(new URL('./transform-worker.js', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  let settle: { resolve: () => void; reject: (error: KfError) => void } | undefined;
  const ready = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  ready.catch(() => undefined);
  const invalid = (message: string): void =>
    settle?.reject(new KfError('TRANSFORM_INVALID', `transform ${options.modulePath}: ${message}`));
  const running: Running = {
    worker,
    progress: new Int32Array(shared),
    ready,
    onDone: () => undefined,
    onDeath: () => undefined,
  };
  const died = (message: string): void => {
    invalid(message);
    running.onDeath(message);
  };
  worker.on('message', (message: WorkerMessage) => {
    if (message.kind === 'ready') {
      settle?.resolve();
    } else if (message.kind === 'invalid') {
      invalid(message.message);
    } else if (message.kind === 'log') {
      options.logger.info('transform.log', { pipeline: options.context.pipeline, message: message.message });
    } else {
      running.onDone(message);
    }
  });
  worker.on('error', (error: unknown) => died(error instanceof Error ? error.message : String(error)));
  worker.on('exit', (code) => died(`the worker thread ended with code ${code}`));
  worker.unref();
  return running;
}

function toBatch(inputs: readonly TransformInput[]): WorkerBatch {
  const length = inputs.reduce((sum, { body }) => sum + body.byteLength, 0);
  const bodies = new Uint8Array(length);
  let offset = 0;
  const records = inputs.map(({ envelope, body }): WorkerRecord => {
    bodies.set(body, offset);
    const record = {
      offset,
      length: body.byteLength,
      properties: envelope.properties,
      position: envelope.position,
      source: envelope.source,
      ...(envelope.key === undefined ? {} : { key: envelope.key }),
      ...(envelope.enqueuedAt === undefined ? {} : { enqueuedAt: envelope.enqueuedAt }),
    };
    offset += body.byteLength;
    return record;
  });
  return { records, bodies };
}

/** Resolves when one record is under way for too long, or the whole run is late. */
async function watch(
  options: TransformerOptions,
  running: Running,
  byMs: number,
  signal: AbortSignal,
): Promise<Ended> {
  const { clock, timeoutMs } = options;
  const checkMs = Math.max(MIN_CHECK_MS, Math.floor(timeoutMs / 4));
  let seen = -1;
  let sinceMs = clock.now();
  for (;;) {
    await clock.sleep(Math.min(checkMs, Math.max(1, byMs - clock.now())), signal);
    const current = Atomics.load(running.progress, 0);
    const nowMs = clock.now();
    if (current !== seen) {
      seen = current;
      sinceMs = nowMs;
    } else if (nowMs - sinceMs >= (current === 0 ? MAX_IDLE_MS : timeoutMs)) {
      return { kind: 'overrun', index: current - 1 };
    }
    if (nowMs >= byMs) {
      return { kind: 'late', index: current - 1 };
    }
  }
}

export async function runBatch(
  options: TransformerOptions,
  running: Running,
  inputs: readonly TransformInput[],
  byMs: number,
): Promise<Ended> {
  const stop = new AbortController();
  const ended = new Promise<Ended>((resolve) => {
    running.onDone = (done) => resolve({ kind: 'done', done });
    running.onDeath = (message) => {
      const index = Math.max(0, Atomics.load(running.progress, 0) - 1);
      resolve({ kind: 'died', index, message });
    };
  });
  const batch = toBatch(inputs);
  running.worker.postMessage(batch, [batch.bodies.buffer as ArrayBuffer]);
  try {
    return await Promise.race([ended, watch(options, running, byMs, stop.signal)]);
  } finally {
    stop.abort();
    running.onDone = () => undefined;
    running.onDeath = () => undefined;
  }
}
