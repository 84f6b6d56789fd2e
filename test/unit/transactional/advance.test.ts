import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advance } from '../../../src/transactional/advance.js';
import { type LoadProgress, progressOf, type StepAnswer } from '../../../src/transactional/steps/types.js';
import { type LoadError, type LoadStep, loadSteps } from '../../../src/transactional/types.js';

const NOW = 1_000_000;
const DEADLINE = 2_000_000;
const DAY_MS = 86_400_000;

const at = (step: LoadStep, more: Partial<LoadProgress> = {}): LoadProgress => ({
  ...{ id: 'l', step, attempt: 0, waits: 0, restages: 0, deadlineMs: DEADLINE, waitMs: 0 },
  ...more,
});
const bad: LoadError = { code: 'LOAD_SOURCE_MISSING', message: 'gone' };
const failed = (retryable: boolean, more: object = {}): StepAnswer => ({
  ...{ is: 'error', error: bad, retryable },
  ...more,
});
const timedOut = (step: LoadStep): LoadError => ({
  code: 'LOAD_TIMED_OUT',
  message: `load l: not over within timeoutMs; the step ${step} was under way`,
});
const cancelled: LoadError = { code: 'LOAD_CANCELLED', message: 'load l: cancelled by its caller' };

/** Steps that a deadline, a failure and a cancellation lead straight to the undo. */
const before: readonly LoadStep[] = [
  ...['inspect', 'prepare', 'create', 'repeatCheck', 'stage', 'ingest', 'wait', 'verify', 'mark'],
] as LoadStep[];

test('a step that is done leads to the next one, with its tries and waits forgotten', () => {
  const followers: readonly (readonly [LoadStep, LoadStep])[] = [
    ...loadSteps.slice(0, 9).map((step, index) => [step, loadSteps[index + 1] as LoadStep] as const),
    ['commit', 'settle'],
  ];
  for (const [step, next] of followers) {
    const progress = at(step, { attempt: 3, waits: 4, waitMs: 500 });
    assert.deepEqual(advance(progress, { is: 'done' }, NOW), at(next));
  }
});

test('a step may name another step to follow', () => {
  assert.deepEqual(advance(at('repeatCheck'), { is: 'done', next: 'ingest' }, NOW), at('ingest'));
  assert.deepEqual(advance(at('wait'), { is: 'done', next: 'ingest' }, NOW), at('ingest'));
  assert.deepEqual(advance(at('mark'), { is: 'done', next: 'finish' }, NOW), at('finish'));
});

test('a step with more to do runs again at once, and its earlier failures no longer count', () => {
  const again = advance(at('ingest', { attempt: 5, waits: 2 }), { is: 'more' }, NOW);
  assert.deepEqual(again, at('ingest'));
});

