import type { Clock } from '../runtime/clock.js';
import type { CheckReport } from './codes.js';

/** Keeps the last report. The one in memory lives as long as the instance; another may share it between instances. */
export interface ReportCache {
  load(): Promise<{ readonly report: CheckReport; readonly atMs: number } | undefined>;
  save(entry: { readonly report: CheckReport; readonly atMs: number }): Promise<void>;
}

function createMemoryReportCache(): ReportCache {
  let kept: { readonly report: CheckReport; readonly atMs: number } | undefined;
  return {
    load: async () => kept,
    save: async (entry) => {
      kept = entry;
    },
  };
}

export interface ReadinessOptions {
  readonly run: () => Promise<CheckReport>;
  readonly clock: Pick<Clock, 'now'>;
  readonly cache?: ReportCache;
  /** Off: the report is empty and good, and nothing is asked. */
  readonly validate: boolean;
}

export interface Readiness {
  /** The cached report; runs the checks when there is none, or when a failed one is older than 30 s. */
  current(): Promise<CheckReport>;
  /** Runs the checks now, and keeps what they say. */
  refresh(): Promise<CheckReport>;
}

/** A failed report is asked for again after this time, so that a mended cause lets the sources go on. */
const failedTtlMs = 30_000;

/** One run in flight at a time; everybody who asks meanwhile gets its report. */
export function createReadiness(options: ReadinessOptions): Readiness {
  const { run, clock, cache = createMemoryReportCache() } = options;
  let running: Promise<CheckReport> | undefined;
  const refresh = (): Promise<CheckReport> => {
    running ??= run()
      .then(async (report) => {
        await cache.save({ report, atMs: clock.now() });
        return report;
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  return {
    refresh,
    current: async () => {
      if (!options.validate) {
        return { ok: true, checks: [] };
      }
      const kept = await cache.load();
      const isFresh = kept !== undefined && (kept.report.ok || clock.now() - kept.atMs < failedTtlMs);
      return isFresh ? kept.report : refresh();
    },
  };
}
