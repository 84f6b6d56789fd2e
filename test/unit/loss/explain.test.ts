import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain, interruptionWindows, loggedWindows } from '../../loss/explain.js';

const keys = (partition: number, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `${partition}/${from + index}`);

const accepted = new Set([...keys(0, 0, 99), ...keys(1, 0, 99)]);

test('a kill explains what lay within one batch past the checkpoints around it, no more', () => {
  const windows = interruptionWindows(
    { cause: 'workerKill', before: new Map([[0, 20]]), after: new Map([[0, 30]]) },
    2,
    10,
  );
  const { unexplained, byCause, possible } = explain(
    ['0/19', '0/20', '0/39', '0/40', '1/9', '1/10'],
    windows,
    accepted,
  );
  assert.deepEqual(unexplained, ['0/19', '0/40', '1/10']);
  assert.deepEqual(byCause, { workerKill: 3 });
  assert.equal(possible, 30);
});

test('possible duplicates are read from the log, whatever stands before the JSON', () => {
  const line = (event: string, fields: object): string =>
    `2026-01-31T00:00:00Z [information] Worker.Output: ${JSON.stringify({ time: 'x', level: 'warn', event, ...fields })}`;
  const windows = loggedWindows([
    line('shipment.possibleDuplicate', { cause: 'answerLost', id: 'a', rows: 3, ranges: '0:1-2 11:40-40' }),
    line('events.possibleDuplicate', { cause: 'held', rows: 5, ranges: '1:5-9' }),
    line('shipment.settled', { id: 'b', rows: 3, ranges: '0:50-60' }),
    'ossibleDuplicate" but no JSON',
  ]);
  assert.deepEqual(windows, [
    { cause: 'answerLost', partition: 0, first: 1, last: 2 },
    { cause: 'answerLost', partition: 11, first: 40, last: 40 },
    { cause: 'held', partition: 1, first: 5, last: 9 },
  ]);
});

test('without a cause every repeat is unexplained', () => {
  assert.deepEqual(explain(['0/1', '1/1'], [], accepted).unexplained, ['0/1', '1/1']);
});

test('a repeat with several causes counts for the first alone', () => {
  const window = { partition: 0, first: 5, last: 6 };
  const windows = [
    { cause: 'answerLost', ...window },
    { cause: 'workerKill', ...window },
  ];
  assert.deepEqual(explain(['0/5'], windows, accepted).byCause, { answerLost: 1 });
});
