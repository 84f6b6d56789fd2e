import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as commands from '../../../src/kusto/load-commands.js';
import { kqlTokens } from '../../helpers/kql-tokens.js';

const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('"', "'", '\\', ']', ')', ';', '|', '<|', '\n', '//', '{', '`', '.drop table T'),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => parts.join(''));

const ID = '00000000-0000-4000-8000-000000000001';

/** Every command text that holds a name or a value, by the names and values it is given. */
const texts = (table: string, other: string, text: string): readonly string[] => [
  commands.createTable(table, [[other, 'long']]),
  commands.createHiddenTable(table, [[other, 'long']], text),
  commands.dropTable(table),
  commands.alterPolicy(table, 'merge', { text }),
  commands.restrictView(table),
  commands.showPolicy(table, 'retention'),
  commands.showDatabasePolicyOf(table, 'retention'),
  commands.createMapping(table, 'csv', { name: other, json: JSON.stringify([text]) }),
  commands.showStagingTables(text),
  commands.showExtents(table),
  commands.countTagged(table, text),
  commands.showTagged(table, text),
  commands.setExtentTags(table, [text, other], [ID]),
  commands.addExtentTags(table, [text], other),
  commands.removeExtentTag(table, text),
  commands.dropTagged(table, text),
  commands.dropExtents(table, [ID]),
  commands.moveExtents(table, other, [ID]),
  commands.probeMove(table, other),
  commands.appendExtents({
    ...{ from: table, to: other, columns: [[text, 'long']], ids: [ID], tags: [text], onceTag: other },
    creationTime: text,
  }),
  commands.showCommandsOf(text),
  commands.showRunningAppends(text, '2026-01-01T00:00:00Z'),
  commands.showCommandsHaving(text),
  commands.showTableFailures(table),
  commands.showStagingFailures(text),
];

const tame = texts('t', 'o', 'x');
const lengths = new Map<number, number>();

/** As many tokens as with tame names; the parser is slow, so those are counted once. */
function lengthOf(index: number): number {
  const known = lengths.get(index) ?? kqlTokens(tame[index] as string).length;
  lengths.set(index, known);
  return known;
}

test('no name of a table or column, no tag and no other text adds a token to a command of a load', () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, fc.nat(tame.length - 1), (table, other, text, index) => {
      const wild = texts(table, other, text)[index] as string;
      assert.equal(kqlTokens(wild).length, lengthOf(index), wild);
    }),
    { numRuns: 60 },
  );
});

test('every command of a load is tried', () => {
  const functions = Object.values(commands).filter((one) => typeof one === 'function');
  // Those that take an id of the service's own are left out: showOperation and its kin.
  assert.equal(tame.length, functions.length - 5);
});
