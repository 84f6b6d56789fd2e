import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClock } from '../../../local/kusto/faults/clock.js';
import { FaultEngine } from '../../../local/kusto/faults/engine.js';

function engineAt(nowMs: number) {
  const clock = createClock(() => nowMs);
  return { clock, faults: new FaultEngine(clock) };
}

test('rule fires as often as it says and counts what it saw', () => {
  const { faults } = engineAt(0);
  const id = faults.add({ target: 'engine', match: 'Samples', action: 'throttle', times: 2 });
  const fired = Array.from({ length: 4 }, () => faults.check('engine', 'POST /v1/rest/mgmt Samples .show'));
  assert.deepEqual(
    fired.map((hit) => hit?.action),
    ['throttle', 'throttle', undefined, undefined],
  );
  assert.equal(faults.check('engine', 'POST /v1/rest/mgmt Other'), undefined);
  assert.equal(faults.check('dm', 'Samples'), undefined);
  assert.deepEqual(faults.list()[0], {
    ...{ id, target: 'engine', match: 'Samples', action: 'throttle', times: 2 },
    ...{ matched: 2, hits: 2, lastHit: 'POST /v1/rest/mgmt Samples .show' },
  });
});

test('match is tried on the content only where the description does not match, and read once', () => {
  const { faults } = engineAt(0);
  faults.add({ target: 'operation', match: 'bad.csv', action: 'vanish' });
  faults.add({ target: 'operation', match: '/record-1[78]/', action: 'fail', code: 'Stream_Odd' });
  faults.add({ target: 'operation', match: 'record-9', action: 'transient' });
  let reads = 0;
  const content = (text: string | undefined) => () => {
    reads += 1;
    return text;
  };
  const check = (name: string, text: string | undefined) =>
    faults.check('operation', `DataIngestPull Db.T ${name}`, content(text))?.action;
  assert.equal(check('bad.csv', 'record-17'), 'vanish');
  assert.equal(reads, 0);
  assert.equal(check('a.csv', 'x\nrecord-18\n'), 'fail');
  assert.equal(check('a.csv', 'x\nrecord-9\n'), 'transient');
  assert.equal(reads, 2);
  assert.equal(check('a.csv', undefined), undefined);
  assert.equal(faults.check('operation', 'TableDrop Db .drop'), undefined);
  assert.equal(faults.list()[1]?.lastHit, 'DataIngestPull Db.T a.csv');
});

test('probability follows the seed alone', () => {
  const pattern = (seed: number) => {
    const { faults } = engineAt(0);
    faults.add({ target: 'blob', action: 'transient', probability: 0.5, seed });
    return Array.from({ length: 64 }, () => (faults.check('blob', 'x') ? 1 : 0)).join('');
  };
  assert.equal(pattern(7), pattern(7));
  assert.notEqual(pattern(7), pattern(8));
  assert.match(pattern(7), /01/);
});

test('match is a regular expression between slashes and plain text otherwise', () => {
  const { faults } = engineAt(0);
  faults.add({ target: 'queue', match: '/^POST .*messages$/i', action: 'vanish' });
  faults.add({ target: 'engine', match: '/v1/rest/mgmt', action: 'hang' });
  assert.equal(faults.check('queue', 'post /a/q/Messages')?.action, 'vanish');
  assert.equal(faults.check('queue', 'GET /a/q'), undefined);
  assert.equal(faults.check('engine', 'POST /v1/rest/mgmt x')?.action, 'hang');
});

test('wrong rules are refused with the field that is wrong', () => {
  const { faults } = engineAt(0);
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ target: 'moon', action: 'slow' }, /'target' must be one of/],
    [{ target: 'blob', action: 'advance' }, /'action' of the target blob/],
    [{ target: 'blob', action: 'slow', times: 0 }, /'times'/],
    [{ target: 'blob', action: 'slow', probability: 2 }, /'probability'/],
    [{ target: 'blob', action: 'slow', match: '/(/' }, /regular expression/],
    [{ target: 'blob', action: 'slow', colour: 1 }, /'colour' is not supported/],
    [{ target: 'operation', action: 'slow', work: 'done' }, /'work' is for the action vanish/],
    [{ target: 'operation', action: 'vanish', work: 'half' }, /'work' must be done or undone/],
  ];
  for (const [rule, message] of cases) {
    assert.throws(() => faults.add(rule), message);
  }
  assert.throws(() => faults.remove('9'), /was not found/);
});

test('advanced clock fires what is due in order and keeps the rest', () => {
  const { clock, faults } = engineAt(1_000_000);
  const fired: string[] = [];
  clock.after(60_000, () => fired.push('minute'));
  clock.after(1_000, () => fired.push('second'));
  clock.after(3_600_000, () => fired.push('hour'));
  const cancel = clock.after(2_000, () => fired.push('never'));
  cancel();
  faults.add({ target: 'clock', action: 'advance', delayMs: 60_000 });
  assert.deepEqual(fired, ['second', 'minute']);
  assert.equal(clock.nowMs(), 1_060_000);
  clock.stop();
});

test('clock never gives the same tick twice', () => {
  const { clock } = engineAt(5);
  const ticks = Array.from({ length: 100 }, () => clock.now());
  assert.equal(new Set(ticks).size, 100);
  clock.moveBeyond((ticks[99] as bigint) + 10n);
  assert.ok(clock.now() > (ticks[99] as bigint) + 10n);
});
