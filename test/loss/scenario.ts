import { randomUUID } from 'node:crypto';
import { kustoCommand, type Stack, startStack, until } from '../helpers/stack.js';
import { faultClient, type Hits, leastHits, rules } from './faults.js';
import { hostStatus, type Kill, killWorker, readCheckpoints, replaceHost } from './kills.js';
import { distinctRows, observe, openShipments, readLetters } from './observe.js';
import { judge, type Verdict } from './oracle.js';
import { batchingPolicy, createTable, pipeline } from './pipeline.js';
import { produce, type Sent } from './records.js';

export type Scenario = 'chaos' | 'clean' | 'two-hosts';

export interface ScenarioOptions {
  readonly scenario: Scenario;
  readonly events: number;
  readonly partitions: number;
  readonly seed: number;
  readonly random: () => number;
  readonly say: (line: string) => void;
}

export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly accepted: number;
  readonly stored: number;
  readonly deadLettered: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly possibleDuplicates: number;
  readonly kills: number;
  readonly killsDuringFlush: number;
  readonly faultsFired: Hits;
  readonly elapsedMs: number;
  readonly broken: readonly string[];
}

/** Kills of the chaos run, and how many of them must fall into a flush. */
const wantedKills = 12;
const leastKillsDuringFlush = 5;
/** Longest wait for all work to end once the last fault is over. */
const drainTimeoutMs = 6 * 60_000;
/** Events per invocation: small, so that there are enough calls for every fault. */
const batchSize = 250;
const hub = 'events';

export async function runScenario(options: ScenarioOptions): Promise<ScenarioResult> {
  const startedAt = Date.now();
  const run = randomUUID().slice(0, 8);
  const stack = await start(options);
  try {
    await kustoCommand(stack, 'Loss', createTable);
    await kustoCommand(stack, 'Loss', batchingPolicy);
    const faults = faultClient(stack.kusto);
    const wanted = rules(options.seed);
    await faults.set(options.scenario === 'clean' ? {} : pick(wanted, options.scenario));
    for (let index = 0; index < (options.scenario === 'two-hosts' ? 2 : 1); index++) {
      await stack.startHost();
    }
    const connectionString = stack.hubs?.ready.connectionString as string;
    const sending = produce({ ...options, connectionString, hub, run });
    const disturbed = disturb(stack, faults, options);
    const [sent, kills] = await Promise.all([sending, disturbed]);
    await drain(stack, sent, faults, options);
    const verdict = judge(await observe(stack, run, sent));
    const hits = await faults.hits();
    return conclude({
      options,
      sent,
      verdict,
      kills,
      hits,
      logs: logsOf(stack),
      elapsedMs: Date.now() - startedAt,
    });
  } finally {
    await stack.stop();
  }
}

async function start(options: ScenarioOptions): Promise<Stack> {
  const stack = await startStack({
    pipeline,
    hubs: `${hub}:${options.partitions}`,
    eventHubs: { maxEventBatchSize: batchSize, prefetchCount: batchSize * 3 },
    kustoArgs: ['--databases', 'Loss'],
    hosts: 0,
  });
  // The app's storage is reached through the proxy that applies storage faults.
  const { blob, queue, table } = stack.kusto.ready;
  const account = /AccountName=[^;]+;AccountKey=[^;]+/.exec(stack.azurite.connectionString)?.[0];
  stack.settings.STAGING = `DefaultEndpointsProtocol=http;${account};BlobEndpoint=${blob};QueueEndpoint=${queue};TableEndpoint=${table};`;
  return stack;
}

function pick(wanted: ReturnType<typeof rules>, scenario: Scenario): ReturnType<typeof rules> {
  return scenario === 'chaos' ? wanted : { slowUpload: wanted.slowUpload as (typeof wanted)[string] };
}

type FaultClient = ReturnType<typeof faultClient>;

/** Kills while the events flow: half of them just after an upload was held up, hence in a flush. */
async function disturb(stack: Stack, faults: FaultClient, options: ScenarioOptions): Promise<Kill[]> {
  const kills: Kill[] = [];
  if (options.scenario === 'clean') {
    return kills;
  }
  if (options.scenario === 'two-hosts') {
    await until(
      () => distinctRowsOrZero(stack),
      (rows) => rows > 0,
      drainTimeoutMs,
    );
    kills.push(await note(stack, 'stop', false));
    await stack.hosts[1]?.child.stop();
    stack.hosts.splice(1, 1);
    await stack.startHost();
    return kills;
  }
  while (kills.length < wantedKills) {
    const duringFlush = await flushBegins(stack, faults);
    const what = options.random() < 0.7 ? 'worker' : 'host';
    kills.push(await note(stack, what, duringFlush));
    await (what === 'worker' ? killWorker(stack) : replaceHost(stack));
    options.say(`  kill ${kills.length}: ${what}${duringFlush ? ' during a flush' : ''}`);
    await until(
      () => hostStatus(stack),
      (status) => status.state === 'Running',
      60_000,
    );
  }
  return kills;
}

