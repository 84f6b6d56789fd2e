import { KfError } from '../../src/runtime/errors.js';

/**
 * What happens at one numbered call: it fails before anything is done; it is done and its answer is lost; the
 * process dies before or after it; it is done twice.
 */
export const faultKinds = ['failBefore', 'loseAnswer', 'crashBefore', 'crashAfter', 'duplicate'] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Thrown at and after a crash; nothing of the process runs on, so code that swallows it changes nothing. */
class Crash extends Error {
  override readonly name = 'Crash';
}

export interface FaultPlan {
  /** Counts one call and says what happens at it. */
  next(name: string): FaultKind | undefined;
  /** Calls so far, in order. */
  readonly calls: readonly string[];
  readonly fired: boolean;
  readonly crashed: boolean;
}

/** One fault at call number `at` (from 0); without it, only counts. */
export function createFaultPlan(fault?: { readonly at: number; readonly kind: FaultKind }): FaultPlan {
  const calls: string[] = [];
  let fired = false;
  let crashed = false;
  return {
    next: (name) => {
      if (crashed) throw new Crash(name);
      calls.push(name);
      if (fault === undefined || calls.length - 1 !== fault.at) return undefined;
      fired = true;
      crashed = fault.kind.startsWith('crash');
      return fault.kind;
    },
    get calls() {
      return calls;
    },
    get fired() {
      return fired;
    },
    get crashed() {
      return crashed;
    },
  };
}

const lost = (name: string): KfError =>
  new KfError(/blob|table/.test(name) ? 'STORAGE_TRANSIENT' : 'KUSTO_TRANSIENT', `${name}: injected fault`, {
    fields: { answerLost: true },
  });
const refused = (name: string): KfError =>
  new KfError(/blob|table/.test(name) ? 'STORAGE_TRANSIENT' : 'KUSTO_TRANSIENT', `${name}: injected fault`);

/** Runs one call under the plan. */
async function underFaults<T>(plan: FaultPlan, name: string, action: () => Promise<T>): Promise<T> {
  const kind = plan.next(name);
  if (kind === 'failBefore') throw refused(name);
  if (kind === 'crashBefore') throw new Crash(name);
  const result = await action();
  if (kind === 'loseAnswer') throw lost(name);
  if (kind === 'crashAfter') throw new Crash(name);
  if (kind === 'duplicate') return action().catch(() => result);
  if (plan.crashed) throw new Crash(name);
  return result;
}

type AnyFunction = (...args: unknown[]) => unknown;

/** The same port with every call numbered and under the plan. Methods that return iterables count as one call. */
export function withFaults<T extends object>(port: T, plan: FaultPlan, portName: string): T {
  return new Proxy(port, {
    get: (target, key) => {
      const member = Reflect.get(target, key) as unknown;
      if (typeof member !== 'function' || typeof key !== 'string') return member;
      const name = `${portName}.${key}`;
      return (...args: unknown[]) => {
        const call = () => (member as AnyFunction).apply(target, args);
        if (key === 'list' || key === 'open' || key === 'stream') return listUnderFaults(plan, name, call);
        return underFaults(plan, name, async () => call());
      };
    },
  });
}

function listUnderFaults(plan: FaultPlan, name: string, call: () => unknown): unknown {
  const made = call();
  if (made === null || typeof made !== 'object' || !(Symbol.asyncIterator in made)) return made;
  return (async function* () {
    const kind = plan.next(name);
    if (kind === 'failBefore' || kind === 'loseAnswer') throw refused(name);
    if (kind === 'crashBefore' || kind === 'crashAfter') throw new Crash(name);
    for await (const item of made as AsyncIterable<unknown>) yield item;
  })();
}
