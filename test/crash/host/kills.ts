import { addFault, listFaults, passBatchingTime, removeFaults } from '../../helpers/kusto-admin.js';
import {
  api,
  csvRows,
  leftovers,
  load,
  makeTable,
  numbersIn,
  putBlobs,
  startLoadStack,
  type View,
} from '../../helpers/load-stack.js';
import { type Stack, until } from '../../helpers/stack.js';

/** Rows of each load, in two blobs. */
const ROWS = 40;
/** Longest time for one load, kills included. */
const LOAD_MS = 120_000;
/** Loads under way at the same time. */
const WAVE = 6;

interface Moment {
  readonly name: string;
  readonly target: 'engine' | 'dm';
  /** Of the description of the call; `T` is the load's table, `S` its staging table. */
  readonly match: (table: string) => string;
}

const staging = (table: string): string => `kf_load_\\w+_${table}_`;
const engine = (name: string, match: Moment['match']): Moment => ({ name, target: 'engine', match });

/** The calls of a load that have an effect, and some that only look, in their order. */
const moments: readonly Moment[] = [
  engine('inspect', (t) => `show table \\['${t}'\\] schema`),
  engine('create', (t) => `create table \\['${staging(t)}`),
  engine('merge policy', (t) => `${staging(t)}.* policy merge`),
  engine('auto delete', (t) => `${staging(t)}.* policy auto_delete`),
  engine('probe', (t) => `move extents all .*${staging(t)}`),
  { name: 'hand over', target: 'dm', match: (t) => `POST .*queued.*${staging(t)}` },
  { name: 'status', target: 'dm', match: (t) => `GET .*queued.*${staging(t)}` },
  engine('verify', (t) => `show table \\['${staging(t)}\\w*'\\] extents \\| project`),
  engine('mark', (t) => `alter table \\['${staging(t)}.* extent tags`),
  engine('commit', (t) => `move async .*${staging(t)}`),
  engine('look', (t) => `show table \\['${t}'\\] extents where tags has`),
  engine('drop', (t) => `drop table \\['${staging(t)}`),
  engine('untag', (t) => `drop async table \\['${t}'\\]`),
];

/** `before`: the call never does its work; `after`: its work is done while the caller is already dead. */
const sides = ['before', 'after'] as const;

interface Cell {
  readonly name: string;
  readonly table: string;
  readonly moment: Moment;
  readonly side: (typeof sides)[number];
}

function cellsOf(): Cell[] {
  return moments.flatMap((moment, at) =>
    sides.map((side) => ({
      name: `${side} ${moment.name}`,
      table: `Kill${String.fromCharCode(65 + at)}${side}`,
      moment,
      side,
    })),
  );
}

export interface KillReport {
  readonly cells: number;
  readonly unreached: readonly string[];
  readonly kills: { readonly workers: number; readonly hosts: number };
  /** What is not as promised, in words. */
  readonly problems: readonly string[];
}

/**
 * Kills the worker, and now and then the whole host, at the moment of every call of a load, before and after its
 * effect, and looks at what becomes of each load.
 */
export async function runHostKills(tell: (line: string) => void = () => undefined): Promise<KillReport> {
  const stack = await startLoadStack({ durable: quickly });
  const problems: string[] = [];
  const unreached: string[] = [];
  const kills = { workers: 0, hosts: 0 };
  try {
    const cells = cellsOf();
    for (let at = 0; at < cells.length; at += WAVE) {
      const wave = cells.slice(at, at + WAVE);
      const faults = new Map<string, Cell>();
      const ids = new Map<string, Cell>();
      for (const cell of wave) {
        faults.set(await armed(stack, cell), cell);
        ids.set(await begin(stack, cell), cell);
      }
      await killAtHits(stack, { faults, ids, kills, tell });
      unreached.push(...[...faults.values()].map(({ name }) => name));
      await removeFaults(stack);
      for (const [id, cell] of ids) problems.push(...(await judge(stack, id, cell)));
    }
    const left = await until(
      () => leftovers(stack),
      (found) => found.length === 0,
      60_000,
    ).catch(() => leftovers(stack));
    problems.push(...left.map((name) => `left behind: ${name}`));
    return { cells: cells.length, unreached, kills, problems };
  } finally {
    await stack.stop();
  }
}

