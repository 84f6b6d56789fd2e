import { parentPort, workerData } from 'node:worker_threads';
import { applyTransform, createBodyCollector } from './transform-apply.js';
import { loadTransform } from './transform-loader.js';
import type { WorkerBatch, WorkerMessage, WorkerOutcome, WorkerSettings } from './transform-messages.js';
import type { Transform, TransformContext } from './transform-types.js';

/** Entry of the worker thread that runs one transform; `transform.ts` starts, watches and ends it. */

const MAX_LOG_CHARS = 1000;

const port = parentPort;
const settings = workerData as WorkerSettings;
const progress = new Int32Array(settings.progress);
const context: TransformContext = {
  ...settings.context,
  log: (message) => send({ kind: 'log', message: String(message).slice(0, MAX_LOG_CHARS) }),
};

function send(message: WorkerMessage, bodies?: Uint8Array): void {
  port?.postMessage(message, bodies === undefined ? [] : [bodies.buffer as ArrayBuffer]);
}

async function run(transform: Transform, batch: WorkerBatch): Promise<void> {
  const collector = createBodyCollector();
  const outcomes: WorkerOutcome[] = [];
  for (const [index, record] of batch.records.entries()) {
    Atomics.store(progress, 0, index + 1);
    const body = batch.bodies.subarray(record.offset, record.offset + record.length);
    outcomes.push(
      await applyTransform({ transform, context, record, body, bodies: collector, limits: settings }),
    );
  }
  Atomics.store(progress, 0, 0);
  const bodies = collector.join();
  send({ kind: 'done', outcomes, bodies }, bodies);
}

loadTransform(settings.modulePath).then(
  (transform) => {
    port?.on('message', (batch: WorkerBatch) => {
      void run(transform, batch);
    });
    send({ kind: 'ready' });
  },
  (error: unknown) => {
    send({ kind: 'invalid', message: error instanceof Error ? error.message : String(error) });
  },
);
