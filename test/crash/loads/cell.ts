import { KfError } from '../../../src/runtime/errors.js';
import type { LoadStarter } from '../../../src/transactional/ports.js';
import { progressOf } from '../../../src/transactional/steps/types.js';
import { createLoadStore } from '../../../src/transactional/store.js';
import type { Load } from '../../../src/transactional/types.js';
import { createManualClock, type ManualClock } from '../../helpers/manual-clock.js';
import { Orchestration } from './driver.js';
import { type LocalEngine, openLocalEngine } from './engine.js';
import { Crash, type Fault, FaultPlan, type Life } from './faults.js';
import { judge, leftovers, type Problem, sawTarget } from './oracle.js';
import type { Path } from './paths.js';
import { openSite, type Process, requestOf, type Site, STAGING_PREFIX } from './site.js';

/** Shared by all cells: two clusters and a clock that only moves on. */
export interface Ground {
  readonly clock: ManualClock;
  engineFor(path: Path): LocalEngine;
  nextNumber(): number;
}

export async function openGround(): Promise<Ground> {
  const clock = createManualClock();
  const open = (refusesMoves: boolean) => openLocalEngine({ now: clock.now, refusesMoves });
  const [moving, appending] = [await open(false), await open(true)];
  let cells = 0;
  return {
    clock,
    engineFor: (path) => (path.refusesMoves === true ? appending : moving),
    nextNumber: () => ++cells,
  };
}

export interface CellResult {
  readonly calls: readonly string[];
  readonly fired: readonly Fault[];
  readonly problems: readonly Problem[];
  readonly state: string;
  readonly replays: number;
}

/** Lives of the process, and rounds of the reaper, that one load may need. */
const MAX_LIVES = 12;
const MAX_STARTS = 8;
const REAPER_ROUNDS = 4;
const ORPHAN_MS = 3_700_000;
const GRACE_MS = 61_000;

/** One load from its request to its last trace, with these faults. */
export async function runCell(
  ground: Ground,
  path: Path,
  faults: readonly Fault[] = [],
): Promise<CellResult> {
  const number = ground.nextNumber();
  const site = await openSite({
    path,
    names: { id: `L${number}`, table: `T${number}`, temp: `U${number}` },
    clock: ground.clock,
    engine: ground.engineFor(path),
  });
  const run = new Run(site, faults);
  const problems: Problem[] = [];
  try {
    await run.start();
    await run.toEnd();
    await run.cleanUp();
  } catch (error) {
    problems.push({ kind: 'unbounded', text: error instanceof Error ? `${error.message}` : String(error) });
  }
  problems.push(...(await judge(site, run)));
  await forget(site);
  const state = (await run.load())?.state ?? 'not accepted';
  return {
    calls: run.plan.calls,
    fired: run.plan.fired,
    problems,
    state,
    replays: run.orchestration.replays,
  };
}

async function forget({ engine, names, outside }: Site): Promise<void> {
  for (const table of engine.tables()) {
    if (isOfCell(table, names)) await outside(`.drop table ${table}`);
  }
  for (const { id } of engine.faults.list()) engine.faults.remove(id);
}

const isOfCell = (table: string, { table: target, temp }: Site['names']): boolean =>
  table === target || table === temp || table.startsWith(STAGING_PREFIX);

export class Run {
  readonly plan: FaultPlan;
  readonly orchestration: Orchestration;
  readonly early: string[] = [];
  readonly #site: Site;
  #life: Life = { alive: true };
  #process: Process;
  #done = new Set<string>();
  isCancelled = false;

  constructor(site: Site, faults: readonly Fault[]) {
    this.#site = site;
    this.plan = new FaultPlan(faults);
    this.plan.onCall = (name) => sawTarget(site, name, this.early);
    this.plan.onCancel = () => this.#cancel();
    this.orchestration = new Orchestration({
      now: site.clock.now,
      sleepUntil: async (ms) => {
        site.clock.advance(Math.max(0, ms - site.clock.now()));
        await this.#pass();
      },
      activity: (progress) => this.#activity(progress),
    });
    this.#process = this.#newProcess();
  }

  load(): Promise<Load | undefined> {
    const { table, clock, names } = this.#site;
    return createLoadStore({ table, clock }).get(names.id);
  }