async function distinctRowsOrZero(stack: Stack): Promise<number> {
  return distinctRows(stack).catch(() => 0);
}

async function note(stack: Stack, what: Kill['what'], duringFlush: boolean): Promise<Kill> {
  const nextByPartition = await readCheckpoints(stack.azurite.connectionString);
  return { what, duringFlush, nextByPartition };
}

/** Waits until an upload was held up just now; false when no flush began in time. */
async function flushBegins(_stack: Stack, faults: FaultClient): Promise<boolean> {
  const before = (await faults.hits()).slowUpload ?? 0;
  try {
    await until(
      () => faults.hits(),
      (hits) => (hits.slowUpload ?? 0) > before,
      5_000,
    );
    return true;
  } catch {
    return false;
  }
}

/** Lets all work end: every record seen, every shipment settled. */
async function drain(stack: Stack, sent: Sent, faults: FaultClient, options: ScenarioOptions): Promise<void> {
  let shownAt = 0;
  await until(
    async () => {
      await faults.advance(15_000);
      const [rows, letters, open] = await Promise.all([
        distinctRows(stack),
        readLetters(stack),
        openShipments(stack),
      ]);
      if (Date.now() - shownAt > 10_000) {
        shownAt = Date.now();
        options.say(
          `  ${rows} of ${sent.accepted.size} in the table, ${letters.length} dead letters, ${open} shipments open`,
        );
      }
      return { seen: rows + letters.length, open };
    },
    ({ seen, open }) => seen >= sent.accepted.size && open === 0,
    drainTimeoutMs,
  );
}

function logsOf(stack: Stack): string[] {
  return stack.hosts.flatMap((host) => host.log);
}

interface Ending {
  readonly options: ScenarioOptions;
  readonly sent: Sent;
  readonly verdict: Verdict;
  readonly kills: readonly Kill[];
  readonly hits: Hits;
  readonly logs: readonly string[];
  readonly elapsedMs: number;
}

/** Could a kill explain this repeat? Only what was past the checkpoint and within one batch of it was in flight. */
function inFlightAtAKill(key: string, kills: readonly Kill[]): boolean {
  const [partition, n] = key.split('/').map(Number) as [number, number];
  return kills.some((kill) => {
    const next = kill.nextByPartition.get(partition) ?? 0;
    return n >= next - batchSize && n < next + 2 * batchSize;
  });
}

function conclude(ending: Ending): ScenarioResult {
  const { options, sent, verdict, kills, hits } = ending;
  const unexplained = verdict.duplicated.filter((key) => !inFlightAtAKill(key, kills));
  const lostAnswers = hits.lostSubmit ?? 0;
  const broken: string[] = [];
  const demand = (holds: boolean, text: string): void => {
    if (!holds) {
      broken.push(text);
    }
  };
  demand(sent.accepted.size >= options.events, `vacuous: only ${sent.accepted.size} events were accepted`);
  demand(
    verdict.lost.length === 0,
    `${verdict.lost.length} lost, such as ${verdict.lost.slice(0, 5).join(' ')}`,
  );
  demand(verdict.corrupted.length === 0, `${verdict.corrupted.length} rows differ from what was sent`);
  demand(verdict.foreign.length === 0, `${verdict.foreign.length} rows nobody sent`);
  demand(verdict.both.length === 0, `${verdict.both.length} both stored and dead-lettered`);
  if (options.scenario === 'chaos') {
    demand(
      verdict.poisonMistreated.length === 0,
      `${verdict.poisonMistreated.length} poison records mistreated`,
    );
    demand(
      verdict.deadLettered === sent.poison.size,
      `${verdict.deadLettered} letters for ${sent.poison.size} poison`,
    );
    demand(lostAnswers > 0 || unexplained.length === 0, `${unexplained.length} repeats without a cause`);
    demand(kills.length >= 10, `vacuous: ${kills.length} kills`);
    const during = kills.filter((kill) => kill.duringFlush).length;
    demand(during >= leastKillsDuringFlush, `vacuous: ${during} kills during a flush`);
    for (const [name, count] of Object.entries(hits)) {
      demand(name === 'slowUpload' || count >= leastHits, `vacuous: fault ${name} fired ${count} times`);
    }
  } else {
    const allowed = options.scenario === 'clean' ? [] : verdict.duplicated;
    demand(
      verdict.duplicated.length === allowed.length,
      `${verdict.duplicated.length} duplicated without a fault`,
    );
    demand(
      options.scenario !== 'two-hosts' || unexplained.length === 0,
      `${unexplained.length} repeats without a cause`,
    );
  }
  return {
    scenario: options.scenario,
    accepted: sent.accepted.size,
    stored: verdict.stored,
    deadLettered: verdict.deadLettered,
    lost: verdict.lost.length,
    duplicated: verdict.duplicated.length,
    possibleDuplicates: unexplained.length,
    kills: kills.length,
    killsDuringFlush: kills.filter((kill) => kill.duringFlush).length,
    faultsFired: hits,
    elapsedMs: ending.elapsedMs,
    broken,
  };
}
