import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TableDefinition } from '../../../src/config/types.js';
import * as commands from '../../../src/kusto/commands.js';
import { kqlTokens } from '../../helpers/kql-tokens.js';

const anyName = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('"', "'", '\\', ']', ')', ';', '|', '\n', '//', '{'),
    ),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((parts) => parts.join(''));

const counted = new Map<string, number>();

/** As many tokens as the same command with plain names; the parser is slow, so that is counted once. */
function isSame(text: string, plain: string): void {
  const expected = counted.get(plain) ?? kqlTokens(plain).length;
  counted.set(plain, expected);
  assert.equal(kqlTokens(text).length, expected, text);
}

test('no name, mapping or docstring adds a token to a command', () => {
  fc.assert(
    fc.property(anyName, anyName, anyName, (name, column, text) => {
      const wild = { database: text, name };
      const tame = { database: 'd', name: 't' };
      const table = (at: typeof wild, key: string, docstring: string): TableDefinition => ({
        ...at,
        columns: { [key]: 'long' },
        mappings: [],
        policies: {},
        docstring,
      });
      const mapping = (id: string, key: string) => ({
        name: id,
        kind: 'json',
        columns: [{ column: key, path: '$.a' }],
      });
      isSame(
        commands.createMergeTable(table(wild, column, text)),
        commands.createMergeTable(table(tame, 'c', 'x')),
      );
      isSame(
        commands.createOrAlterMapping(wild, mapping(text, column)),
        commands.createOrAlterMapping(tame, mapping('m', 'c')),
      );
      isSame(commands.showTablePolicy(wild, 'retention'), commands.showTablePolicy(tame, 'retention'));
      isSame(commands.refreshBatchingPolicy(wild), commands.refreshBatchingPolicy(tame));
      isSame(commands.addDatabaseRole(text, 'viewers', name), commands.addDatabaseRole('d', 'viewers', 'p'));
    }),
    { numRuns: 10 },
  );
});
