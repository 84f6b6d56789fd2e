import { suiteOptions } from '../helpers/args.js';
import { type Stack, until } from '../helpers/stack.js';
import { avroCases } from './avro-cases.js';
import type { EventCase, Expectation, HttpCase, Outcome } from './case.js';
import { httpCases } from './http-cases.js';
import { eventOutcome, httpOutcome, keyFor, mismatch, readExpectations } from './judge.js';
import { type Observation, observe, operationOf } from './observe.js';
import { ownEventCases } from './own-events.js';
import { startApp } from './pipeline.js';
import { sendEvents } from './send-events.js';
import { type HttpAnswer, sendHttp } from './send-http.js';
import { suiteCases } from './suites.js';
import { eventInvocations, eventsTaken, peakRssBytes, workerPid } from './watch.js';

/**
 * `npm run test:corpus`: bad, odd and hostile inputs, each through the whole local stack, each ending as its
 * expectation says. Exit 1 on a mismatch or when there was too little to test.
 */
const leastCases = 1700;
const mostMs = 2000;
const mostRssBytes = 400 * 1024 * 1024;
/** Longest wait for every case to have come to its end. */
const settleTimeoutMs = 90_000;

interface Verdicts {
  readonly outcomes: Map<string, Outcome>;
  readonly failures: string[];
}

const options = suiteOptions('test:corpus', { only: 'cases whose id contains this text (all)' });
const say = (line: string): void => {
  (options.json ? console.error : console.log)(line);
};
const wanted = ({ id }: { readonly id: string }): boolean => id.includes(options.values.only ?? '');
const events: EventCase[] = [...suiteCases(), ...ownEventCases(), ...avroCases()].filter(wanted);
const bodies: HttpCase[] = httpCases().filter(wanted);

async function advanceClock(stack: Stack): Promise<void> {
  const rule = { target: 'clock', action: 'advance', delayMs: 15_000, times: 1 };
  await fetch(new URL('/faults', stack.kusto.ready.admin), { method: 'POST', body: JSON.stringify(rule) });
}

function unfinished(seen: Observation, answers: ReadonlyMap<string, HttpAnswer>): number {
  const cases = new Set(seen.letters.map(({ properties }) => properties.case));
  const partitions = new Set(seen.letters.map(operationOf));
  const event = events.filter(({ id }) => !seen.rows.has(id) && !cases.has(id)).length;
  const body = bodies.filter(({ id }) => {
    const operation = answers.get(id)?.operationId;
    return operation !== undefined && !seen.rows.has(id) && !partitions.has(operation);
  }).length;
  return event + body + seen.openShipments;
}

