import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkComingFrom } from './tools/coming-from.js';

/**
 * Runs every compiled `*.test.js` below `dist/test` with Node's own test runner, then checks that the tests which
 * docs/coming-from.md names were among them and passed. Arguments that do not begin with a dash choose files whose
 * path contains one of them.
 */
const root = fileURLToPath(new URL('.', import.meta.url));
const document = join(root, '../../docs/coming-from.md');
const report = join(root, '../test-report.xml');

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));

const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.js'))
  .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part)))
  .sort()
  .map((path) => join(root, path));

/** A filter or a reporter of the caller's own: then nothing can be said of the tests that the document names. */
const isPart =
  wanted.length > 0 || options.some((option) => /^--test-(?:name|skip|only|shard|reporter)/.test(option));

const spec = ['--test-reporter=spec', '--test-reporter-destination=stdout'];
const junit = ['--test-reporter=junit', `--test-reporter-destination=${report}`];

function reporters(): readonly string[] {
  if (options.some((option) => option.startsWith('--test-reporter'))) {
    return [];
  }
  return isPart ? spec : [...spec, ...junit];
}

function conclude(code: number | null): number {
  const problems = isPart ? [] : checkComingFrom(document, report);
  for (const problem of problems) {
    console.error(`docs/coming-from.md: ${problem}`);
  }
  return problems.length > 0 ? 1 : (code ?? 1);
}

if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(', ') || '*.test.js'}`);
  process.exitCode = 1;
} else {
  rmSync(report, { force: true });
  if (isPart) {
    console.log('Part of the tests: those that docs/coming-from.md names are not checked.');
  }
  const concurrency = `--test-concurrency=${Math.max(1, cpus().length)}`;
  const own = ['--enable-source-maps', '--test', concurrency, '--test-timeout=300000'];
  const child = spawn(process.execPath, [...own, ...reporters(), ...options, ...files], {
    stdio: 'inherit',
  });
  child.on('exit', (code) => {
    process.exitCode = conclude(code);
  });
}
