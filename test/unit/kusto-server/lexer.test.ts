import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readToken, skipBalanced } from '../../../local/kusto/commands/lexer.js';
import { CommandTable } from '../../../local/kusto/commands/pattern.js';
import { CommandReader } from '../../../local/kusto/commands/reader.js';
import { splitScript } from '../../../local/kusto/commands/script.js';

const escaped = (text: string, quote: string) =>
  quote +
  text.replace(/[\\'"\n\r\t]/g, (character) => {
    const names: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
    return names[character] ?? `\\${character}`;
  }) +
  quote;
const verbatim = (text: string, quote: string) => `@${quote}${text.replaceAll(quote, quote + quote)}${quote}`;

const spellings = [
  (text: string) => escaped(text, "'"),
  (text: string) => escaped(text, '"'),
  (text: string) => `h${escaped(text, "'")}`,
  (text: string) => verbatim(text, "'"),
  (text: string) => verbatim(text, '"'),
  (text: string) => `h${verbatim(text, '"')}`,
];

test('every way to quote a text gives the text back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(...spellings), (text, spell) => {
      const source = `  // note\n ${spell(text)} , rest`;
      const token = readToken(source, 0);
      assert.equal(token?.kind, 'string');
      assert.equal(token?.value, text);
      assert.equal(readToken(source, token?.end ?? 0)?.value, ',');
    }),
  );
});

test('bracketed name gives the name back whatever it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.constantFrom("'", '"'), (text, quote) => {
      const reader = new CommandReader(`[${escaped(text, quote)}] (`);
      assert.equal(reader.name('it'), text);
      assert.ok(reader.trySymbol('('));
    }),
  );
});

test('fenced text is taken as it stands', () => {
  const fenced = '```a \'b\' "c" \\n\n}```';
  assert.equal(readToken(fenced, 0)?.value, fenced.slice(3, -3));
});

test('no text makes the reader loop or fail other than with a syntax error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const reader = new CommandReader(text);
      try {
        for (let before = -1; !reader.atEnd(); ) {
          reader.next();
          assert.ok(reader.offset > before);
          before = reader.offset;
        }
      } catch (error) {
        assert.match(String(error), /Syntax error/);
      }
    }),
  );
});

test('adjacent literals are one string, a name takes only the first', () => {
  const reader = new CommandReader(`'M' '[1,' "2]"`);
  assert.equal(reader.name('it'), 'M');
  assert.equal(reader.string('it'), '[1,2]');
});

test('properties are read from several with clauses, in any case, with literals of every kind', () => {
  const reader = new CommandReader(
    `with (Tags = '["a"]', when=datetime(2026-01-02), n = -5) with(flag=true, t = 1.02:03:04) <| rest of it`,
  );
  assert.deepEqual(Object.fromEntries(reader.properties()), {
    tags: '["a"]',
    when: '2026-01-02',
    n: '-5',
    flag: 'true',
    t: '1.02:03:04',
  });
  reader.symbol('<|');
  assert.equal(reader.rest(), 'rest of it');
});

test('brackets in strings and comments do not count when a body is taken', () => {
  const text = `{ x = '}' // }\n | where y == "{" } tail`;
  assert.equal(text.slice(skipBalanced(text, 0)), ' tail');
  assert.throws(() => skipBalanced('{ (', 0), /never closed/);
});

test('longest pattern wins and placeholders take names in every spelling', () => {
  const table = new CommandTable([
    { pattern: 'show table {table}' },
    { pattern: 'show table {table} details' },
    { pattern: 'show tables ({tables}) extents' },
    { pattern: 'show tables' },
    { pattern: 'set|append [async]' },
  ]);
  const find = (text: string) => {
    const reader = new CommandReader(text);
    const found = table.find(reader);
    return [found?.definition.pattern, found?.names, found?.lists, [...(found?.flags ?? [])], reader.rest()];
  };
  assert.deepEqual(find('SHOW table ["a b"] details'), [
    'show table {table} details',
    { table: 'a b' },
    {},
    [],
    '',
  ]);
  assert.deepEqual(find('show table details'), ['show table {table}', { table: 'details' }, {}, [], '']);
  assert.deepEqual(find("show tables (A, ['B c']) extents x"), [
    'show tables ({tables}) extents',
    {},
    { tables: ['A', 'B c'] },
    [],
    'x',
  ]);
  assert.deepEqual(find('show tables (A) details')[4], '(A) details');
  assert.deepEqual(find('append async T')[3], ['append', 'async']);
  assert.deepEqual(find('drop it')[0], undefined);
});

test('script is cut at lines that begin with a dot, not inside fenced text', () => {
  const script =
    '// head\n.create table A (x: int)\n\n.create function F() ```\n.not a command\n```\n// tail\n';
  assert.deepEqual(splitScript(script), [
    '.create table A (x: int)',
    '.create function F() ```\n.not a command\n```',
  ]);
});