/** A lost host's messages and leases come back soon. */
const quickly = {
  storageProvider: {
    controlQueueVisibilityTimeout: '00:00:02',
    workItemQueueVisibilityTimeout: '00:00:02',
    maxQueuePollingInterval: '00:00:00.2',
  },
};

function armed(stack: Stack, { moment, table, side }: Cell): Promise<string> {
  const action = side === 'before' ? { action: 'hang' } : { action: 'slow', delayMs: 500 };
  return addFault(stack, { target: moment.target, match: `/${moment.match(table)}/s`, times: 1, ...action });
}

async function begin(stack: Stack, { table }: Cell): Promise<string> {
  await makeTable(stack, table);
  const urls = await putBlobs(stack, {
    [`${table}/a.csv`]: csvRows(0, ROWS / 2),
    [`${table}/b.csv`]: csvRows(ROWS / 2, ROWS / 2),
  });
  const { status, json } = await load(stack, { table, sources: urls.map((url) => ({ url })) });
  if (status !== 202) throw new Error(`${table}: ${status} ${JSON.stringify(json)}`);
  return json.id;
}

interface Wave {
  /** Faults that have not struck yet; those that do are taken out. */
  readonly faults: Map<string, Cell>;
  readonly ids: ReadonlyMap<string, Cell>;
  readonly kills: { workers: number; hosts: number };
  readonly tell: (line: string) => void;
}

/** Until every load of the wave is over. */
async function killAtHits(stack: Stack, wave: Wave): Promise<void> {
  const deadline = Date.now() + LOAD_MS;
  for (;;) {
    for (const { id, hits } of await listFaults(stack)) {
      const cell = wave.faults.get(id);
      if (cell === undefined || hits === 0) continue;
      wave.faults.delete(id);
      await kill(stack, wave.kills);
      wave.tell(`killed ${cell.name}`);
    }
    const views = await Promise.all([...wave.ids.keys()].map((id) => viewOf(stack, id)));
    // What is cleaned after the commit has its moments too.
    const isOver = views.every((view) => view !== undefined && view.state !== 'running');
    if (isOver && wave.faults.size === 0) return;
    if (views.some((view) => view?.step === 'wait')) await passBatchingTime(stack);
    if (Date.now() > deadline) return;
    await new Promise((next) => setTimeout(next, 20));
  }
}

const viewOf = (stack: Stack, id: string): Promise<View | undefined> =>
  api(stack, `GET /loads/${id}`).then(
    ({ status, json }) => (status === 200 ? json : undefined),
    () => undefined,
  );

/** The worker, as Azure recycles it; each fifth time the host with it, and a new one takes over. */
async function kill(stack: Stack, kills: { workers: number; hosts: number }): Promise<void> {
  const host = stack.hosts.at(-1);
  if (host === undefined) throw new Error('no host runs');
  if ((kills.workers + kills.hosts) % 5 === 4) {
    kills.hosts++;
    process.kill(host.child.pid, 'SIGKILL');
    await host.child.exited;
    await stack.startHost();
    return;
  }
  kills.workers++;
  const status = (await (await fetch(`${host.ready.admin}/host/status`)).json()) as {
    workers: { pid: number }[];
  };
  for (const { pid } of status.workers) if (pid > 0) process.kill(pid, 'SIGKILL');
}

/** Committed, and every row once: nothing here gives a load a reason to fail. */
async function judge(stack: Stack, id: string, { name, table }: Cell): Promise<string[]> {
  const view = await viewOf(stack, id);
  const numbers = await numbersIn(stack, table);
  const isWhole = numbers.length === ROWS && numbers.every((n, at) => n === at);
  const problems: string[] = [];
  if (view?.state !== 'committed')
    problems.push(`${name}: ${view?.state} at ${view?.step} ${JSON.stringify(view?.error ?? '')}`);
  if (view?.state === 'committed' && !isWhole)
    problems.push(`${name}: committed with ${numbers.length} rows of ${ROWS}`);
  if (view?.state !== 'committed' && numbers.length > 0)
    problems.push(`${name}: ${numbers.length} rows of a load that is not committed`);
  return problems;
}