test('waits grow from one to thirty seconds while nothing moves, and begin anew when something does', () => {
  let progress = at('wait', { attempt: 2 });
  const waits: number[] = [];
  for (let look = 0; look < 8; look++) {
    progress = advance(progress, { is: 'wait' }, NOW);
    waits.push(progress.waitMs);
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  assert.equal(progress.attempt, 0);
  assert.equal(advance(progress, { is: 'wait', moved: true, afterMs: 1_000 }, NOW).waits, 0);
});

test('a step that says how long to wait is asked again after that', () => {
  assert.deepEqual(
    advance(at('settle'), { is: 'wait', afterMs: 250 }, NOW),
    at('settle', { waits: 1, waitMs: 250 }),
  );
});

test('a passing failure is tried again after growing waits, at most fourteen times', () => {
  for (const step of before) {
    let progress = at(step);
    const waits: number[] = [];
    while (progress.step === step) {
      progress = advance(progress, failed(true), NOW);
      if (progress.step === step) waits.push(progress.waitMs);
    }
    assert.deepEqual(waits.slice(0, 6), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
    assert.equal(waits.length, 13);
    assert.deepEqual(progress, at('undo', { undo: { as: 'rolledBack', error: bad } }));
  }
});

test('a lasting failure leads to the undo at once, and out of a commit only over a look at it', () => {
  for (const step of before) {
    const progress = advance(at(step), failed(false), NOW);
    assert.deepEqual(progress, at('undo', { undo: { as: 'rolledBack', error: bad } }));
  }
  assert.equal(advance(at('commit'), failed(false), NOW).step, 'settle');
  for (const retryable of [true, false]) {
    assert.equal(advance(at('settle'), failed(retryable), NOW).step, 'settle');
    assert.equal(advance(at('undo'), failed(retryable), NOW).step, 'undo');
    assert.equal(advance(at('finish'), failed(retryable), NOW).step, 'finish');
  }
});

test('throttling uses up no tries, and waits five seconds or what the service asks for', () => {
  const throttled = failed(true, { throttled: true });
  let progress = at('stage');
  for (let time = 0; time < 50; time++) progress = advance(progress, throttled, NOW);
  assert.deepEqual(progress, at('stage', { waitMs: 5_000 }));
  assert.equal(advance(progress, { ...throttled, retryAfterMs: 42_000 } as StepAnswer, NOW).waitMs, 42_000);
});

test('what a step finds wrong ends the load with that error', () => {
  for (const step of before) {
    const progress = advance(at(step), { is: 'fail', error: bad }, NOW);
    assert.deepEqual(progress, at('undo', { undo: { as: 'rolledBack', error: bad } }));
  }
  assert.equal(advance(at('settle'), { is: 'fail', error: bad }, NOW).step, 'undo');
});

test('a cancellation is undone at every step, and out of a commit only over a look at it', () => {
  for (const step of [...before, 'settle'] as LoadStep[]) {
    const progress = advance(at(step), { is: 'cancel' }, NOW);
    assert.deepEqual(progress, at('undo', { undo: { as: 'cancelled', error: cancelled } }));
  }
  assert.deepEqual(
    advance(at('commit'), { is: 'cancel' }, NOW),
    at('settle', { undo: { as: 'cancelled', error: cancelled } }),
  );
});

test('the first reason for an undo stays', () => {
  const undo = { as: 'cancelled', error: cancelled } as const;
  assert.deepEqual(advance(at('settle', { undo }), { is: 'fail', error: bad }, NOW), at('undo', { undo }));
});

test('a load whose rows are there already is undone as skipped', () => {
  for (const step of ['repeatCheck', 'mark'] as const)
    assert.deepEqual(advance(at(step), { is: 'skip' }, NOW), at('undo', { undo: { as: 'skipped' } }));
});

test('a mismatch is staged anew once, then undone', () => {
  for (const step of ['verify', 'mark'] as const) {
    const once = advance(at(step, { attempt: 2 }), { is: 'restage', error: bad }, NOW);
    assert.deepEqual(once, at('stage', { restages: 1 }));
    const twice = advance({ ...once, step }, { is: 'restage', error: bad }, NOW);
    assert.deepEqual(twice, at('undo', { restages: 1, undo: { as: 'rolledBack', error: bad } }));
  }
});

test('past the deadline no step before the commit goes on, whatever it answers', () => {
  const answers: readonly StepAnswer[] = [
    { is: 'more' },
    { is: 'wait' },
    failed(true),
    failed(false),
    failed(true, { throttled: true }),
    { is: 'done' },
  ];
  for (const step of before) {
    for (const answer of answers) {
      const progress = advance(at(step), answer, DEADLINE);
      assert.deepEqual(
        progress,
        at('undo', { undo: { as: 'rolledBack', error: timedOut(step) } }),
        `${step} ${answer.is}`,
      );
    }
  }
});

test('past the deadline no commit begins, and one that may be under way is looked at', () => {
  const undo = { as: 'rolledBack', error: timedOut('commit') } as const;
  assert.deepEqual(advance(at('commit'), { is: 'done' }, DEADLINE), at('settle'));
  for (const answer of [failed(true), failed(true, { throttled: true })])
    assert.deepEqual(advance(at('commit'), answer, DEADLINE), at('settle', { undo }));
  const again = advance(at('settle'), { is: 'done', next: 'commit' }, DEADLINE);
  assert.deepEqual(again, at('undo', { undo: { as: 'rolledBack', error: timedOut('settle') } }));
});

test('past the deadline what is committed is finished, and what is being undone is undone to its end', () => {
  assert.equal(advance(at('settle'), { is: 'done', next: 'finish' }, DEADLINE).step, 'finish');
  assert.deepEqual(advance(at('settle'), { is: 'wait' }, DEADLINE).step, 'settle');
  assert.deepEqual(advance(at('finish'), { is: 'wait' }, DEADLINE).step, 'finish');
  assert.deepEqual(advance(at('undo'), { is: 'wait' }, DEADLINE).step, 'undo');
});

test('the look at a commit leads to its end, to another try, or to the undo that waits for it', () => {
  const undo = { as: 'cancelled', error: cancelled } as const;
  assert.deepEqual(advance(at('settle'), { is: 'done', next: 'commit' }, NOW), at('commit'));
  assert.deepEqual(
    advance(at('settle', { undo }), { is: 'done', next: 'commit' }, NOW),
    at('undo', { undo }),
  );
  // It was committed before the cancellation came.
  assert.deepEqual(advance(at('settle', { undo }), { is: 'done', next: 'finish' }, NOW), at('finish'));
});

test('a commit whose end cannot be learned, and an undo that cannot be done, end a day after the deadline', () => {
  const late = DEADLINE + DAY_MS + 1;
  assert.equal(advance(at('settle'), failed(true), late - 1).step, 'settle');
  const given = advance(at('settle'), failed(true), late);
  assert.deepEqual(
    given,
    at('undo', { undo: { as: 'rolledBack', error: { ...bad, code: 'LOAD_UNDO_FAILED' } } }),
  );
  assert.equal(advance(at('undo'), failed(true), late - 1).ended, undefined);
  assert.equal(advance(at('undo'), failed(true), late).ended, 'failedDirty');
});

test('a committed load is committed, though its cleaning fails', () => {
  let progress = at('finish');
  let tries = 0;
  while (progress.ended === undefined) {
    progress = advance(progress, failed(false), NOW);
    tries++;
  }
  assert.deepEqual([progress.ended, tries], ['committed', 14]);
});

test('a load that has ended ends the orchestration as it ended', () => {
  for (const state of ['committed', 'skipped', 'rolledBack', 'cancelled', 'failedDirty'] as const)
    assert.equal(advance(at('wait'), { is: 'end', state }, NOW).ended, state);
});

test('a load whose orchestration is gone goes on where its row says, and never past a commit that may be under way', () => {
  const row = { id: 'l', generation: 1, deadlineMs: DEADLINE };
  const commit = {} as never;
  assert.deepEqual(progressOf({ ...row, step: 'wait' }), at('wait', { restages: 1 }));
  assert.deepEqual(progressOf({ ...row, step: 'commit' }).step, 'commit');
  assert.deepEqual(progressOf({ ...row, step: 'commit', commit }).step, 'settle');
  // A late run of an earlier step may have been the last to write its name.
  assert.deepEqual(progressOf({ ...row, step: 'mark', commit }).step, 'settle');
  for (const step of ['settle', 'finish', 'undo'] as const)
    assert.deepEqual(progressOf({ ...row, step, commit }).step, step);
});

test('a load whose orchestration is lost in its undo is undone for the same reason', () => {
  const undo = { as: 'cancelled', error: cancelled } as const;
  const row = { id: 'l', generation: 0, deadlineMs: DEADLINE, step: 'undo', undo } as const;
  assert.deepEqual(progressOf(row), at('undo', { undo }));
});
