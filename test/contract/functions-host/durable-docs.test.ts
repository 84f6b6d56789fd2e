import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type RecordedHistory, recordHistory } from '../../helpers/history-replay.js';
import { eventually, type RunningHost } from './app-host.js';
import { DOCS_APP, DOCS_WORK } from './durable-docs-app.js';
import {
  type DurableWorld,
  durableWorld,
  manage,
  QUICK,
  type Status,
  start,
  statusOf,
  untilStatus,
} from './durable-world.js';
import { lines } from './recorder.js';

interface Line {
  begun?: string;
  ended?: string;
  refused?: string;
  run?: string;
}

/** Every pattern: the orchestrator, its input, and the work whose results must be in the output, each once. */
const PATTERNS: Readonly<Record<string, { orchestrator: string; input: unknown; work: string[] }>> = {
  chaining: {
    orchestrator: 'helloSequence',
    input: null,
    work: ['sayHello Tokyo', 'sayHello Seattle', 'sayHello Cairo'],
  },
  fan: {
    orchestrator: 'backupSiteContent',
    input: '/site',
    work: ['list /site', ...['a', 'b', 'c', 'd', 'e', 'f'].map((file) => `copy ${file}`)],
  },
  monitor: {
    orchestrator: 'monitorJob',
    input: { jobId: 'j', pollingInterval: 3, expirySeconds: 600 },
    work: ['look 0', 'look 1', 'look 2', 'alert j'],
  },
  approved: {
    orchestrator: 'approvalWorkflow',
    input: { name: 'quick', seconds: 600 },
    work: ['request quick', 'process quick'],
  },
  escalated: {
    orchestrator: 'approvalWorkflow',
    input: { name: 'slow', seconds: 15 },
    work: ['request slow', 'escalate slow'],
  },
  verification: { orchestrator: 'smsPhoneVerification', input: '555', work: ['sms 555'] },
  retried: {
    orchestrator: 'provisionNewDevices',
    input: null,
    work: ['ids', 'session left', 'install left', 'session right', 'install right'],
  },
  eternal: {
    orchestrator: 'periodicCleanup',
    input: null,
    work: ['clean 0', 'clean 1', 'clean 2'],
  },
  entity: { orchestrator: 'countMeters', input: null, work: ['meter 0', 'meter 1', 'meter 2'] },
  http: { orchestrator: 'longJob', input: { steps: 3 }, work: ['step 0', 'step 1', 'step 2'] },
};

/** The hub of the documented app, with what a test looks at and decides. */
class Stage {
  readonly world: DurableWorld;
  /** Lines written before the last kill. */
  before = 0;

  constructor(world: DurableWorld) {
    this.world = world;
  }

  open(...gates: string[]): void {
    appendFileSync(join(this.world.folder, 'gates.txt'), `${gates.join('\n')}\n`);
  }

  lines(): Line[] {
    return lines<Line>(this.world.folder);
  }

  count(kind: 'begun' | 'ended' | 'refused', name: string): number {
    return this.lines().filter((line) => line[kind] === name).length;
  }

  async kill(host: RunningHost): Promise<void> {
    await host.kill();
    this.before = this.lines().length;
  }

  /** Waits until a living host is at work on each of these. */
  untilBegun(...names: string[]): Promise<boolean> {
    return eventually(`work on ${names.join(', ')}`, () => {
      const now = this.lines().slice(this.before);
      const has = (name: string) => now.some(({ begun }) => begun === name);
      return names.every((name) => has(name) && this.count('ended', name) === 0);
    });
  }

  /** Starts all patterns; the address of the one that is started by HTTP is in the answer. */
  async start(host: RunningHost): Promise<{ ids: Record<string, string>; statusUrl: string }> {
    const ids: Record<string, string> = {};
    for (const [pattern, { orchestrator, input }] of Object.entries(PATTERNS)) {
      if (pattern !== 'http') ids[pattern] = await start(host, orchestrator, { id: pattern, input });
    }
    const response = await fetch(`${host.url}/api/orchestrators/longJob`, {
      method: 'POST',
      body: JSON.stringify(PATTERNS['http']?.input),
    });
    assert.equal(response.status, 202);
    const links = (await response.json()) as { id: string; statusQueryGetUri: string };
    return { ids: { ...ids, http: links.id }, statusUrl: links.statusQueryGetUri };
  }
}

