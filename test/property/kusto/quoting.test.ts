import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { quoteIdentifier, quoteSecret, quoteString } from '../../../src/kusto/quoting.js';
import { kqlTokens } from '../../helpers/kql-tokens.js';

const naughty = createRequire(import.meta.url)('big-list-of-naughty-strings') as string[];
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        '"',
        "'",
        '\\',
        ']',
        '[',
        '\n',
        '\r',
        ';',
        '|',
        '//',
        'h"',
        '`',
        '@',
        '\ud800',
        '\u2028',
        'u0041',
      ),
      { maxLength: 20 },
    )
    .map((parts) => parts.join('')),
  fc.constantFrom(...naughty),
);

/** What follows must still be read as code: nothing quoted can run past its end or begin a second token early. */
function readsBack(text: string): void {
  assert.deepEqual(
    kqlTokens(`print ${quoteString(text)}, ${quoteSecret(text)}, ${quoteIdentifier(text)}, after`),
    ['print', text, ',', text, ',', '[', text, ']', ',', 'after'],
  );
}

test('any text survives quoting and cannot end its literal', () => {
  fc.assert(fc.property(anyText, readsBack), { numRuns: 400 });
});

test('every naughty string survives quoting', () => {
  for (const text of naughty) readsBack(text);
});

test('a quoted text never holds a line break or a lone surrogate', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(quoteString(text), /[\n\r\u2028\u2029]/);
      assert.equal(Buffer.from(quoteString(text)).toString(), quoteString(text));
    }),
  );
});
