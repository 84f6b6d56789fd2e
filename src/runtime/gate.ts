/**
 * A bounded budget (bytes, calls): `enter` waits, first come first served, until the amount fits. One that is
 * larger than the whole budget enters alone, so that nothing waits for ever.
 */
export interface Gate {
  readonly limit: number;
  readonly inUse: number;
  /** Resolves with the function that gives the amount back; rejects with the signal's reason. */
  enter(amount: number, signal?: AbortSignal): Promise<() => void>;
}

interface Waiter {
  readonly amount: number;
  readonly admit: () => void;
}

export function createGate(limit: number): Gate {
  const waiting: Waiter[] = [];
  let inUse = 0;
  const fits = (amount: number): boolean => inUse === 0 || inUse + amount <= limit;
  const pump = (): void => {
    while (waiting.length > 0 && fits((waiting[0] as Waiter).amount)) {
      (waiting.shift() as Waiter).admit();
    }
  };
  const leaveOnce = (amount: number): (() => void) => {
    let left = false;
    return () => {
      if (!left) {
        left = true;
        inUse -= amount;
        pump();
      }
    };
  };
  const wait = (amount: number, signal?: AbortSignal): Promise<() => void> =>
    new Promise((resolve, reject) => {
      const abort = (): void => {
        waiting.splice(waiting.indexOf(waiter), 1);
        pump();
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        amount,
        admit: () => {
          signal?.removeEventListener('abort', abort);
          inUse += amount;
          resolve(leaveOnce(amount));
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      waiting.push(waiter);
    });
  return {
    limit,
    get inUse() {
      return inUse;
    },
    enter: async (amount, signal) => {
      signal?.throwIfAborted();
      if (waiting.length === 0 && fits(amount)) {
        inUse += amount;
        return leaveOnce(amount);
      }
      return wait(amount, signal);
    },
  };
}
