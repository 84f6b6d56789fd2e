import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lines, run } from './helpers.js';
import {
  EXPANSIONS,
  JOINS,
  type OperatorCase,
  ROW_OPERATORS,
  STATEMENTS,
  SUMMARIZE,
} from './operator-cases.js';

const FAMILIES: Readonly<Record<string, readonly OperatorCase[]>> = {
  'row operators': ROW_OPERATORS,
  summarize: SUMMARIZE,
  'join, lookup and union': JOINS,
  'mv-expand, parse and plug-ins': EXPANSIONS,
  statements: STATEMENTS,
};

for (const [family, cases] of Object.entries(FAMILIES)) {
  describe(family, () => {
    for (const { name, query, answer } of cases) {
      it(name, async () => {
        const { tables } = await run(query);
        assert.deepEqual(lines(tables[0]!), answer);
      });
    }
  });
}
