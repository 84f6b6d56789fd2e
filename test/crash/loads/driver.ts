import assert from 'node:assert/strict';
import { type FlowTask, type LoadEnd, type LoadFlow, runLoad } from '../../../src/transactional/flow.js';
import type { LoadProgress } from '../../../src/transactional/steps/types.js';

/** What the history of an orchestration holds: the end of what it asked for, in order. */
type Recorded =
  | { readonly of: 'step'; readonly seq: number; readonly atMs: number; readonly result: string }
  | { readonly of: 'stepFailed'; readonly seq: number; readonly atMs: number; readonly message: string }
  | { readonly of: 'timer' | 'event'; readonly seq: number; readonly atMs: number };

interface Task extends FlowTask {
  readonly seq: number;
  readonly kind: 'step' | 'timer' | 'event' | 'any';
  readonly asked: string;
  readonly progress?: string;
  readonly untilMs?: number;
  readonly children?: readonly Task[];
  isCompleted: boolean;
}

export interface DurableHost {
  now(): number;
  /** Runs an activity; undefined when the process died. A throw is a failed activity. */
  activity(progress: LoadProgress): Promise<string | undefined>;
  /** Time passes until then. */
  sleepUntil(ms: number): Promise<void>;
}

interface Instance {
  readonly input: string;
  readonly startedMs: number;
  history: Recorded[];
  /** What earlier replays asked for, which every later one must ask for again. */
  asked: string[];
}

interface Replay {
  readonly waiting?: Task;
  readonly end?: LoadEnd | undefined;
  readonly next?: LoadProgress;
}

/** More steps and waits than any load of the tests may take. */
const MAX_TURNS = 4_000;

/**
 * One orchestration under the rules of Durable Functions: results are recorded once and replayed from the start of
 * the generation at every step, activities may run more than once, events wait to be asked for.
 */
export class Orchestration {
  readonly #host: DurableHost;
  #instance: Instance | undefined;
  #events = 0;
  turns = 0;
  replays = 0;
  /** All that ever entered a history. */
  readonly written: string[] = [];

  constructor(host: DurableHost) {
    this.#host = host;
  }

  get isRunning(): boolean {
    return this.#instance !== undefined;
  }

  start(input: LoadProgress): void {
    if (this.#instance !== undefined) return;
    this.#begin(input);
    this.#events = 0;
  }

  raise(): void {
    if (this.#instance !== undefined) this.#events++;
  }

  /** The orchestration is gone, with its history. */
  forget(): void {
    this.#instance = undefined;
  }

  #begin(input: LoadProgress): void {
    const text = JSON.stringify(input);
    this.written.push(text);
    this.#instance = { input: text, startedMs: this.#host.now(), history: [], asked: [] };
  }

  /** Runs on until the load has ended, or the process has died: then false. */
  async run(): Promise<boolean> {
    for (;;) {
      const instance = this.#instance;
      if (instance === undefined) return true;
      assert.ok(this.turns++ < MAX_TURNS, `the load does not end: ${instance.input}`);
      const { waiting, next } = this.#replay(instance);
      if (next !== undefined) this.#begin(next);
      else if (waiting === undefined) this.#instance = undefined;
      else if (!(await this.#advance(instance, waiting))) return false;
    }
  }

  async #advance(instance: Instance, task: Task): Promise<boolean> {
    const record = (entry: Recorded): void => {
      this.written.push(JSON.stringify(entry));
      instance.history.push(entry);
    };
    if (task.kind === 'step') {
      const { seq } = task;
      try {
        const result = await this.#host.activity(JSON.parse(task.progress ?? '') as LoadProgress);
        if (result === undefined) return false;
        record({ of: 'step', seq, atMs: this.#host.now(), result });
      } catch (thrown) {
        const message = thrown instanceof Error ? thrown.message : String(thrown);
        record({ of: 'stepFailed', seq, atMs: this.#host.now(), message });
      }
      return true;
    }
    const [timer, event] = ['timer', 'event'].map((kind) =>
      (task.children ?? []).find((child) => child.kind === kind),
    );
    if (this.#events === 0) await this.#host.sleepUntil(timer?.untilMs ?? 0);
    if (this.#events > 0 && event !== undefined) {
      this.#events--;
      record({ of: 'event', seq: event.seq, atMs: this.#host.now() });
    } else if (timer !== undefined) {
      record({ of: 'timer', seq: timer.seq, atMs: this.#host.now() });
    }
    return true;
  }

  /** The generator from its start, fed with what is recorded; checks that it asks for the same again. */
  #replay(instance: Instance): Replay {
    this.replays++;
    const asked: string[] = [];
    let nowMs = instance.startedMs;
    let next: LoadProgress | undefined;
    const make = (task: Omit<Task, 'seq' | 'isCompleted'>): Task => {
      asked.push(task.asked);
      const made = { ...task, seq: asked.length - 1, isCompleted: false };
      return made;
    };
    const flow = flowOf(instance, {
      make,
      nowMs: () => nowMs,
      continueAs: (progress) => {
        next = progress;
      },
    });
    const generator = runLoad(flow);
    const ends = new Map(instance.history.map((entry) => [entry.seq, entry]));
    let step = generator.next();
    while (step.done !== true) {
      const task = step.value as Task;
      const done = [task, ...(task.children ?? [])].find(({ seq }) => ends.has(seq));
      const entry = done === undefined ? undefined : ends.get(done.seq);
      if (done === undefined || entry === undefined) {
        this.#requireSame(instance, asked);
        return { waiting: task };
      }
      done.isCompleted = true;
      nowMs = entry.atMs;
      if (entry.of === 'stepFailed') step = generator.throw(new Error(entry.message));
      else step = generator.next(entry.of === 'step' ? JSON.parse(entry.result) : done);
    }
    this.#requireSame(instance, asked);
    return next === undefined ? { end: step.value } : { next };
  }

  #requireSame(instance: Instance, asked: readonly string[]): void {
    assert.deepEqual(
      asked.slice(0, instance.asked.length),
      instance.asked,
      'a replay asks for something else than the run before',
    );
    instance.asked = [...asked];
  }
}

interface Parts {
  make(task: Omit<Task, 'seq' | 'isCompleted'>): Task;
  nowMs(): number;
  continueAs(progress: LoadProgress): void;
}

function flowOf(instance: Instance, { make, nowMs, continueAs }: Parts): LoadFlow {
  return {
    input: JSON.parse(instance.input) as LoadProgress,
    nowMs,
    callStep: (progress) => {
      const text = JSON.stringify(progress);
      return make({ kind: 'step', asked: `step ${text}`, progress: text });
    },
    timer: (untilMs) => {
      const task = make({ kind: 'timer', asked: `timer ${untilMs}`, untilMs });
      return Object.assign(task, {
        cancel: () => assert.ok(!task.isCompleted, 'cancels a timer that fired'),
      });
    },
    cancelEvent: () => make({ kind: 'event', asked: 'event' }),
    any: (tasks) => make({ kind: 'any', asked: 'any', children: tasks as readonly Task[] }),
    showStatus: () => undefined,
    continueAsNew: continueAs,
  };
}