/** Kinds of tasks an instance waits for. */
async function openTasks(host: RunningHost, id: string): Promise<number[]> {
  const { history } = await recordHistory(host.url, id);
  const done = new Set(history.map(({ TaskScheduledId, TimerId }) => TaskScheduledId ?? TimerId));
  return history
    .filter(({ EventType, EventId }) => [4, 7, 10].includes(EventType) && !done.has(EventId))
    .map(({ EventType }) => EventType);
}

/** Waits until these instances wait for a timer. */
function untilTimers(host: RunningHost, ...ids: string[]): Promise<boolean> {
  return eventually(`timers of ${ids.join(', ')}`, async () => {
    const open = await Promise.all(ids.map((id) => openTasks(host, id)));
    return open.every((types) => types.includes(10));
  });
}

async function untilCustomStatus(host: RunningHost, id: string, wanted: string): Promise<void> {
  await eventually(`${id}: ${wanted}`, async () => (await statusOf(host, id))?.customStatus === wanted);
}

/** Ids of the runs whose results are in a value. */
function runsIn(value: unknown): { name: string; run: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  const { name, run } = value as { name?: string; run?: string };
  const own = name !== undefined && run !== undefined ? [{ name, run }] : [];
  return [...own, ...Object.values(value).flatMap(runsIn)];
}

/** The output has each result once, and it is one that the history took, once for each task. */
function checkResults(pattern: string, status: Status, recorded: RecordedHistory, all: Line[]): void {
  assert.equal(status.runtimeStatus, 'Completed', JSON.stringify(status));
  const runs = runsIn(status.output);
  const names = runs.map(({ name }) => name).sort();
  assert.deepEqual(names, [...(PATTERNS[pattern]?.work ?? [])].sort(), pattern);
  for (const { name, run } of runs) {
    assert.ok(
      all.some((line) => line.ended === name && line.run === run),
      `${name} ${run}`,
    );
  }
  const completed = recorded.history.filter(({ EventType }) => EventType === 5 || EventType === 8);
  const tasks = completed.map(({ TaskScheduledId }) => TaskScheduledId);
  assert.equal(new Set(tasks).size, tasks.length, pattern);
  const taken = completed.flatMap(({ Result }) => runsIn(JSON.parse(Result ?? 'null')));
  for (const one of taken) {
    assert.ok(
      runs.some(({ run }) => run === one.run),
      `${pattern}: ${one.name} ${one.run}`,
    );
  }
}

async function checkAll(stage: Stage, host: RunningHost, ids: Record<string, string>): Promise<void> {
  const outputs: Record<string, Record<string, unknown>> = {};
  for (const [pattern, id] of Object.entries(ids)) {
    const status = await untilStatus(host, id);
    checkResults(pattern, status, await recordHistory(host.url, id), stage.lines());
    outputs[pattern] = status.output as Record<string, unknown>;
  }
  assert.equal(outputs['fan']?.['totalBytes'], 60);
  assert.deepEqual(outputs['approved']?.['event'], { by: 'me' });
  assert.ok(outputs['escalated']?.['escalated']);
  assert.equal(outputs['verification']?.['authorized'], true);
  assert.equal(outputs['entity']?.['value'], 330);
  const state = await manage(host, 'GET', 'entities/Counter/meters');
  assert.equal(await state.json(), 330);
}

const FIRST = Object.values(PATTERNS).map(({ work: [first = ''] }) => first);

/** Runs a test on a hub of its own. */
async function onStage(play: (stage: Stage) => Promise<void>): Promise<void> {
  const settings = { ...QUICK, maxConcurrentActivityFunctions: 50 };
  const world = await durableWorld(DOCS_APP, settings, { files: { 'work.js': DOCS_WORK } });
  try {
    await play(new Stage(world));
  } finally {
    await world.stop();
  }
}

