import { createNetworkProbe } from '../checks/network.js';
import { createReadiness, type Readiness } from '../checks/readiness.js';
import { runChecks } from '../checks/run-checks.js';
import { handlerDeadlineMs } from '../config/host-facts.js';
import { defaultSource } from '../config/load-config.js';
import type { Settings } from '../config/settings.js';
import type { Config } from '../config/types.js';
import type { DeadLetterStore } from '../deadletter/ports.js';
import { replayDeadLetters } from '../deadletter/replay.js';
import type { AppServices } from '../functions/services.js';
import { createAcceptBody } from '../ingest/accept-body.js';
import { createBodyIngest, HTTP_SOURCE } from '../ingest/http-body.js';
import { createLetterReplay } from '../ingest/replay-letters.js';
import { createIdempotency } from '../ledger/idempotency.js';
import { createOperations } from '../ledger/operations.js';
import type { Ledger, Shipment } from '../ledger/ports.js';
import { reap } from '../ledger/reaper.js';
import { createSettler } from '../ledger/settle.js';
import { settleLimits } from '../ledger/settle-types.js';
import { createTableLedger } from '../ledger/table-ledger.js';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import { createGate } from '../runtime/gate.js';
import type { Logger } from '../runtime/log.js';
import { createCountingMetrics, createOpenTelemetryMetrics } from '../runtime/metrics.js';
import { connectKusto, connectStorage } from './connections.js';
import { createDeadLetters } from './dead-letters.js';
import { eventIngestFactory } from './event-ingests.js';
import { createLoadServices } from './loads.js';
import { createSinks } from './sinks.js';

export interface ServiceParts {
  readonly config: Config;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly functionTimeoutMs: number;
}

/** Settling rounds between two rounds of the reaper. */
const ROUNDS_PER_REAP = 20;
/** A staged blob without a row is an orphan after this. */
const ORPHAN_AGE_MS = 24 * 3_600_000;

/** The stores of what is under way and what became of it. */
function openRecords(parts: ServiceParts) {
  const { config, clock } = parts;
  const storage = connectStorage(parts);
  const { table } = storage;
  return {
    ...parts,
    ...storage,
    ...connectKusto(parts),
    metrics: createCountingMetrics('pipeline', createOpenTelemetryMetrics()),
    ledger: createTableLedger({ table, clock }),
    operations: createOperations({ table, clock }),
    idempotency: createIdempotency({ table, clock, keepMs: config.http.idempotencyMs }),
  };
}

type Records = ReturnType<typeof openRecords>;

/** The ways in: events, bodies, and letters sent again. */
function openIngestion(records: Records, letters: DeadLetterStore) {
  const { config, blobs } = records;
  const { sink, bodySink } = createSinks(records);
  const createIngest = eventIngestFactory({
    ...records,
    sink,
    gate: createGate(config.maxInFlightBytes),
    handlerDeadlineMs: handlerDeadlineMs(records.functionTimeoutMs),
  });
  const fallback = defaultSource(HTTP_SOURCE, records.functionTimeoutMs);
  const bodyIngest = createBodyIngest({
    ...records,
    bodySink,
    deadLetters: letters,
    http: config.http,
    limits: fallback.route,
    retry: fallback.retry,
  });
  return {
    events: new Map(config.sources.map((source) => [source.name, createIngest(source, letters)])),
    bodies: createAcceptBody({ ...records, bodyIngest, blobs, http: config.http }),
    replay: createLetterReplay({ sources: config.sources, fallback, store: letters, createIngest }),
  };
}

function openChecks(records: Records): Readiness {
  const { config, clock, table } = records;
  return createReadiness({
    clock,
    validate: config.validate,
    run: () =>
      runChecks(
        { ...records, tables: table, network: createNetworkProbe(), newId: () => clock.newId() },
        config,
      ),
  });
}

/** Settling, and every so many rounds the reaper. */
function openSettling(records: Records, letters: DeadLetterStore) {
  const { config } = records;
  const settler = createSettler({
    ...records,
    letters,
    deadLetterContainer: config.deadLetter.container,
    limits: settleLimits(config.settle),
  });
  let rounds = 0;
  return {
    retryShipment: (id: string) => settler.retryShipment(id),
    deadLetterShipment: (id: string) => settler.deadLetterShipment(id),
    settle: async (signal: AbortSignal) => {
      await settler.run(signal);
      if (rounds++ % ROUNDS_PER_REAP === 0) {
        const { stagingContainer: container } = config.storage;
        await reap({ ...records, container, orphanAgeMs: ORPHAN_AGE_MS }, signal);
      }
    },
  };
}

async function listOpen(ledger: Ledger, limit: number): Promise<readonly Shipment[]> {
  const open: Shipment[] = [];
  for await (const shipment of ledger.open()) {
    open.push(shipment);
    if (open.length >= limit) {
      break;
    }
  }
  return open;
}

/** Everything the edges call; nothing is called outside until it is used. */
export function createServices(parts: ServiceParts): AppServices {
  const { config, logger } = parts;
  const records = openRecords(parts);
  const letters = createDeadLetters(records);
  const { events, bodies, replay } = openIngestion(records, letters);
  const readiness = openChecks(records);
  return {
    config,
    logger,
    bodies,
    readiness: () => readiness.current(),
    doctor: () => readiness.refresh(),
    ingestEvents: async (source, envelopes) => {
      const ingest = events.get(source);
      if (ingest === undefined) {
        throw new KfError('NOT_FOUND', `source ${source}: not in pipeline.yaml`);
      }
      await ingest.handle(envelopes);
    },
    deadLetters: (filter) => letters.list(filter),
    replayDeadLetters: (filter) => replayDeadLetters({ store: letters, logger, ingest: replay }, filter),
    shipments: (limit) => listOpen(records.ledger, limit),
    ...openSettling(records, letters),
    ...createLoadServices(records),
    counters: () => records.metrics.snapshot(),
  };
}
