import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from '../../../local/kusto/ingest/decode.js';
import { allAtOnce, breathe, inSlices, pacer, type Steps } from '../../../local/kusto/slices.js';

function* counted(log: string[], name: string, steps: number): Steps<string> {
  for (let step = 1; step <= steps; step++) {
    log.push(`${name}${step}`);
    yield;
  }
  return name;
}

test('work gives the same result at once and in slices', async () => {
  const log: string[] = [];
  assert.equal(allAtOnce(counted(log, 'a', 3)), 'a');
  assert.equal(await inSlices(counted(log, 'b', 3)), 'b');
  assert.deepEqual(log, ['a1', 'a2', 'a3', 'b1', 'b2', 'b3']);
});

test('pieces of work that are due take turns, each in a round of the loop of its own', async () => {
  const log: string[] = [];
  const due = () => pacer(0);
  const rounds: number[] = [];
  let round = 0;
  const watch = setImmediate(function count() {
    round++;
    if (round < 20) setImmediate(count);
  });
  const both = [inSlices(counted(log, 'a', 2), due()), inSlices(counted(log, 'b', 2), due())];
  const waits = [breathe().then(() => rounds.push(round)), breathe().then(() => rounds.push(round))];
  await Promise.all([...both, ...waits]);
  clearImmediate(watch);
  assert.deepEqual(log, ['a1', 'b1', 'a2', 'b2']);
  assert.equal(new Set(rounds).size, 2);
});

test('what the pause throws ends the work', async () => {
  const log: string[] = [];
  const pause = () => Promise.reject(new Error('cancelled'));
  await assert.rejects(inSlices(counted(log, 'a', 3), pause), /cancelled/);
  assert.deepEqual(log, ['a1']);
});

const LARGE_ROWS = 200_000;

for (const format of ['csv', 'json'] as const) {
  test(`others have their turn while a large ${format} source is read`, async () => {
    const line = (row: number) =>
      format === 'csv' ? `${row},text of ${row}` : `{"a":${row},"b":"of ${row}"}`;
    const body = Buffer.from(Array.from({ length: LARGE_ROWS }, (_, row) => line(row)).join('\n'));
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const schema = [
      { name: 'a', type: 'long' },
      { name: 'b', type: 'string' },
    ] as const;
    const { rows } = await decode(body, { format, schema });
    isOver = true;
    assert.equal(rows.rowCount, LARGE_ROWS);
    assert.ok(turns > 3, `${turns} turns`);
  });
}
