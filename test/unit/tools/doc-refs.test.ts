import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentProblems, namedTests, testFileProblems } from '../../tools/doc-refs.js';

const repository = {
  exists: (path: string) => ['src/main.ts', 'docs/a.md', 'LICENSE', 'test/run.ts', 'docs'].includes(path),
  scripts: { test: 'tsc -p . && node dist/test/run.js', bench: 'node dist/test/bench/main.js', docs: 'x' },
  tests: { 'test/unit/a.test.ts': "test('a row arrives', () => {});" },
};
const problems = (text: string): string[] => documentProblems('docs/a.md', text, repository);

test('paths, links and scripts that exist are no problem', () => {
  const text =
    'See `src/main.ts`, [it](a.md#part), [licence](../LICENSE), https://x.example/docs/z, `npm run docs`, npm test.';
  assert.deepEqual(problems(text), []);
});

test('what is gone is told with the document that names it', () => {
  assert.deepEqual(problems('`src/gone.ts` [x](gone.md) `npm run gone` npm run bench'), [
    'docs/a.md: src/gone.ts is gone',
    'docs/a.md: docs/gone.md is gone',
    'docs/a.md: npm script gone is gone',
    'docs/a.md: npm script bench runs test/bench/main.ts, which is gone',
  ]);
});

test('a test that a table names must be there', () => {
  const text =
    '| Option | Here | Test |\n|---|---|---|\n| `a` | `b` | `a row arrives` |\n| `c` | d | `no such test` |\n';
  assert.deepEqual(namedTests(text), ['a row arrives', 'no such test']);
  assert.deepEqual(problems(text), ['docs/a.md: there is no test "no such test"']);
});

test('a test file outside the runner’s reach, without a test or with a silent skip is a problem', () => {
  const skip = '.skip';
  assert.deepEqual(testFileProblems('test/a.test.ts', "test('x', () => {});"), []);
  assert.equal(testFileProblems('src/a.test.ts', "test('x', () => {});").length, 1);
  assert.equal(testFileProblems('test/a.spec.ts', "test('x', () => {});").length, 1);
  assert.equal(testFileProblems('test/a.test.ts', 'const x = 1;').length, 1);
  assert.equal(testFileProblems('test/a.test.ts', `test${skip}('x', () => {});  test('y')`).length, 1);
  assert.deepEqual(
    testFileProblems('test/a.test.ts', "test('x', { skip: 'needs a network' }, () => {});"),
    [],
  );
});
