import type { SourceConfig } from '../config/types.js';
import type { DeadLetterStore } from '../deadletter/ports.js';
import type { Clock } from '../runtime/clock.js';
import { asKfError } from '../runtime/errors.js';
import { createGate, type Gate } from '../runtime/gate.js';
import type { Logger, Metrics } from '../runtime/log.js';
import { createBatcher } from './batcher.js';
import { createDeadline } from './deadline.js';
import { createEncoders } from './encode.js';
import { handleEnvelopes } from './event-run.js';
import type { BatchTimes } from './ladder.js';
import { createLadder } from './ladder.js';
import { createLetterBox } from './letter-box.js';
import { createRouter } from './route.js';
import type { SchemaResolver } from './schema-resolver.js';
import { createIngestTelemetry } from './telemetry.js';
import type { Transformer } from './transformer.js';
import type { Envelope, Sink, Target } from './types.js';

/** Flushes at once of one pipeline, all its targets together. */
const MAX_FLUSHES = 16;

/** Share of the handler's deadline kept for writing dead letters once delivery has run out of time. */
const DEAD_LETTER_SHARE = 0.2;

/** What became of the records of one invocation; counts of records after splitting and transforming. */
export interface IngestSummary {
  /** Envelopes taken. */
  readonly envelopes: number;
  readonly bytesIn: number;
  readonly shipped: number;
  readonly deadLettered: number;
  /** By the transform, or under `onError: drop`. */
  readonly dropped: number;
  readonly possibleDuplicates: number;
}

export interface EventIngestDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly source: SourceConfig;
  readonly sink: Sink;
  readonly deadLetters: DeadLetterStore;
  /** Bytes of bodies in work on this instance, all pipelines together (`maxInFlightBytes`). */
  readonly gate: Gate;
  /** Ends every wait of one invocation; well under the app's `functionTimeout`. */
  readonly handlerDeadlineMs: number;
  readonly transformer?: Transformer;
  readonly schemas?: SchemaResolver;
  /** Fields that a delimited row of the target must have, where that is known. */
  readonly declaredFields?: (target: Target) => number | undefined;
}

/** The use case of an event source. */
export interface EventIngest {
  /**
   * Resolves only when every record is shipped, dead-lettered or, by the owner's own word, dropped. Safe to call
   * concurrently: invocations share batches.
   * @throws KfError when that was impossible, so that the source must deliver the envelopes again: the dead-letter
   * store failed, `onError: fail`, a transform that cannot be loaded, DEADLINE_EXCEEDED or CANCELLED
   */
  handle(envelopes: readonly Envelope[], signal?: AbortSignal): Promise<IngestSummary>;
  close(): Promise<void>;
}

export function createEventIngest(deps: EventIngestDeps): EventIngest {
  const { clock, source, logger, handlerDeadlineMs } = deps;
  const telemetry = createIngestTelemetry(deps.metrics, source.name);
  const letterBox = createLetterBox({ clock, store: deps.deadLetters, policy: source.retry, telemetry });
  const deliver = createLadder({ clock, sink: deps.sink, letterBox, source, telemetry, logger });
  const flushGate = createGate(MAX_FLUSHES);
  const batcher = createBatcher({ clock, config: source.route.batch, deliver, flushGate, telemetry });
  const router = createRouter(source.route);
  const encoders = createEncoders({
    route: source.route,
    router,
    ...(deps.schemas === undefined ? {} : { schemas: deps.schemas }),
    ...(deps.declaredFields === undefined ? {} : { declaredFields: deps.declaredFields }),
    onOversized: () => telemetry.add('oversizedValues', 1),
  });
  const shared = { ...deps, telemetry, letterBox, batcher, router, encoders };
  return {
    handle: async (envelopes, signal) => {
      const endByMs = clock.now() + handlerDeadlineMs;
      const times: BatchTimes = { endByMs, deliverByMs: endByMs - handlerDeadlineMs * DEAD_LETTER_SHARE };
      const deadline = createDeadline({
        clock,
        atMs: endByMs,
        place: `pipeline ${source.name}`,
        ...(signal === undefined ? {} : { parent: signal }),
      });
      try {
        return await handleEnvelopes(shared, envelopes, { times, signal: deadline.signal });
      } catch (thrown) {
        const error = asKfError(thrown, 'INTERNAL', `pipeline ${source.name}`);
        const { code, message } = error;
        logger.error('events.held', { pipeline: source.name, envelopes: envelopes.length, code, message });
        throw error;
      } finally {
        deadline.dispose();
      }
    },
    close: async () => {
      await deps.transformer?.close();
    },
  };
}