/** Looks until every case has ended; what was seen last. */
async function settled(stack: Stack, answers: ReadonlyMap<string, HttpAnswer>): Promise<Observation> {
  const deadline = Date.now() + settleTimeoutMs;
  for (;;) {
    await advanceClock(stack);
    const seen = await observe(stack, events);
    const left = unfinished(seen, answers);
    if (left === 0 || Date.now() > deadline) {
      return seen;
    }
    say(`  ${left} cases or shipments to go`);
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
}

async function sendBodies(stack: Stack): Promise<Map<string, HttpAnswer>> {
  const answers = new Map<string, HttpAnswer>();
  const base = stack.hosts[0]?.ready.url as string;
  const pid = await workerPid(stack);
  for (const one of bodies) {
    const before = peakRssBytes(pid);
    const answer = await sendHttp(base, one);
    answers.set(one.id, answer);
    const grown = peakRssBytes(pid) - before;
    if (answer.elapsedMs > mostMs / 2 || grown > 32 * 1024 * 1024) {
      say(
        `  ${one.id}: ${Math.round(answer.elapsedMs)} ms, peak memory + ${Math.round(grown / 1024 / 1024)} MiB`,
      );
    }
  }
  return answers;
}

function judgeAll(seen: Observation, answers: ReadonlyMap<string, HttpAnswer>): Verdicts {
  const expectations = readExpectations();
  const used = new Set<string>();
  const verdicts: Verdicts = { outcomes: new Map(), failures: [] };
  const judgeOne = (id: string, outcome: Outcome): void => {
    verdicts.outcomes.set(id, outcome);
    const key = keyFor(expectations, id);
    const expected = key === undefined ? undefined : (expectations.get(key) as Expectation);
    used.add(key ?? '');
    const why =
      expected === undefined
        ? `no expectation; ${JSON.stringify(outcome).slice(0, 300)}`
        : mismatch(outcome, expected);
    if (why !== undefined) {
      verdicts.failures.push(`${id}: ${why}`);
    }
  };
  for (const one of events) {
    judgeOne(one.id, eventOutcome(one, seen));
  }
  for (const one of bodies) {
    judgeOne(one.id, httpOutcome(one, answers.get(one.id) as HttpAnswer, seen));
  }
  for (const key of expectations.keys()) {
    if (!used.has(key) && options.values.only === undefined) {
      verdicts.failures.push(`${key}: an expectation without a case`);
    }
  }
  return verdicts;
}

interface Time {
  readonly id: string;
  readonly elapsedMs: number;
}

/** Sends everything and waits for its end. */
async function runAll(
  stack: Stack,
  pid: number,
): Promise<{ seen: Observation; answers: Map<string, HttpAnswer> }> {
  const startedAt = Date.now();
  const note = (what: string): void => {
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    say(`${what} after ${seconds} s, peak memory ${Math.round(peakRssBytes(pid) / 1024 / 1024)} MiB`);
  };
  say(`${events.length} events, ${bodies.length} bodies`);
  await sendEvents(stack, events);
  await until(
    async () => eventsTaken(stack),
    ({ events: taken, running }) => taken >= events.length && running === 0,
  );
  note('events taken');
  await settled(stack, new Map());
  note('events settled');
  const answers = await sendBodies(stack);
  note('bodies answered');
  return { seen: await settled(stack, answers), answers };
}

/** What holds for the whole run, beside what holds for each case. */
async function breaches(stack: Stack, pid: number, times: readonly Time[]): Promise<string[]> {
  const found = times
    .filter(({ elapsedMs }) => elapsedMs > mostMs)
    .map(({ id, elapsedMs }) => `${id}: took ${Math.round(elapsedMs)} ms`);
  const rss = peakRssBytes(pid);
  if (rss === 0 || (await workerPid(stack)) !== pid) {
    found.push('the worker process died');
  }
  if (rss >= mostRssBytes) {
    found.push(`the worker process took ${rss} bytes of memory`);
  }
  if (events.length + bodies.length < leastCases && options.values.only === undefined) {
    found.push(`vacuous: only ${events.length + bodies.length} cases`);
  }
  return found;
}

function report(outcomes: ReadonlyMap<string, Outcome>, failures: readonly string[], rest: object): void {
  const expectations = readExpectations();
  const all = [...outcomes];
  const figures = {
    cases: outcomes.size,
    rows: all.reduce((sum, [, { rows }]) => sum + rows, 0),
    deadLetters: all.reduce((sum, [, { letters }]) => sum + letters.length, 0),
    refused: all.filter(([, { refused }]) => refused !== undefined).length,
    either: all.filter(([id]) => expectations.get(keyFor(expectations, id) ?? '') === 'either').length,
  };
  for (const failure of failures) {
    say(`FAILED ${failure}`);
  }
  say(JSON.stringify({ ...figures, ...rest, failures: failures.length }));
  if (options.json) {
    console.log(JSON.stringify({ ...figures, failures, ...rest }));
  }
  process.exitCode = failures.length > 0 || outcomes.size === 0 ? 1 : 0;
}

const startedAt = Date.now();
const stack = await startApp(events);
try {
  const pid = await workerPid(stack);
  const { seen, answers } = await runAll(stack, pid);
  const { outcomes, failures } = judgeAll(seen, answers);
  const times: Time[] = [
    ...eventInvocations(stack).map(({ name, elapsedMs }) => ({ id: name, elapsedMs })),
    ...[...answers].map(([id, { elapsedMs }]) => ({ id, elapsedMs })),
  ];
  failures.push(...(await breaches(stack, pid, times)));
  report(outcomes, failures, {
    slowestMs: Math.round(Math.max(...times.map(({ elapsedMs }) => elapsedMs))),
    peakRssBytes: peakRssBytes(pid),
    elapsedMs: Date.now() - startedAt,
  });
} finally {
  await stack.stop();
}
