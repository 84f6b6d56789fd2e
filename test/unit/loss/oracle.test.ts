import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, keyOf, type Observation } from '../../loss/oracle.js';

const row = (key: string, intact = true) => ({ key, intact });
const letter = (key: string, serviceCode: string | undefined = 'Stream_Odd') => ({ key, serviceCode });

function verdictOf(change: Partial<Observation>) {
  const good: Observation = {
    accepted: new Set(['0/0', '0/1', '1/0']),
    poison: new Set(['1/0']),
    poisonCode: 'Stream_Odd',
    rows: [row('0/0'), row('0/1')],
    letters: [letter('1/0')],
  };
  return judge({ ...good, ...change });
}

test('everything in its place is no finding', () => {
  assert.deepEqual(verdictOf({}), {
    ...{ stored: 2, deadLettered: 1 },
    ...{ lost: [], duplicated: [], both: [], corrupted: [], foreign: [], poisonMistreated: [] },
  });
});

test('a record in neither place is lost', () => {
  assert.deepEqual(verdictOf({ rows: [row('0/0')] }).lost, ['0/1']);
  assert.deepEqual(verdictOf({ letters: [] }).lost, ['1/0']);
});

test('a record with two rows is a duplicate, once, and does not hide a lost one', () => {
  const verdict = verdictOf({ rows: [row('0/0'), row('0/0'), row('0/0')] });
  assert.deepEqual([verdict.duplicated, verdict.lost, verdict.stored], [['0/0'], ['0/1'], 1]);
});

test('a row that differs from what was sent is corrupted even when another copy is whole', () => {
  const verdict = verdictOf({ rows: [row('0/0'), row('0/1'), row('0/1', false)] });
  assert.deepEqual(verdict.corrupted, ['0/1']);
});

test('rows and letters that nobody sent are foreign', () => {
  const verdict = verdictOf({
    rows: [row('0/0'), row('0/1'), row('7/7')],
    letters: [letter('1/0'), letter('8/8')],
  });
  assert.deepEqual(verdict.foreign, ['7/7', '8/8']);
});

test('a record that is stored and dead-lettered is told', () => {
  assert.deepEqual(verdictOf({ letters: [letter('1/0'), letter('0/1')] }).both, ['0/1']);
});

test('poison in the table, without a letter or without the code of the service is mistreated', () => {
  const rows = [row('0/0'), row('0/1'), row('1/0')];
  assert.deepEqual(verdictOf({ rows }).poisonMistreated, ['1/0']);
  assert.deepEqual(verdictOf({ letters: [] }).poisonMistreated, ['1/0']);
  assert.deepEqual(verdictOf({ letters: [letter('1/0', 'Other')] }).poisonMistreated, ['1/0']);
  assert.deepEqual(verdictOf({ letters: [{ key: '1/0', serviceCode: undefined }] }).poisonMistreated, [
    '1/0',
  ]);
});

test('one letter with the right code among several of a record is not enough', () => {
  const letters = [letter('1/0', 'Other'), letter('1/0')];
  assert.deepEqual(verdictOf({ letters }).poisonMistreated, ['1/0']);
  assert.equal(verdictOf({ letters }).deadLettered, 1);
});

test('keys name partition and number', () => {
  assert.equal(keyOf(3, 14), '3/14');
});
