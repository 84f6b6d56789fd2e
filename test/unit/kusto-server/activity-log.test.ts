import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ActivityLog } from '../../../local/kusto/commands/activity-log.js';

const REMEMBERED = 20_000;

function begin(log: ActivityLog, activityId: string, text = '.show tables', isCommand = true) {
  return log.begin({
    ...{ activityId, text, isCommand, kind: 'TablesShow', database: 'D', startedOn: 1n },
    ...{ clientRequestId: activityId, principal: 'p', application: 'a' },
  });
}

test('log of commands forgets the oldest that ended, whatever runs and whatever is queried', () => {
  const log = new ActivityLog();
  const running = begin(log, 'running');
  for (let n = 0; n <= REMEMBERED; n++) {
    log.end(begin(log, `c${n}`), 2n);
    log.end(begin(log, `q${n}`, 'T', false), 2n);
  }
  const ended = log.entries(true);
  assert.deepEqual([ended.length, ended[0]?.activityId], [REMEMBERED, 'c1']);
  assert.deepEqual(log.entries(true, true), [running]);
  log.end(running, 3n);
  assert.equal(log.entries(true).at(-1), running);
});

test('long texts push out older ones', () => {
  const log = new ActivityLog();
  for (let n = 0; n < 600; n++) {
    log.end(begin(log, `c${n}`, 'x'.repeat(64 * 1024)), 2n);
  }
  const ended = log.entries(true);
  assert.deepEqual([ended.length, ended.at(-1)?.activityId], [512, 'c599']);
});

test('command that goes on is over with its operation, in whatever order the two ends come', () => {
  const log = new ActivityLog();
  const [late, early] = [begin(log, 'late'), begin(log, 'early')];
  late.goesOn = true;
  log.end(late, 2n);
  assert.deepEqual(log.entries(true), []);
  log.finish(late, 9n, { state: 'Failed', failureReason: 'no luck' });
  early.goesOn = true;
  log.finish(early, 3n, { state: 'Skipped', failureReason: 'there' });
  log.end(early, 4n);
  assert.deepEqual(
    log.entries(true).map(({ state, lastUpdatedOn }) => [state, lastUpdatedOn]),
    [
      ['Failed', 9n],
      ['Skipped', 3n],
    ],
  );
});
