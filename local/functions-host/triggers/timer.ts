import { HostError, messageOf } from '../errors.js';
import type { FunctionDefinition } from '../functions.js';
import type { InvocationData } from '../invoker.js';
import { connectionString } from '../settings.js';
import { dotnetDate } from './binding-data.js';
import { parseSchedule, type Schedule } from './schedule.js';
import {
  createBlobTimerState,
  createMemoryTimerState,
  type TimerState,
  type TimerStatus,
} from './timer-state.js';
import type { TriggerContext, TriggerKind, TriggerListener } from './trigger.js';

/** .NET's default date: how "never ran" is told. */
const NEVER = '0001-01-01T00:00:00';

/** Shortest schedule that is monitored, in ms, as in the timer extension. */
const LEAST_MONITORED_MS = 60_000;

function utc(ms: number | undefined): string {
  return ms === undefined ? NEVER : `${dotnetDate(new Date(ms))}+00:00`;
}

interface Due {
  reason: string;
  isPastDue: boolean;
}

function timerData(schedule: Schedule, status: TimerStatus | undefined, due: Due): InvocationData {
  const payload = {
    Schedule: { AdjustForDST: schedule.adjustForDst },
    ScheduleStatus: status && {
      Last: utc(status.lastMs),
      Next: utc(status.nextMs),
      LastUpdated: utc(status.updatedMs),
    },
    IsPastDue: due.isPastDue,
  };
  return { reason: due.reason, input: { json: JSON.stringify(payload) }, triggerMetadata: {} };
}

function isMonitored(fn: FunctionDefinition, schedule: Schedule, nowMs: number): boolean {
  if (fn.trigger['useMonitor'] === false) return false;
  const first = schedule.nextMs(nowMs);
  return schedule.nextMs(first) - first >= LEAST_MONITORED_MS;
}

interface Timer {
  readonly fn: FunctionDefinition;
  readonly context: TriggerContext;
  readonly schedule: Schedule;
  readonly state: TimerState;
  readonly monitored: boolean;
  readonly stopping: AbortController;
  /** Runs one after the other, whatever asks for them: a timer never overlaps with itself. */
  lane: Promise<void>;
}

function warn(timer: Timer) {
  return (error: unknown) =>
    timer.context.log.write('warning', `Host.Timers.${timer.fn.name}`, messageOf(error));
}

async function runOnce(timer: Timer, due: Due): Promise<void> {
  const { context, fn, schedule, state, monitored, stopping } = timer;
  if (stopping.signal.aborted) return;
  const startedMs = context.clock.now();
  const known = monitored ? await state.readStatus() : undefined;
  const status = monitored
    ? (known ?? { lastMs: undefined, nextMs: schedule.nextMs(startedMs), updatedMs: startedMs })
    : undefined;
  await context.invoker.invokeWithRetry(fn, timerData(schedule, status, due), stopping.signal);
  const endedMs = context.clock.now();
  if (monitored) {
    await state.writeStatus({ lastMs: startedMs, nextMs: schedule.nextMs(endedMs), updatedMs: endedMs });
  }
}

function run(timer: Timer, due: Due): Promise<void> {
  timer.lane = timer.lane.then(() => runOnce(timer, due)).catch(warn(timer));
  return timer.lane;
}

/** What happens when this host becomes the one that runs the timer: the run at start-up, or the one that was missed. */
async function begin(timer: Timer): Promise<void> {
  const { context, fn, schedule, state, monitored } = timer;
  const nowMs = context.clock.now();
  const known = monitored ? await state.readStatus() : undefined;
  if (monitored && !known) {
    await state.writeStatus({ lastMs: undefined, nextMs: schedule.nextMs(nowMs), updatedMs: nowMs });
  }
  if (fn.trigger['runOnStartup'] === true)
    await run(timer, { reason: 'Timer fired at start-up', isPastDue: false });
  else if (known && known.nextMs < nowMs) await run(timer, { reason: 'Timer is past due', isPastDue: true });
}

async function loop(timer: Timer): Promise<void> {
  const { clock } = timer.context;
  const { signal } = timer.stopping;
  while (!signal.aborted) {
    const nowMs = clock.now();
    await clock.sleep(Math.max(0, timer.schedule.nextMs(nowMs) - nowMs), signal);
    if (!signal.aborted && timer.state.held()) await run(timer, { reason: 'Timer fired', isPastDue: false });
  }
}

function createTimer(timer: Timer): TriggerListener {
  const { stopping, state } = timer;
  const unlocking = new AbortController();
  let ended: Promise<unknown> = Promise.resolve();
  return {
    async start() {
      const locked = state.keepLock(unlocking.signal, () => void begin(timer).catch(warn(timer)));
      ended = Promise.all([locked, loop(timer)]);
    },
    async stop() {
      stopping.abort();
      await timer.lane;
      // Only now: while the last run goes on no other host may start one.
      unlocking.abort();
      await ended;
    },
    runNow: () => run(timer, { reason: 'admin request', isPastDue: false }),
  };
}

function makeState(fn: FunctionDefinition, context: TriggerContext): TimerState {
  if (context.settings.get('AzureWebJobsStorage') === undefined) return createMemoryTimerState();
  return createBlobTimerState({
    storage: connectionString(context.settings, 'AzureWebJobsStorage'),
    hostId: context.hostId,
    functionName: fn.name,
    clock: context.clock,
    onError: (error) => context.log.write('warning', `Host.Timers.${fn.name}`, messageOf(error)),
  });
}

/**
 * Timer: NCRONTAB or TimeSpan, in the time zone of WEBSITE_TIME_ZONE. With AzureWebJobsStorage only one of the hosts
 * of an app runs it and missed runs are made up for; without, this host is alone and remembers nothing.
 */
export const timerTrigger: TriggerKind = {
  type: 'timertrigger',
  create(fn, context) {
    const text = fn.trigger['schedule'];
    if (typeof text !== 'string') throw new HostError('binding-invalid', 'schedule is missing');
    const schedule = parseSchedule(text, context.settings.get('WEBSITE_TIME_ZONE'));
    return createTimer({
      fn,
      context,
      schedule,
      state: makeState(fn, context),
      monitored: isMonitored(fn, schedule, context.clock.now()),
      stopping: new AbortController(),
      lane: Promise.resolve(),
    });
  },
};
