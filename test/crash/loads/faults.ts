import { KfError } from '../../../src/runtime/errors.js';

/**
 * What happens at one numbered call: it fails before anything is done, for a passing reason or for good; it is done
 * and then fails, or its answer is lost; the process dies before or after it; it is done twice; it is lost and takes
 * effect some calls later, or when all is over; somebody asks for the cancellation of the load meanwhile.
 */
export const faultKinds = [
  'failBefore',
  'failAfter',
  'loseAnswer',
  'refuse',
  'throttle',
  'crashBefore',
  'crashAfter',
  'duplicate',
  'late',
  'afterEnd',
  'cancel',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Calls that change nothing: of those there is no before and after. */
const reads =
  /^(?:table\.(?:get|list)|blob\.(?:get|range|facts|list|stream|readUrl)|sources\.|queued\.status|starter\.state|kusto\.\w+ \.show)/;
const ofReads: ReadonlySet<FaultKind> = new Set([
  'failBefore',
  'refuse',
  'throttle',
  'crashBefore',
  'cancel',
]);
/** A step as a whole is answered by the platform, which neither refuses nor throttles. */
const ofSteps: ReadonlySet<FaultKind> = new Set([
  'failBefore',
  'failAfter',
  'crashBefore',
  'crashAfter',
  'duplicate',
  'late',
  'cancel',
]);

/** Whether a fault of this kind can happen at this call. */
export function applies(kind: FaultKind, call: string): boolean {
  if (call.startsWith('step.')) return ofSteps.has(kind);
  // A writer takes bytes in order: its calls are never repeated by themselves.
  if (kind === 'duplicate' && call.startsWith('blob.open.')) return false;
  if (kind === 'throttle' && !/^(?:kusto|queued)\./.test(call)) return false;
  return !reads.test(call) || ofReads.has(kind);
}

export interface Fault {
  readonly at: number;
  readonly kind: FaultKind;
  /** After a crash the orchestration is gone, and the reaper starts the load again. */
  readonly viaReaper?: boolean;
  /** Calls until a late one takes effect. Default 4. */
  readonly lateBy?: number;
}

/** Thrown at and after a crash; nothing of the process runs on, so code that swallows it changes nothing. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** One life of a process. */
export interface Life {
  alive: boolean;
}

interface Deferred {
  readonly dueAt: number;
  readonly run: () => Promise<unknown>;
}

const LATE_BY_CALLS = 4;

/** Numbers the calls of all lives of a process, and makes its faults happen. */
export class FaultPlan {
  readonly calls: string[] = [];
  readonly fired: Fault[] = [];
  readonly #faults: ReadonlyMap<number, Fault>;
  #deferred: Deferred[] = [];
  #quiet = false;
  /** What `cancel` does. */
  onCancel: () => Promise<void> = async () => undefined;
  /** After every call. */
  onCall: (name: string) => void = () => undefined;

  constructor(faults: readonly Fault[] = []) {
    this.#faults = new Map(faults.map((fault) => [fault.at, fault]));
  }

  /** From now on nothing is counted and nothing fails. */
  quieten(): void {
    this.#quiet = true;
  }

  /** Everything late that has not happened yet happens now. */
  async settleLate(): Promise<void> {
    await this.#runLate(Number.POSITIVE_INFINITY);
  }

  async run<T>(life: Life, name: string, action: () => Promise<T>): Promise<T> {
    if (!life.alive) throw new Crash(name);
    const fault = this.#quiet ? undefined : this.#count(name);
    await this.#runLate(this.calls.length);
    if (fault?.kind === 'cancel') await this.onCancel();
    try {
      return await this.#perform({ life, name, action, fault });
    } finally {
      this.onCall(name);
    }
  }

  #count(name: string): Fault | undefined {
    this.calls.push(name);
    const fault = this.#faults.get(this.calls.length - 1);
    if (fault === undefined || !applies(fault.kind, name)) return undefined;
    this.fired.push(fault);
    return fault;
  }

  async #perform<T>(call: {
    life: Life;
    name: string;
    action: () => Promise<T>;
    fault: Fault | undefined;
  }): Promise<T> {
    const { life, name, action, fault } = call;
    const kind = fault?.kind;
    if (kind === 'failBefore') throw failure(name, {});
    if (kind === 'refuse') throw refusal(name);
    if (kind === 'throttle') throw new KfError('KUSTO_THROTTLED', `${name}: injected throttling`);
    if (kind === 'crashBefore') throw die(life, name);
    if (kind === 'late' || kind === 'afterEnd') {
      const dueAt =
        kind === 'late' ? this.calls.length + (fault?.lateBy ?? LATE_BY_CALLS) : Number.POSITIVE_INFINITY;
      this.#deferred.push({ dueAt, run: action });
      throw failure(name, { answerLost: true });
    }
    const result = await action();
    if (kind === 'failAfter') throw failure(name, {});
    if (kind === 'loseAnswer') throw failure(name, { answerLost: true });
    if (kind === 'crashAfter') throw die(life, name);
    if (kind === 'duplicate') return action().catch(() => result);
    if (!life.alive) throw new Crash(name);
    return result;
  }

  async #runLate(now: number): Promise<void> {
    const due = this.#deferred.filter(({ dueAt }) => dueAt <= now);
    this.#deferred = this.#deferred.filter(({ dueAt }) => dueAt > now);
    for (const { run } of due) await run().catch(() => undefined);
  }
}

function die(life: Life, name: string): Crash {
  life.alive = false;
  return new Crash(name);
}

const isStorage = (name: string): boolean => /^(?:blob|table|sources)\./.test(name);

const failure = (name: string, fields: { answerLost?: boolean }): KfError =>
  new KfError(isStorage(name) ? 'STORAGE_TRANSIENT' : 'KUSTO_TRANSIENT', `${name}: injected fault`, {
    fields,
  });
const refusal = (name: string): KfError =>
  new KfError(isStorage(name) ? 'STORAGE_FORBIDDEN' : 'KUSTO_PERMANENT', `${name}: injected refusal`);

type AnyFunction = (...args: unknown[]) => unknown;
type Under = { readonly plan: FaultPlan; readonly life: Life };

/** What a call is called in reports: commands by their first words. */
function nameOf(portName: string, key: string, args: readonly unknown[]): string {
  const text = portName === 'kusto' ? String(args[1]).split(/[[(|'"]/)[0] : '';
  return `${portName}.${key}${text === '' ? '' : ` ${text?.trim()}`}`;
}

/** The same port with every call numbered and under the plan; what returns an iterable is one call. */
export function withFaults<T extends object>(port: T, portName: string, under: Under): T {
  const { plan, life } = under;
  return new Proxy(port, {
    get: (target, key) => {
      const member = Reflect.get(target, key) as unknown;
      if (typeof member !== 'function' || typeof key !== 'string') return member;
      return (...args: unknown[]) => {
        const name = nameOf(portName, key, args);
        const call = () => (member as AnyFunction).apply(target, args);
        if (key === 'open') return withFaults(call() as object, `${name}.writer`, under);
        if (key === 'list' || key === 'stream' || key === 'inState' || key === 'calls') {
          return iterable(under, name, call as () => AsyncIterable<unknown>);
        }
        return plan.run(life, name, async () => call());
      };
    },
  });
}

async function* iterable({ plan, life }: Under, name: string, call: () => AsyncIterable<unknown>) {
  const items = await plan.run(life, name, async () => {
    const all: unknown[] = [];
    for await (const item of call()) all.push(item);
    return all;
  });
  yield* items;
}
