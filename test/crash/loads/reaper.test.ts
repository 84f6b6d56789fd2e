import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadStarter } from '../../../src/transactional/ports.js';
import { openGround } from './cell.js';
import { FaultPlan } from './faults.js';
import { type Path, paths } from './paths.js';
import { openSite, STAGING, STAGING_PREFIX } from './site.js';

const HOUR_MS = 3_700_000;
const signal = new AbortController().signal;
const starter: LoadStarter = {
  start: async () => undefined,
  wake: async () => undefined,
  state: async () => 'ended',
};

async function open() {
  const ground = await openGround();
  const path = paths[0] as Path;
  const names = { id: 'L', table: 'T', temp: 'U' };
  const site = await openSite({ path, names, clock: ground.clock, engine: ground.engineFor(path) });
  const { reaper } = site.process(new FaultPlan(), { alive: true }, starter);
  const orphan = `${STAGING_PREFIX}T_0123456789abcdef_0`;
  await site.outside(`.create table ${orphan} (n: long)`);
  return {
    ...{ site, reaper, orphan, clock: ground.clock },
    blobs: () => [...site.own.blobs.keys()].filter((key) => key.startsWith(`${STAGING}/`)),
    isThere: () => site.engine.tables().includes(orphan),
  };
}

test('a staging table of nobody is told at once, and removed when it has been one for an hour', async () => {
  const { reaper, orphan, clock, isThere, blobs } = await open();
  const [told] = await reaper.orphans();
  assert.deepEqual([told?.kind, told?.name], ['table', orphan]);
  assert.equal(told?.command, `.drop table ['${orphan}'] ifexists`);
  await reaper.reap(starter, signal);
  await reaper.reap(starter, signal);
  assert.ok(isThere());
  clock.advance(HOUR_MS);
  await reaper.reap(starter, signal);
  assert.ok(!isThere());
  assert.deepEqual([await reaper.orphans(), blobs()], [[], []]);
});

test('an orphan that somebody else removes is forgotten, and counts anew when it comes again', async () => {
  const { site, reaper, orphan, clock, isThere, blobs } = await open();
  await reaper.reap(starter, signal);
  await site.outside(`.drop table ${orphan}`);
  clock.advance(HOUR_MS);
  await reaper.reap(starter, signal);
  assert.deepEqual(blobs(), []);
  await site.outside(`.create table ${orphan} (n: long)`);
  await reaper.reap(starter, signal);
  assert.ok(isThere());
});

test('tables that only look like those of this app are left alone', async () => {
  const { site, reaper, clock } = await open();
  const others = ['kf_load_00000000_T_0123456789abcdef_0', `${STAGING_PREFIX}mine`, 'T'];
  for (const name of others.slice(0, 2)) await site.outside(`.create table ${name} (n: long)`);
  for (let round = 0; round < 3; round++) {
    clock.advance(HOUR_MS);
    await reaper.reap(starter, signal);
  }
  assert.deepEqual(
    others.filter((name) => !site.engine.tables().includes(name)),
    [],
  );
});
