import { isFailure, scheduledBy } from './tasks.js';
import { type DurableHttpCall, EventType, type HistoryEvent, type RetryPlan } from './types.js';

function header(headers: Record<string, string> | undefined, name: string): string | undefined {
  const key = Object.keys(headers ?? {}).find((one) => one.toLowerCase() === name);
  return key === undefined ? undefined : headers?.[key];
}

/** The next call of a polled HTTP request, when this answer asks for one. */
export function nextPoll(
  source: HistoryEvent,
  completion: HistoryEvent,
): { request: DurableHttpCall; waitMs: number | undefined } | undefined {
  const request = source.http;
  if (!request?.asynchronousPatternEnabled || completion.EventType !== EventType.TaskCompleted)
    return undefined;
  const answer = JSON.parse(completion.Result ?? 'null') as {
    statusCode?: number;
    headers?: Record<string, string>;
  } | null;
  const location = header(answer?.headers, 'location');
  if (answer?.statusCode !== 202 || !location) return undefined;
  const seconds = Number(header(answer.headers, 'retry-after'));
  return {
    request: {
      ...request,
      method: 'GET',
      content: undefined,
      uri: URL.canParse(location, request.uri) ? new URL(location, request.uri).href : location,
    },
    waitMs: header(answer.headers, 'retry-after') && seconds >= 0 ? seconds * 1000 : undefined,
  };
}

/**
 * True when this event makes the library hand out task ids of its own accord (a retry, a further HTTP look).
 * Such an event must be the only new one of a run, or its ids could not be told from those of new actions.
 */
export function takesIds(history: readonly HistoryEvent[], event: HistoryEvent): boolean {
  const source = scheduledBy(history, event);
  if (!source) return false;
  if (source.retry) return isFailure(event) || event.EventType === EventType.TimerFired;
  return nextPoll(source, event) !== undefined;
}

/** Wait before the next attempt, in ms; undefined when the time for retries is over. */
export function retryWaitMs(plan: RetryPlan, nowMs: number): number | undefined {
  const options = plan.action.retryOptions;
  if (!options) return undefined;
  const limit = options.retryTimeoutInMilliseconds;
  if (limit !== undefined && nowMs >= plan.firstMs + limit) return undefined;
  const grown =
    options.firstRetryIntervalInMilliseconds * (options.backoffCoefficient ?? 1) ** (plan.attempt - 1);
  return Math.min(grown, options.maxRetryIntervalInMilliseconds ?? Number.POSITIVE_INFINITY);
}
