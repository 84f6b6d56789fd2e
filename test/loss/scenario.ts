import { randomUUID } from 'node:crypto';
import { kustoCommand, type Stack, startStack, until } from '../helpers/stack.js';
import { explain, interruptionWindows, loggedWindows, type Window } from './explain.js';
import { type FaultClient, faultClient, type Hits, rules } from './faults.js';
import { createKiller, type Kill, type KillPlan } from './kills.js';
import { observe, openShipments } from './observe.js';
import { judge } from './oracle.js';
import * as app from './pipeline.js';
import {
  createPositionReader,
  type HandOver,
  type PartitionState,
  totalOf,
  watchOwners,
} from './positions.js';
import { produce, type Sent } from './records.js';
import { brokenPromises, type Scenario, wantedKills } from './verdict.js';

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
  readonly duplicatedByCause: Readonly<Record<string, number>>;
  readonly kills: number;
  readonly killsDuringFlush: number;
  readonly handOvers: number;
  readonly faultsFired: Hits;
  readonly elapsedMs: number;
  readonly broken: readonly string[];
}

/** Longest wait for the next part of the events, and for all work to end. */
const progressTimeoutMs = 120_000;
/** Of each host's log, when a scenario cannot be brought to its end. */
const shownLines = 30;
const drainTimeoutMs = 240_000;
/** Pace at which the local Kusto's clock is moved ahead, and by how much: above its batching time. */
const tickMs = 1_000;
const aheadMs = 11_000;

interface Run {
  readonly options: ScenarioOptions;
  readonly stack: Stack;
  readonly faults: FaultClient;
  readonly read: () => Promise<PartitionState>;
  /** Lines of hosts that are gone. */
  readonly logs: string[][];
}

interface Disturbance {
  readonly kills: readonly Kill[];
  readonly handOvers: readonly HandOver[];
  readonly owners: readonly number[];
}

export async function runScenario(options: ScenarioOptions): Promise<ScenarioResult> {
  const startedMs = Date.now();
  const run = randomUUID().slice(0, 8);
  const stack = await start(options);
  try {
    const { scenario } = options;
    const connectionString = stack.hubs?.ready.connectionString as string;
    const withPoison = scenario === 'chaos';
    const sent = await produce({ ...options, connectionString, hub: app.hub, run, withPoison });
    options.say(`  ${sent.accepted.size} events accepted`);
    const faults = faultClient(stack.kusto);
    await faults.set(scenario === 'chaos' ? rules(options.seed) : {});
    const read = createPositionReader(stack.azurite.connectionString);
    const parts: Run = { options, stack, faults, read, logs: [] };
    const disturbance = await disturb(parts);
    await drain(parts, sent);
    const verdict = judge(await observe(stack, run, sent));
    const causes = windowsOf(parts, disturbance);
    const explanation = explain(verdict.duplicated, causes, sent.accepted);
    const hits = await faults.hits();
    const facts = { scenario, accepted: sent.accepted.size, ...disturbance, hits };
    const ending = { ...facts, wantedEvents: options.events, poison: sent.poison.size, verdict, explanation };
    return {
      scenario,
      accepted: sent.accepted.size,
      stored: verdict.stored,
      deadLettered: verdict.deadLettered,
      lost: verdict.lost.length,
      duplicated: verdict.duplicated.length,
      possibleDuplicates: explanation.possible,
      duplicatedByCause: explanation.byCause,
      kills: disturbance.kills.length,
      killsDuringFlush: disturbance.kills.filter(({ during }) => during !== undefined).length,
      handOvers: disturbance.handOvers.length,
      faultsFired: hits,
      elapsedMs: Date.now() - startedMs,
      broken: brokenPromises(ending),
    };
  } catch (error) {
    const lines = stack.hosts.flatMap((host) => host.log.slice(-shownLines));
    options.say(`  last lines of the hosts:\n${lines.join('\n')}`);
    throw error;
  } finally {
    await stack.stop();
  }
}

async function start(options: ScenarioOptions): Promise<Stack> {
  const stack = await startStack({
    pipeline: app.pipeline,
    files: { 'host.json': app.hostJson },
    hubs: `${app.hub}:${options.partitions}`,
    kustoArgs: ['--databases', app.database],
    hosts: 0,
  });
  // The app's storage is reached through the proxy that applies storage faults.
  const { blob, queue, table } = stack.kusto.ready;
  const account = /AccountName=[^;]+;AccountKey=[^;]+/.exec(stack.azurite.connectionString)?.[0];
  stack.settings['STAGING'] =
    `DefaultEndpointsProtocol=http;${account};BlobEndpoint=${blob};QueueEndpoint=${queue};TableEndpoint=${table};`;
  await kustoCommand(stack, app.database, app.createTable);
  await kustoCommand(stack, app.database, app.batchingPolicy);
  return stack;
}

