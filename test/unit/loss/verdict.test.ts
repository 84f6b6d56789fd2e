import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kill } from '../../loss/kills.js';
import { brokenPromises, type Ending } from '../../loss/verdict.js';

const verdict = {
  ...{ stored: 98, deadLettered: 2 },
  ...{ lost: [], duplicated: [], both: [], corrupted: [], foreign: [], poisonMistreated: [] },
};
const kill = (what: Kill['what'], during: Kill['during']): Kill => ({
  ...{ what, during, cause: 'kill', before: new Map(), after: new Map() },
});
const kills = [
  ...Array.from({ length: 6 }, () => kill('worker', 'upload')),
  ...Array.from({ length: 4 }, () => kill('host', undefined)),
];

function chaos(change: Partial<Ending> = {}): string[] {
  return brokenPromises({
    scenario: 'chaos',
    ...{ wantedEvents: 100, accepted: 100, poison: 2, verdict, kills, hits: { a: 20, b: 33 } },
    explanation: { byCause: {}, unexplained: [], possible: 0 },
    ...{ handOvers: [], owners: [] },
    ...change,
  });
}

const calm: Partial<Ending> = { kills: [], hits: {}, poison: 0, verdict: { ...verdict, deadLettered: 0 } };
const clean = (change: Partial<Ending> = {}): string[] => chaos({ scenario: 'clean', ...calm, ...change });
const twoHosts = (change: Partial<Ending> = {}): string[] =>
  chaos({
    scenario: 'two-hosts',
    ...{ ...calm, owners: [2, 1, 2], handOvers: [{ partition: 0, before: 0, after: 1 }] },
    ...change,
  });

test('kept promises of runs that tried them leave nothing to say', () => {
  assert.deepEqual([chaos(), clean(), twoHosts()], [[], [], []]);
});

for (const finding of ['lost', 'both', 'corrupted', 'foreign', 'poisonMistreated'] as const) {
  test(`a run breaks by what is ${finding}`, () => {
    assert.match(chaos({ verdict: { ...verdict, [finding]: ['3/14'] } }).join(), /3\/14/);
  });
}

test('an explained repeat passes under kills, an unexplained one never, and none without kill or fault', () => {
  const repeated = { ...verdict, duplicated: ['1/2'] };
  assert.deepEqual(chaos({ verdict: repeated }), []);
  const explanation = { byCause: {}, unexplained: ['1/2'], possible: 0 };
  assert.match(chaos({ verdict: repeated, explanation }).join(), /without a cause: 1 \(1\/2\)/);
  const calmly = { ...repeated, deadLettered: 0 };
  assert.match(clean({ verdict: calmly }).join(), /without kill or fault/);
  assert.deepEqual(twoHosts({ verdict: calmly }), []);
});

test('what is wrong is named by its runs of numbers', () => {
  const lost = ['0/7', '1/3', '0/6', '0/5', '1/5'];
  assert.match(chaos({ verdict: { ...verdict, lost } }).join(), /lost 5 \(0\/5-7 1\/3 1\/5\)/);
});

test('a run that tried too little is vacuous', () => {
  assert.match(chaos({ accepted: 99 }).join(), /vacuous: 99 events/);
  assert.match(chaos({ kills: kills.slice(1) }).join(), /vacuous: 9 kills/);
  assert.match(
    chaos({ kills: Array.from({ length: 12 }, () => kill('worker', 'submit')) }).join(),
    /only worker kills/,
  );
  assert.match(chaos({ kills: kills.map(({ what }) => kill(what, undefined)) }).join(), /0 kills during/);
  assert.match(chaos({ hits: { a: 20, b: 19 } }).join(), /fault b fired 19 times/);
  assert.match(chaos({ hits: {} }).join(), /no faults/);
  assert.match(chaos({ poison: 0 }).join(), /no record was to be refused/);
  assert.match(twoHosts({ owners: [2, 2, 2] }).join(), /2, 2, 2 hosts/);
  assert.match(twoHosts({ handOvers: [] }).join(), /no partition went/);
  assert.match(clean({ hits: { a: 1 } }).join(), /was disturbed/);
});

test('each poison record has its dead letter, and nothing else has one', () => {
  assert.match(chaos({ verdict: { ...verdict, deadLettered: 3 } }).join(), /3 dead letters for 2 poison/);
  assert.match(clean({ verdict }).join(), /2 dead letters although nothing was refused/);
});