/** Every host runs activities and orchestrators. */
function untilShared(hosts: readonly RunningHost[]): Promise<boolean> {
  const ran = (host: RunningHost, pattern: RegExp) => host.log.some((line) => pattern.test(line));
  return eventually('work on every host', () =>
    hosts.every(
      (host) => ran(host, /Executing .*activity of/) && ran(host, /Executing .*Reason='orchestration/),
    ),
  );
}

/** No pattern has a result yet. */
async function untilFirstWork(stage: Stage): Promise<void> {
  await stage.untilBegun(...FIRST);
  assert.equal(stage.lines().filter(({ ended }) => ended).length, 0);
}

/** Half of each pattern is done, or it waits: for a person, for the next look, for the next round. */
async function untilHalfway(stage: Stage, host: RunningHost): Promise<void> {
  const looping = ['look 0', 'clean 0'];
  stage.open(...FIRST.filter((name) => !looping.includes(name)));
  await stage.untilBegun('sayHello Seattle', 'session left', 'session right', 'meter 1', 'step 1', 'copy f');
  stage.open('copy a', 'copy b', 'copy c');
  await eventually('three copies', () =>
    ['a', 'b', 'c'].every((file) => stage.count('ended', `copy ${file}`)),
  );
  await untilCustomStatus(host, 'verification', 'attempt 0');
  stage.open(...looping);
  await untilTimers(host, 'monitor', 'eternal', 'approved', 'escalated', 'verification');
}

/** Later work is begun, and the sub-orchestrations have failed and wait to be tried again. */
async function untilRetriesWait(stage: Stage, host: RunningHost): Promise<void> {
  await manage(host, 'POST', 'instances/verification/raiseEvent/SmsChallengeResponse', 1);
  await untilCustomStatus(host, 'verification', 'attempt 1');
  stage.open('sayHello Seattle', 'copy d', 'meter 1', 'step 1');
  await stage.untilBegun('sayHello Cairo', 'look 1', 'clean 1', 'meter 2', 'step 2', 'copy e');
  stage.open('session left', 'session right');
  await eventually('refusals', () =>
    ['left', 'right'].every((device) => stage.count('refused', `install ${device}`)),
  );
  await untilTimers(host, 'retried');
}

async function killAgainAndAgain(stage: Stage): Promise<void> {
  const { world } = stage;
  const first = await world.startHost();
  const port = Number(new URL(first.url).port);
  const { ids, statusUrl } = await stage.start(first);
  await untilFirstWork(stage);
  await stage.kill(first);

  const second = await world.startHost(port);
  await untilHalfway(stage, second);
  assert.equal((await fetch(statusUrl)).status, 202);
  await stage.kill(second);
  for (const name of FIRST) assert.ok(stage.count('begun', name) >= 2, `${name} ran again`);

  const third = await world.startHost(port);
  await untilRetriesWait(stage, third);
  const sent = await manage(third, 'POST', 'instances/approved/raiseEvent/ApprovalEvent', { by: 'me' });
  assert.equal(sent.status, 202);
  await stage.kill(third);

  const fourth = await world.startHost(port);
  stage.open('look 1', 'clean 1');
  await stage.untilBegun('look 2', 'clean 2', 'process quick');
  await stage.kill(fourth);

  const last = await world.startHost(port);
  stage.open('job done', 'cleaning stops', '*');
  await manage(last, 'POST', 'instances/verification/raiseEvent/SmsChallengeResponse', 4711);
  await checkAll(stage, last, ids);
  const final = await fetch(statusUrl);
  assert.deepEqual([final.status, ((await final.json()) as Status).runtimeStatus], [200, 'Completed']);
  assert.equal(await last.stop(), 0);
}

async function killOneOfTwo(stage: Stage): Promise<void> {
  const hosts = await Promise.all([stage.world.startHost(), stage.world.startHost()]);
  const [one, two] = hosts;
  const { ids } = await stage.start(one);
  await stage.untilBegun(...FIRST);
  stage.open(...FIRST, 'copy a', 'copy b');
  await stage.untilBegun('sayHello Seattle', 'session left', 'meter 1', 'step 1', 'copy c');
  await untilShared(hosts);
  await manage(two, 'POST', 'instances/verification/raiseEvent/SmsChallengeResponse', 4711);
  await manage(one, 'POST', 'instances/approved/raiseEvent/ApprovalEvent', { by: 'me' });
  await stage.kill(one);
  stage.open('look 1', 'clean 1', 'sayHello Seattle', 'sayHello Cairo', 'session left', 'session right');
  await stage.untilBegun('look 2', 'clean 2', 'install left');
  stage.open('job done', 'cleaning stops', '*');
  await checkAll(stage, two, ids);
  assert.equal(await two.stop(), 0);
}

describe('the patterns of the documentation', () => {
  test('each ends right though its host is killed before its first result, halfway and while it waits', () =>
    onStage(killAgainAndAgain));

  test('two hosts share them, and each ends right when one is killed', () => onStage(killOneOfTwo));
});