async function startHosts({ stack, logs }: Run, count: number): Promise<void> {
  const starting = Array.from({ length: count }, () => stack.startHost());
  logs.push(...(await Promise.all(starting)).map((host) => host.log));
}

/** Waits until this share of the events is past its checkpoint; moves the clock of the local Kusto meanwhile. */
async function progress(run: Run, share: number): Promise<void> {
  const { options, faults, read } = run;
  const wanted = options.events * share;
  await every(tickMs, progressTimeoutMs, async () => {
    await faults.advance(aheadMs);
    const done = totalOf((await read()).next);
    return { done: done >= wanted, told: `${done} of ${options.events} events past their checkpoint` };
  });
}

/** Kills of all kinds, spread over the events: every fourth of the host, most while a flush is held. */
function planOf(index: number, random: () => number): KillPlan {
  const during = index % 6 === 5 ? undefined : random() < 0.5 ? ('upload' as const) : ('submit' as const);
  return { what: index % 4 === 3 ? 'host' : 'worker', during };
}

async function disturb(run: Run): Promise<Disturbance> {
  const { scenario } = run.options;
  if (scenario === 'two-hosts') {
    return stopAndStart(run);
  }
  await startHosts(run, 1);
  return { kills: scenario === 'chaos' ? await killAll(run) : [], handOvers: [], owners: [] };
}

async function killAll(run: Run): Promise<Kill[]> {
  const { options, stack, logs } = run;
  const killer = createKiller(run);
  const kills: Kill[] = [];
  while (kills.length < wantedKills) {
    await progress(run, (kills.length + 0.5) / (wantedKills + 1));
    const kill = await killer.kill(planOf(kills.length, options.random));
    kills.push(kill);
    logs.push(...stack.hosts.map((host) => host.log).filter((log) => !logs.includes(log)));
    const during = kill.during === undefined ? '' : ` during a flush (${kill.during})`;
    options.say(`  kill ${kills.length}: ${kill.what}${during} at ${totalOf(kill.before)} events`);
  }
  return kills;
}

/** Two hosts share the partitions; one is stopped, and later started again. */
async function stopAndStart(run: Run): Promise<Disturbance> {
  const { stack, options } = run;
  const watch = watchOwners(run.read);
  const owners: number[] = [];
  const owned = async (wanted: number): Promise<void> => {
    await until(
      async () => watch.owners(),
      (count) => count === wanted,
      progressTimeoutMs,
    ).catch(() => undefined);
    owners.push(watch.owners());
    options.say(`  ${watch.owners()} hosts own partitions`);
  };
  await startHosts(run, 2);
  await owned(2);
  await progress(run, 0.2);
  await stack.hosts[1]?.child.stop();
  stack.hosts.splice(1, 1);
  await owned(1);
  await progress(run, 0.4);
  await startHosts(run, 1);
  await owned(2);
  await progress(run, 1);
  const handOvers = await watch.stop();
  for (const { partition, before, after } of handOvers) {
    options.say(`  partition ${partition} went to another host between ${before} and ${after}`);
  }
  return { kills: [], handOvers, owners };
}

/** Lets all work end: every event past its checkpoint, every shipment settled. */
async function drain(run: Run, sent: Sent): Promise<void> {
  const { stack, options, faults } = run;
  await progress(run, sent.accepted.size / Math.max(1, options.events));
  let shownMs = 0;
  await every(tickMs, drainTimeoutMs, async () => {
    await faults.advance(aheadMs);
    const open = await openShipments(stack);
    const told = `open shipments ${JSON.stringify(open)}`;
    if (Date.now() - shownMs > 10_000) {
      shownMs = Date.now();
      options.say(`  ${told}`);
    }
    return { done: Object.keys(open).length === 0, told };
  });
}

async function every(
  paceMs: number,
  timeoutMs: number,
  ask: () => Promise<{ readonly done: boolean; readonly told: string }>,
): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  for (;;) {
    const { done, told } = await ask();
    if (done) {
      return;
    }
    if (Date.now() > endMs) {
      throw new Error(`not reached in ${timeoutMs} ms: ${told}`);
    }
    await new Promise((resolve) => setTimeout(resolve, paceMs));
  }
}

function windowsOf(run: Run, { kills, handOvers }: Disturbance): Window[] {
  const { partitions } = run.options;
  return [
    ...kills.flatMap((kill) => interruptionWindows(kill, partitions, app.batchSize)),
    ...handOvers.map(({ partition, before, after }) => {
      // The former owner goes on with the batch in its hands and with what it has fetched.
      const last = Math.max(before, after) + app.prefetchCount + app.batchSize - 1;
      return { cause: 'handOver', partition, first: before, last };
    }),
    ...loggedWindows(run.logs.flat()),
  ];
}
