import type { HostClock } from '../../clock.js';
import { type BatchLimits, createBatcher } from './batcher.js';

/** How the function went for one batch. */
interface BatchOutcome<T> {
  /** True when the work was broken off and must be repeated by the next owner. */
  cancelled: boolean;
  /** Last event that was handled; undefined when none was. */
  last: T | undefined;
}

export interface PumpOptions<T> {
  limits: BatchLimits;
  /** Longest time events wait for `limits.minSize`, in ms. */
  maxWaitMs: number;
  /** A checkpoint is written after this many batches. */
  checkpointEvery: number;
  /** Runs the function, with its retries, on one batch; the signal ends the retries. */
  run(batch: T[], willCheckpoint: boolean, closing: AbortSignal): Promise<BatchOutcome<T>>;
  /** Records that everything up to this event is done. */
  checkpoint(last: T): Promise<void>;
  onError(error: unknown): void;
  clock: HostClock;
}

/** The events of one owned partition on their way through the function, one batch at a time. */
export interface PartitionPump<T> {
  /** Hands over received events; resolves when there is room for more, which holds back the receiver. */
  process(events: readonly T[]): Promise<void>;
  /**
   * Ends the pump and waits for the running batch.
   * @param reason `lost`: another host owns the partition and nothing may be recorded any more;
   * `stopping`: the running batch is finished and recorded, unless `cut` aborts first
   */
  close(reason: 'lost' | 'stopping', cut?: AbortSignal): Promise<void>;
}

/** Makes the pump of one partition. */
export function createPartitionPump<T>(options: PumpOptions<T>): PartitionPump<T> {
  const batcher = createBatcher<T>(options.limits);
  const closing = new AbortController();
  let mayRecord = () => true;
  let lane: Promise<void> = Promise.resolve();
  let waiting: AbortController | undefined;
  let unrecorded: { last: T; batches: number } | undefined;

  const record = async (least: number): Promise<void> => {
    if (!unrecorded || unrecorded.batches < least || !mayRecord()) return;
    const { last } = unrecorded;
    unrecorded = undefined;
    await options.checkpoint(last);
  };
  const dispatch = async (batches: T[][]): Promise<void> => {
    for (const batch of batches) {
      if (closing.signal.aborted) return;
      const batchNumber = (unrecorded?.batches ?? 0) + 1;
      const outcome = await options.run(batch, batchNumber >= options.checkpointEvery, closing.signal);
      if (outcome.last !== undefined) unrecorded = { last: outcome.last, batches: batchNumber };
      await record(options.checkpointEvery);
      if (outcome.cancelled) return;
    }
  };
  const inLane = (work: () => Promise<void>): Promise<void> => {
    lane = lane.then(work).catch(options.onError);
    return lane;
  };
  const stopWaiting = () => {
    waiting?.abort();
    waiting = undefined;
  };
  const flushLater = () => {
    if (waiting || batcher.size === 0 || closing.signal.aborted) return;
    const timer = new AbortController();
    waiting = timer;
    void options.clock.sleep(options.maxWaitMs, timer.signal).then(() => {
      if (timer.signal.aborted) return;
      waiting = undefined;
      return inLane(() => dispatch(batcher.flush()));
    });
  };
  return {
    process: (events) =>
      inLane(async () => {
        if (closing.signal.aborted) return;
        const batches = batcher.add(events);
        if (batches.length > 0) stopWaiting();
        await dispatch(batches);
        flushLater();
      }),
    async close(reason, cut) {
      mayRecord = () => reason === 'stopping' && !cut?.aborted;
      closing.abort();
      stopWaiting();
      await lane;
      await record(1).catch(options.onError);
    },
  };
}
