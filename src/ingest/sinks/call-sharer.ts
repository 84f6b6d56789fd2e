import { isAnswerLost } from '../../kusto/classify.js';
import type { IngestProperties, OperationRef, QueuedBlob, QueuedIngestion } from '../../kusto/ports.js';
import type { Clock } from '../../runtime/clock.js';
import { asKfError, KfError } from '../../runtime/errors.js';
import type { Logger } from '../../runtime/log.js';
import type { Target } from '../types.js';

/** Calls under way for one target; what comes while all are busy shares the next. */
const CALLS_PER_TARGET = 4;

export interface SharedCall {
  readonly database: string;
  readonly table: string;
  readonly properties: IngestProperties;
}

/** The call that a target's blobs go in. */
export function callOf(target: Target): SharedCall {
  return {
    database: target.database,
    table: target.table,
    properties: {
      format: target.format,
      ...(target.mapping === undefined ? {} : { mapping: target.mapping }),
      ...(target.tags.length === 0 ? {} : { tags: target.tags }),
      ...(target.flushImmediately ? { flushImmediately: true } : {}),
    },
  };
}

export interface SendResult {
  readonly operation: OperationRef;
  /** The answer was lost and the call repeated. */
  readonly repeated: boolean;
}

/** Sends blobs to the service, several of one target in one call when they meet, never waiting for company. */
export interface CallSharer {
  /**
   * Up to `maxBlobsPerCall` blobs. A call whose answer was lost is repeated once.
   * @throws KfError; `answerLost` when the service may have taken the blobs all the same.
   */
  send(call: SharedCall, blobs: readonly QueuedBlob[], signal: AbortSignal): Promise<SendResult>;
}

interface Waiting {
  readonly blobs: readonly QueuedBlob[];
  resolve(result: SendResult): void;
  reject(error: unknown): void;
}

interface Lane {
  readonly call: SharedCall;
  waiting: Waiting[];
  calls: number;
}

export interface CallSharerDeps {
  readonly queued: QueuedIngestion;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createCallSharer(deps: CallSharerDeps): CallSharer {
  const lanes = new Map<string, Lane>();
  const pump = (key: string, lane: Lane): void => {
    while (lane.calls < CALLS_PER_TARGET && lane.waiting.length > 0) {
      const group = takeGroup(lane, deps.queued.maxBlobsPerCall);
      lane.calls++;
      void sendGroup(deps, lane.call, group).finally(() => {
        lane.calls--;
        pump(key, lane);
        if (lane.calls === 0 && lane.waiting.length === 0) lanes.delete(key);
      });
    }
  };
  return {
    send: (call, blobs, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(new KfError('CANCELLED', `${call.table}: cancelled before it was sent`));
          return;
        }
        const key = JSON.stringify(call);
        const lane = lanes.get(key) ?? { call, waiting: [], calls: 0 };
        lanes.set(key, lane);
        const leave = (): void => {
          const place = lane.waiting.indexOf(entry);
          if (place >= 0) lane.waiting.splice(place, 1);
          const fields = { answerLost: place < 0 };
          reject(new KfError('CANCELLED', `${call.table}: cancelled while it was sent`, { fields }));
        };
        signal.addEventListener('abort', leave, { once: true });
        const settle =
          <T>(action: (value: T) => void) =>
          (value: T): void => {
            signal.removeEventListener('abort', leave);
            action(value);
          };
        const entry: Waiting = { blobs, resolve: settle(resolve), reject: settle(reject) };
        lane.waiting.push(entry);
        pump(key, lane);
      }),
  };
}

function takeGroup(lane: Lane, maxBlobs: number): Waiting[] {
  const group: Waiting[] = [];
  let blobs = 0;
  for (;;) {
    const next = lane.waiting[0];
    if (next === undefined || (group.length > 0 && blobs + next.blobs.length > maxBlobs)) return group;
    group.push(next);
    lane.waiting.shift();
    blobs += next.blobs.length;
  }
}

async function sendGroup(deps: CallSharerDeps, call: SharedCall, group: readonly Waiting[]): Promise<void> {
  const blobs = group.flatMap((entry) => entry.blobs);
  try {
    const result = await sendTwice(deps, call, blobs);
    for (const entry of group) entry.resolve(result);
  } catch (error) {
    for (const entry of group) entry.reject(error);
  }
}

async function sendTwice(
  deps: CallSharerDeps,
  call: SharedCall,
  blobs: readonly QueuedBlob[],
): Promise<SendResult> {
  const { queued, clock, logger } = deps;
  const attempt = (): Promise<OperationRef> =>
    queued.submit({ ...call, blobs, clientRequestId: `KF.queued;${clock.newId()}` });
  try {
    return { operation: await attempt(), repeated: false };
  } catch (thrown) {
    const error = asKfError(thrown, 'INTERNAL', 'submit');
    if (!isAnswerLost(error)) throw error;
    logger.warn('submit.answerLost', { table: call.table, blobs: blobs.length, code: error.code });
  }
  try {
    return { operation: await attempt(), repeated: true };
  } catch (thrown) {
    const error = asKfError(thrown, 'INTERNAL', 'submit');
    // The first call may have been taken, whatever became of the second.
    throw new KfError(error.code, error.message, {
      ...(error.serviceCode === undefined ? {} : { serviceCode: error.serviceCode }),
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      fields: { ...error.fields, answerLost: true },
    });
  }
}
