import type { Config } from '../config/types.js';
import type { DeadLetterFilter, DeadLetterPage } from '../deadletter/ports.js';
import type { AcceptBody } from '../ingest/accept-body.js';
import type { Envelope } from '../ingest/types.js';
import type { Shipment } from '../ledger/ports.js';
import { KfError } from '../runtime/errors.js';
import type { Logger } from '../runtime/log.js';
import type { Diagnosis } from '../transactional/diagnosis.js';
import type { Loads } from '../transactional/loads.js';
import type { LoadStarter } from '../transactional/ports.js';
import type { Orphan } from '../transactional/reaper.js';
import type { LoadProgress, StepAnswer } from '../transactional/steps/types.js';

/** One start-up check; `fix` is the role or command that mends it. */
export interface CheckView {
  readonly name: string;
  readonly ok: boolean;
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly warning?: boolean;
}

export interface CheckReportView {
  readonly ok: boolean;
  readonly checks: readonly CheckView[];
}

export interface ReplayResult {
  readonly replayed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Where the next call goes on, when the selection holds more. */
  readonly continuation?: string;
}

/** Everything the edges call. Composed in `main.ts`; each member throws KfError. */
export interface AppServices {
  readonly config: Config;
  readonly logger: Logger;
  /** The cached report of the start-up checks; runs them when there is none or a failed one is old. */
  readiness(): Promise<CheckReportView>;
  /** Runs the checks now. */
  doctor(): Promise<CheckReportView>;
  ingestEvents(source: string, envelopes: readonly Envelope[]): Promise<void>;
  readonly bodies: AcceptBody;
  deadLetters(filter: DeadLetterFilter): Promise<DeadLetterPage>;
  replayDeadLetters(filter: DeadLetterFilter): Promise<ReplayResult>;
  shipments(limit: number): Promise<readonly Shipment[]>;
  retryShipment(id: string): Promise<void>;
  deadLetterShipment(id: string): Promise<void>;
  /** One bounded round of settling; called by the timer. */
  settle(signal: AbortSignal): Promise<void>;
  readonly loads: Loads;
  /** One step of a load's orchestration. */
  runLoadStep(progress: LoadProgress): Promise<StepAnswer>;
  /** One bounded round: loads without an orchestration, tables and blobs without a load. */
  reapLoads(starter: LoadStarter, signal: AbortSignal): Promise<void>;
  orphans(): Promise<readonly Orphan[]>;
  /** What can be found out about a load, as an operator would. @throws NOT_FOUND */
  diagnose(id: string): Promise<Diagnosis>;
  /** Counters per pipeline, for `GET /api/pipelines`. */
  counters(): Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** @throws CHECK_FAILED with what failed and what mends it, unless every check passed. */
export async function requireReady(services: AppServices): Promise<void> {
  const { ok, checks } = await services.readiness();
  if (ok) {
    return;
  }
  const [first, ...more] = checks.filter((check) => !check.ok && check.warning !== true);
  const also = more.length === 0 ? '' : ` (and ${more.length} more: see GET /api/health)`;
  throw new KfError(
    'CHECK_FAILED',
    first === undefined
      ? 'a start-up check failed'
      : `${first.name}: ${first.message}; fix: ${first.fix}${also}`,
  );
}
