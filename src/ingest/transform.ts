import { KfError } from '../runtime/errors.js';
import { createGate } from '../runtime/gate.js';
import type { WorkerMade, WorkerOutcome } from './transform-messages.js';
import {
  MAX_IDLE_MS,
  type Running,
  runBatch,
  startWorker,
  type TransformerOptions,
} from './transform-thread.js';
import type { Transformed, Transformer, TransformInput, TransformOutcome } from './transformer.js';

/** Records, and bytes of bodies, that go to the worker at once. */
const MAX_BATCH_RECORDS = 500;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

function toOutcome(outcome: WorkerOutcome, bodies: Uint8Array): TransformOutcome {
  if ('code' in outcome) {
    return new KfError(outcome.code, `transform: ${outcome.message}`);
  }
  return outcome.made.map(({ offset, length, ...facts }: WorkerMade): Transformed => {
    return { ...facts, body: bodies.subarray(offset, offset + length) };
  });
}

function* batches(inputs: readonly TransformInput[]): Generator<number[]> {
  let batch: number[] = [];
  let bytes = 0;
  for (const [index, { body }] of inputs.entries()) {
    const full = batch.length >= MAX_BATCH_RECORDS || bytes + body.byteLength > MAX_BATCH_BYTES;
    if (full && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(index);
    bytes += body.byteLength;
  }
  if (batch.length > 0) {
    yield batch;
  }
}

const timedOut = (why: string): KfError => new KfError('TRANSFORM_TIMEOUT', `transform: ${why}`);

/** Holds the one worker of a transform. */
interface WorkerHolder {
  /** @throws KfError TRANSFORM_INVALID when the module cannot be loaded, or not by then */
  start(byMs?: number): Promise<Running>;
  /** Ends the worker; the next `start` makes a new one. */
  end(): Promise<void>;
}

function createWorkerHolder(options: TransformerOptions): WorkerHolder {
  let current: Running | undefined;
  const end = async (): Promise<void> => {
    const running = current;
    current = undefined;
    await running?.worker.terminate();
  };
  return {
    end,
    start: async (byMs = Number.MAX_VALUE) => {
      current ??= startWorker(options);
      const running = current;
      const stop = new AbortController();
      const waitMs = Math.min(MAX_IDLE_MS, Math.max(1, byMs - options.clock.now()));
      const tooLong = options.clock.sleep(waitMs, stop.signal).then(() => {
        throw new KfError('TRANSFORM_INVALID', `transform ${options.modulePath}: not loaded in ${waitMs} ms`);
      });
      tooLong.catch(() => undefined);
      try {
        await Promise.race([running.ready, tooLong]);
        return running;
      } catch (error) {
        await end();
        throw error;
      } finally {
        stop.abort();
      }
    },
  };
}

interface Run {
  readonly options: TransformerOptions;
  readonly holder: WorkerHolder;
  readonly inputs: readonly TransformInput[];
  readonly outcomes: TransformOutcome[];
  readonly byMs: number;
}

/** Takes these records to their outcomes; each round settles at least one of them. */
async function settle(run: Run, all: readonly number[]): Promise<void> {
  const { options, holder, inputs, outcomes, byMs } = run;
  let pending = all;
  while (pending.length > 0) {
    if (options.clock.now() >= byMs) {
      for (const index of pending) {
        outcomes[index] = timedOut('the time of the whole batch is used up');
      }
      return;
    }
    const running = await holder.start(byMs);
    const chosen = pending.map((index) => inputs[index] as TransformInput);
    const ended = await runBatch(options, running, chosen, byMs);
    if (ended.kind === 'done') {
      for (const [at, index] of pending.entries()) {
        outcomes[index] = toOutcome(ended.done.outcomes[at] as WorkerOutcome, ended.done.bodies);
      }
      return;
    }
    const culprit = pending[Math.max(0, ended.index)] as number;
    const error =
      ended.kind === 'died'
        ? new KfError('TRANSFORM_FAILED', `transform: ended its worker thread: ${ended.message}`)
        : timedOut(`held a record longer than ${options.timeoutMs} ms`);
    outcomes[culprit] = error;
    pending = pending.filter((index) => index !== culprit);
    options.telemetry.add('transformRestarts', 1, { code: error.code });
    await holder.end();
  }
}

/**
 * Runs a user's transform in a worker thread, because an endless loop can be ended only from outside. A record that
 * overruns, or takes the worker down, fails alone; the others of its batch are run again in a new worker, so a
 * transform may see a record twice.
 */
export function createTransformer(options: TransformerOptions): Transformer {
  const oneAtATime = createGate(1);
  const holder = createWorkerHolder(options);
  return {
    run: async (inputs, byMs) => {
      const outcomes: TransformOutcome[] = inputs.map(() => []);
      for (const batch of batches(inputs)) {
        const leave = await oneAtATime.enter(1);
        try {
          await settle({ options, holder, inputs, outcomes, byMs }, batch);
        } finally {
          leave();
        }
      }
      return outcomes;
    },
    check: async () => {
      const leave = await oneAtATime.enter(1);
      try {
        await holder.start();
      } finally {
        leave();
      }
    },
    close: () => holder.end(),
  };
}
