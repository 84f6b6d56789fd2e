import type { DeadLetterStore } from '../deadletter/ports.js';
import type { QueuedIngestion } from '../kusto/ports.js';
import type { Clock } from '../runtime/clock.js';
import type { Logger, Metrics } from '../runtime/log.js';
import type { BlobStore } from '../storage/ports.js';
import type { Operations } from './operations.js';
import type { Ledger, Shipment } from './ports.js';

export interface SettleLimits {
  /** A shipment without a final status for this long becomes `unknown`. */
  readonly settleTimeoutMs: number;
  /** Cuts from a whole blob down to one record; 20^depth pieces. */
  readonly maxDepth: number;
  /** Cuts of one blob in all; what is refused beyond goes to the dead letters as whole pieces. Default 200. */
  readonly maxCutsPerBlob: number;
  /** Times a blob is sent when the failure is a passing one. Default 5. */
  readonly maxAttempts: number;
  /** A `staged` row that may be in somebody's hands is left alone for this long. */
  readonly graceMs: number;
  /** How long an instance may work on one shipment: the grace time. */
  readonly leaseMs: number;
  /** First wait before a blob is sent again; it doubles. The interval of settling. */
  readonly resendBaseMs: number;
  /** An operation without news is asked again after this, doubling up to `maxPollMs`. Half the interval. */
  readonly firstPollMs: number;
  /** Ten intervals. */
  readonly maxPollMs: number;
  readonly maxShipmentsPerRun: number;
  readonly maxOperationsPerRun: number;
  /** Life of the links given to the service. */
  readonly linkTtlMs: number;
}

/** Limits with their defaults; links outlive the time in which the service may read them. */
export function settleLimits(config: {
  readonly everyMs: number;
  readonly settleTimeoutMs: number;
  readonly graceMs: number;
  readonly maxDepth: number;
}): SettleLimits {
  return {
    settleTimeoutMs: config.settleTimeoutMs,
    maxDepth: config.maxDepth,
    maxCutsPerBlob: 200,
    maxAttempts: 5,
    graceMs: config.graceMs,
    leaseMs: config.graceMs,
    resendBaseMs: config.everyMs,
    firstPollMs: config.everyMs / 2,
    maxPollMs: config.everyMs * 10,
    maxShipmentsPerRun: 10_000,
    maxOperationsPerRun: 2_000,
    linkTtlMs: linkTtlMs(config.settleTimeoutMs),
  };
}

/** A link to a staged blob lives as long as the blob may be waited for, within what an identity may grant. */
export function linkTtlMs(settleTimeoutMs: number): number {
  return Math.min(settleTimeoutMs + 3_600_000, 5 * 24 * 3_600_000);
}

export interface SettleDeps {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly blobs: BlobStore;
  readonly queued: QueuedIngestion;
  readonly letters: DeadLetterStore;
  /** Container for bodies too large for a dead letter. */
  readonly deadLetterContainer: string;
  readonly operations: Operations;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly limits: SettleLimits;
}

/** What one run did, in shipments unless named otherwise. */
export interface SettleSummary {
  checked: number;
  settled: number;
  resent: number;
  cut: number;
  deadLetteredRecords: number;
  unknown: number;
  /** Records that a repeated call may have doubled. */
  possibleDuplicates: number;
  abandoned: number;
  errors: number;
}

/** One run: its dependencies, its counters, and what became due to be sent while it ran. */
export interface SettleRun {
  readonly deps: SettleDeps;
  readonly summary: SettleSummary;
  readonly signal: AbortSignal;
  readonly due: Shipment[];
}
