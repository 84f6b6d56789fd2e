import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openGround, runCell } from './cell.js';
import { enumerate } from './enumerate.js';
import { runSeed } from './pairs.js';
import { type Path, paths } from './paths.js';
import { regressions } from './regressions.js';
import { newTally, type Tally } from './report.js';

/** The load that succeeds, in full; `npm run test:crash` does the same with all other paths, and pairs of faults. */
function assertKept({ broken, unreached }: Tally): void {
  const told = broken.slice(0, 3).map(({ path, problems, again }) => ({ path, problems, again }));
  assert.deepEqual([told, unreached], [[], 0]);
}

test('whatever call of a load fails, dies, comes twice or late, all rows are there or none, and nothing is left', async () => {
  const tally = newTally();
  await enumerate(await openGround(), paths[0] as Path, tally);
  assertKept(tally);
  assert.ok(tally.cells > 1_000, `only ${tally.cells} cells`);
});

test('every path of a load that nothing disturbs ends as it should', async () => {
  const ground = await openGround();
  for (const path of paths) {
    const { problems, state } = await runCell(ground, path);
    const wanted = state === path.orEnds ? path.orEnds : path.ends;
    assert.deepEqual([path.name, state, problems], [path.name, wanted, []]);
  }
});

test('several faults in one load that once showed a defect show none', async () => {
  const ground = await openGround();
  const tally = newTally();
  for (const seed of regressions()) await runSeed(ground, seed, tally);
  assertKept(tally);
});
