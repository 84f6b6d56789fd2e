import { begunTask, endedTask, isExternal } from './tasks.js';
import { type Action, ActionType, type HistoryEvent } from './types.js';

/** The action at a place in a list of actions; deeper numbers count inside a group. */
function actionAt(actions: readonly Action[], path: readonly number[]): Action | undefined {
  let level: readonly Action[] = actions;
  let found: Action | undefined;
  for (const index of path) {
    found = level[index];
    level = found?.compoundActions ?? [];
  }
  return found;
}

/**
 * True while a task is open: an activity, HTTP call, sub-orchestration or timer that has no result and was not
 * cancelled. As in Azure, an orchestration whose function has returned does not end, fail or begin anew before.
 * @param actions those of the last run; a cancelled timer is marked there
 */
export function hasOpenTasks(history: readonly HistoryEvent[], actions: readonly Action[]): boolean {
  const done = new Set(history.map(endedTask));
  return history.some((event) => {
    const id = begunTask(event);
    if (id === undefined || done.has(id)) return false;
    return !(event.path && actionAt(actions, event.path)?.isCanceled);
  });
}

/** Place of the end of the run in which the function ended; undefined when it has not. */
export function endedAt(history: readonly HistoryEvent[]): number | undefined {
  const index = history.findIndex(({ ended }) => ended === true);
  return index < 0 ? undefined : index;
}

/** How often each external event is awaited in a list of actions. */
function countWaits(actions: readonly Action[], counts: Map<string, number>): Map<string, number> {
  for (const action of actions) {
    const name = action.externalEventName;
    if (action.actionType === ActionType.WaitForExternalEvent && name !== undefined) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    countWaits(action.compoundActions ?? [], counts);
  }
  return counts;
}

/** External events that no wait of the function took: they belong to the next generation. */
export function unconsumedEvents(
  history: readonly HistoryEvent[],
  actions: readonly Action[],
): HistoryEvent[] {
  const waits = countWaits(actions, new Map());
  const end = endedAt(history) ?? history.length;
  return history.filter((event, index) => {
    if (!isExternal(event)) return false;
    if (index > end) return true;
    const left = waits.get(event.Name ?? '') ?? 0;
    waits.set(event.Name ?? '', left - 1);
    return left <= 0;
  });
}
