import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quoteIdentifier, quoteSecret, quoteString } from '../../../src/kusto/quoting.js';

test('names are bracketed, values are double-quoted, secrets are obfuscated literals', () => {
  assert.equal(quoteIdentifier("a'b"), "['a\\'b']");
  assert.equal(quoteString('say "hi"\n'), '"say \\"hi\\"\\n"');
  assert.equal(quoteSecret('https://h/c?sig=x'), 'h"https://h/c?sig=x"');
});
