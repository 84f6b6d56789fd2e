import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lines, run } from './helpers.js';
import {
  ARITHMETIC,
  COMPARISON,
  CONVERSIONS,
  DATETIMES,
  DYNAMICS,
  NUMBERS,
  type ScalarCase,
  STRINGS,
  TEXT_OPERATORS,
} from './scalar-cases.js';

const FAMILIES: Readonly<Record<string, readonly ScalarCase[]>> = {
  arithmetic: ARITHMETIC,
  comparison: COMPARISON,
  'text operators': TEXT_OPERATORS,
  'string functions': STRINGS,
  'time functions': DATETIMES,
  'number functions': NUMBERS,
  conversions: CONVERSIONS,
  'dynamic functions': DYNAMICS,
};

for (const [family, cases] of Object.entries(FAMILIES)) {
  describe(family, () => {
    for (const [expression, type, text] of cases) {
      it(`${expression} is ${text}`, async () => {
        const { tables } = await run(`print v=${expression}`);
        assert.deepEqual(lines(tables[0]!), [`v:${type}`, text]);
      });
    }
  });
}

describe('expressions over rows', () => {
  const SAMPLE = [...ARITHMETIC, ...COMPARISON, ...TEXT_OPERATORS, ...NUMBERS];

  it('give for literals what they give for the same values in columns', async () => {
    const pairs = SAMPLE.flatMap(([expression, type, text]) => {
      const match = /^(-?[\d.]+) ([-+*/%<>=!]+) (-?[\d.]+)$/.exec(expression);
      return match === null ? [] : [{ left: match[1]!, op: match[2]!, right: match[3]!, type, text }];
    });
    assert.ok(pairs.length > 10);
    for (const { left, op, right, type, text } of pairs) {
      const typeOf = (literal: string) => (literal.includes('.') ? 'real' : 'long');
      const query =
        `datatable(a:${typeOf(left)}, b:${typeOf(right)}) [${left}, ${right}, ${left}, ${right}] ` +
        `| project v=a ${op} b`;
      const { tables } = await run(query);
      assert.deepEqual(lines(tables[0]!), [`v:${type}`, text, text], query);
    }
  });
});
