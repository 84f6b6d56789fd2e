import type { CommandRequest } from '../commands/types.js';
import { KustoError } from '../errors.js';
import { TICKS_PER_MS } from '../values/datetime.js';
import { parseTimespan } from '../values/timespan.js';

const DEFAULT_QUERY_MS = 4 * 60_000;
const DEFAULT_COMMAND_MS = 10 * 60_000;
/** `norequesttimeout`, and the longest a client may ask for. */
const MAX_MS = 60 * 60_000;

/** Milliseconds a request may take: option `servertimeout` in any of the clients' spellings, else the default. */
function timeoutMs({ text, options }: Pick<CommandRequest, 'text' | 'options'>): number {
  if (options['norequesttimeout'] === true) {
    return MAX_MS;
  }
  const asked = options['servertimeout'];
  const ticks = typeof asked === 'string' ? parseTimespan(asked) : null;
  if (ticks === null || ticks <= 0n) {
    return text.trimStart().startsWith('.') ? DEFAULT_COMMAND_MS : DEFAULT_QUERY_MS;
  }
  return Math.min(Number(ticks / TICKS_PER_MS), MAX_MS);
}

/**
 * Runs work that is given up when the client goes or the request's time is over.
 * @throws KustoError 504
 */
export async function deadlineOf<T>(
  request: CommandRequest,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limitMs = timeoutMs(request);
  const deadline = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      deadline.abort();
      reject(
        new KustoError(`Request timed out after ${limitMs} ms (0x80131505)`, {
          status: 504,
          code: 'General_RequestTimeout',
          type: 'Kusto.DataNode.Exceptions.RequestTimeoutException',
          permanent: false,
        }),
      );
    }, limitMs);
  });
  const signals = request.signal === undefined ? [deadline.signal] : [deadline.signal, request.signal];
  try {
    return await Promise.race([work(AbortSignal.any(signals)), late]);
  } finally {
    clearTimeout(timer);
  }
}
