import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Runs every compiled `*.test.js` below `dist/test` with Node's own test runner.
 * Arguments that do not begin with a dash choose files whose path contains one of them.
 */
const root = fileURLToPath(new URL('.', import.meta.url));
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));

const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.js'))
  .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part)))
  .sort()
  .map((path) => join(root, path));

if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(', ') || '*.test.js'}`);
  process.exitCode = 1;
} else {
  const concurrency = `--test-concurrency=${Math.max(1, cpus().length)}`;
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', '--test', concurrency, '--test-timeout=300000', ...options, ...files],
    { stdio: 'inherit' },
  );
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}
