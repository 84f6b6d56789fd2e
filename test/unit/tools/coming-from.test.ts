import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkComingFrom, outcomesOf, unshown } from '../../tools/coming-from.js';

const table = (...names: string[]): string =>
  `| Option | Here | Test |\n|---|---|---|\n${names.map((name) => `| \`o\` | h | \`${name}\` |\n`).join('')}`;

/** The report that this Node writes of a file with these tests. */
function reportOf(t: { after(end: () => void): void }, source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'coming-from-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'some.test.mjs');
  const report = join(folder, 'report.xml');
  writeFileSync(file, `import { describe, test } from 'node:test';\n${source}`);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const reporter = ['--test-reporter=junit', `--test-reporter-destination=${report}`];
  spawnSync(process.execPath, ['--test', ...reporter, file], { env });
  return readFileSync(report, 'utf8');
}

test('a named test that failed, was skipped, is still to do or did not run is a problem', (t) => {
  const report = reportOf(
    t,
    `test('passes <&> "all"', () => {});
     test('fails', () => { throw new Error('no'); });
     test('skips', { skip: 'why' }, () => {});
     test('is to do', { todo: 'later' }, () => {});
     describe('a group', () => { test('passes inside', () => {}); test('fails inside', () => { throw new Error('no'); }); });`,
  );
  const names = [
    'passes <&> "all"',
    'fails',
    'skips',
    'is to do',
    'passes inside',
    'fails inside',
    'never written',
  ];
  assert.deepEqual(unshown(table(...names), report), [
    '"fails" failed',
    '"skips" skipped',
    '"is to do" skipped',
    '"fails inside" failed',
    '"never written" did not run',
  ]);
});

test('of two tests with one name both must pass', (t) => {
  const report = reportOf(t, "test('one', () => {});\ntest('one', () => { throw new Error('no'); });");
  assert.deepEqual(outcomesOf(report).get('one'), ['passed', 'failed']);
  assert.equal(unshown(table('one'), report).length, 1);
});

test('a run without a report showed nothing, and a document without tests says nothing', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coming-from-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const document = join(folder, 'a.md');
  writeFileSync(document, table('one'));
  assert.deepEqual(checkComingFrom(document, join(folder, 'none.xml')), ['"one" did not run']);
  writeFileSync(document, 'no table');
  assert.equal(checkComingFrom(document, join(folder, 'none.xml')).length, 1);
});
