import { HostError } from '../errors.js';
import type { FunctionDefinition } from '../functions.js';
import type { InvocationData } from '../invoker.js';
import { dotnetDate } from './binding-data.js';
import { parseSchedule, type Schedule } from './schedule.js';
import type { TriggerContext, TriggerKind, TriggerListener } from './trigger.js';

/** .NET's default date: how "never ran" is told. */
const NEVER = '0001-01-01T00:00:00';

/** Shortest schedule that is monitored, in ms, as in the timer extension. */
const LEAST_MONITORED_MS = 60_000;

/** What the schedule monitor knows. */
interface TimerStatus {
  lastMs: number | undefined;
  nextMs: number;
  updatedMs: number;
}

function utc(ms: number | undefined): string {
  return ms === undefined ? NEVER : `${dotnetDate(new Date(ms))}+00:00`;
}

function timerData(schedule: Schedule, status: TimerStatus | undefined, reason: string): InvocationData {
  const payload = {
    Schedule: { AdjustForDST: schedule.adjustForDst },
    ScheduleStatus: status && {
      Last: utc(status.lastMs),
      Next: utc(status.nextMs),
      LastUpdated: utc(status.updatedMs),
    },
    IsPastDue: false,
  };
  return { reason, input: { json: JSON.stringify(payload) }, triggerMetadata: {} };
}

function isMonitored(fn: FunctionDefinition, schedule: Schedule, nowMs: number): boolean {
  if (fn.trigger['useMonitor'] === false) return false;
  const first = schedule.nextMs(nowMs);
  return schedule.nextMs(first) - first >= LEAST_MONITORED_MS;
}

function createTimer(fn: FunctionDefinition, context: TriggerContext, schedule: Schedule): TriggerListener {
  const { clock, invoker } = context;
  const stopping = new AbortController();
  let lane: Promise<unknown> = Promise.resolve();
  let status: TimerStatus | undefined;
  // One at a time, whatever asks for it: a timer never overlaps with itself.
  const run = (reason: string): Promise<unknown> => {
    lane = lane.then(async () => {
      if (stopping.signal.aborted) return;
      const startedMs = clock.now();
      await invoker.invokeWithRetry(fn, timerData(schedule, status, reason), stopping.signal);
      if (status)
        status = { lastMs: startedMs, nextMs: schedule.nextMs(clock.now()), updatedMs: clock.now() };
    });
    return lane;
  };
  const loop = async (): Promise<void> => {
    if (fn.trigger['runOnStartup'] === true) await run('Timer fired at start-up');
    while (!stopping.signal.aborted) {
      const nowMs = clock.now();
      await clock.sleep(Math.max(0, schedule.nextMs(nowMs) - nowMs), stopping.signal);
      if (!stopping.signal.aborted) await run('Timer fired');
    }
  };
  return {
    async start() {
      const nowMs = clock.now();
      const monitored = isMonitored(fn, schedule, nowMs);
      status = monitored
        ? { lastMs: undefined, nextMs: schedule.nextMs(nowMs), updatedMs: nowMs }
        : undefined;
      void loop();
    },
    async stop() {
      stopping.abort();
      await lane;
    },
    async runNow() {
      await run('admin request');
    },
  };
}

/** Timer: NCRONTAB or TimeSpan, in the time zone of WEBSITE_TIME_ZONE; what it knows of past runs is in memory. */
export const timerTrigger: TriggerKind = {
  type: 'timertrigger',
  create(fn, context) {
    const text = fn.trigger['schedule'];
    if (typeof text !== 'string') throw new HostError('binding-invalid', 'schedule is missing');
    return createTimer(fn, context, parseSchedule(text, context.settings.get('WEBSITE_TIME_ZONE')));
  },
};