  #newProcess(): Process {
    this.#life = { alive: true };
    const starter: LoadStarter = {
      start: async (load) => this.orchestration.start(progressOf(load)),
      wake: async () => this.orchestration.raise(),
      state: async () => (this.orchestration.isRunning ? 'running' : 'ended'),
    };
    return this.#site.process(this.plan, this.#life, starter);
  }

  /** The process is dead: another begins. */
  #revive(): void {
    if (this.#life.alive) return;
    if (this.plan.fired.at(-1)?.viaReaper === true) this.orchestration.forget();
    this.#process = this.#newProcess();
  }

  async #pass(): Promise<void> {
    await this.#site.service.work();
    await new Promise((resolve) => setImmediate(resolve));
    sawTarget(this.#site, 'the service works', this.early);
  }

  /** By another process, whose calls are not counted. */
  async #cancel(): Promise<void> {
    const quiet = new FaultPlan();
    const starter: LoadStarter = {
      start: async () => undefined,
      wake: async () => this.orchestration.raise(),
      state: async () => 'running',
    };
    const { loads } = this.#site.process(quiet, { alive: true }, starter);
    await loads.cancel(this.#site.names.id, starter).then(
      () => {
        this.isCancelled = true;
      },
      (error: unknown) => {
        if (!(error instanceof KfError) || !/^(LOAD_ENDED|NOT_FOUND)$/.test(error.code)) throw error;
      },
    );
  }

  async #activity(progress: Parameters<Process['step']>[0]): Promise<string | undefined> {
    const { path } = this.#site;
    if (path.cancelAt === progress.step && this.#isFirst(`cancel ${progress.step}`)) await this.#cancel();
    const { before } = path;
    if (before?.step === progress.step && this.#isFirst(`before ${progress.step}`))
      await before.act(this.#site);
    if (path.loseAt === progress.step && this.#isFirst(`lose ${progress.step}`)) {
      this.#life.alive = false;
      this.orchestration.forget();
      return undefined;
    }
    const life = this.#life;
    const name = `step.${progress.step}`;
    try {
      const answer = await this.plan.run(life, name, () => this.#process.step(progress));
      return life.alive ? JSON.stringify(answer) : undefined;
    } catch (error) {
      if (error instanceof Crash || !life.alive) return undefined;
      throw error;
    }
  }

  #isFirst(what: string): boolean {
    const isFirst = !this.#done.has(what);
    this.#done.add(what);
    return isFirst;
  }

  /** A caller who asks again, under the same requestId, until the answer is yes or no. */
  async start(): Promise<void> {
    for (let tries = 0; tries < MAX_STARTS; tries++) {
      try {
        await this.#process.loads.start(requestOf(this.#site), this.#process.starter);
        return;
      } catch (error) {
        if (!this.#life.alive) this.#revive();
        else if (!(error instanceof KfError) || !error.retryable) return;
        this.#site.clock.advance(1_000);
      }
    }
  }

  async toEnd(): Promise<void> {
    for (let lives = 0; lives < MAX_LIVES; lives++) {
      if (this.orchestration.isRunning && !(await this.orchestration.run())) {
        this.#revive();
        continue;
      }
      const load = await this.load();
      if (load === undefined || load.state !== 'running') return;
      await this.#reap(GRACE_MS);
    }
    throw new Error(`the load does not end: ${(await this.load())?.step}`);
  }

  async #reap(afterMs: number): Promise<void> {
    this.#site.clock.advance(afterMs);
    await this.#pass();
    try {
      await this.#process.reaper.reap(this.#process.starter, new AbortController().signal);
    } catch (error) {
      if (this.#life.alive && !(error instanceof KfError)) throw error;
    }
    this.#revive();
  }

  /** What is late comes; then a healthy reaper. */
  async cleanUp(): Promise<void> {
    this.plan.quieten();
    await this.plan.settleLate();
    for (let round = 0; round < REAPER_ROUNDS; round++) {
      await this.#reap(ORPHAN_MS);
      if (this.orchestration.isRunning) await this.orchestration.run();
      const load = await this.load();
      if (load?.state !== 'running' && leftovers(this.#site, load).length === 0) return;
    }
  }
}
