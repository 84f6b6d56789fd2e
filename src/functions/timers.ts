import functions from '@azure/functions';
import { durableClient, loadStarterOf } from './load-orchestration.js';
import type { AppServices } from './services.js';

/** `everyMs` as the six-field expression of a timer trigger: whole seconds under a minute, else whole minutes. */
export function timerSchedule(everyMs: number): string {
  const seconds = Math.max(1, Math.round(everyMs / 1000));
  if (seconds < 60) {
    return `*/${seconds} * * * * *`;
  }
  return `0 */${Math.min(59, Math.round(seconds / 60))} * * * *`;
}

/** Longest a settling round may run; the next one goes on where it stopped. */
const settleRoundMs = 5 * 60_000;
/** Longest a round of the reaper may run. */
const reapRoundMs = 5 * 60_000;

export function registerTimers(services: AppServices): void {
  functions.app.timer('settle', {
    schedule: timerSchedule(services.config.settle.everyMs),
    handler: async () => {
      await services.settle(AbortSignal.timeout(settleRoundMs));
    },
  });
  functions.app.timer('load-reaper', {
    schedule: timerSchedule(services.config.load.reapEveryMs),
    extraInputs: [durableClient],
    handler: async (_timer, context) => {
      await services.reapLoads(loadStarterOf(context), AbortSignal.timeout(reapRoundMs));
    },
  });
}
