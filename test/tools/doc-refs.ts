import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { staleFiles } from './generate-docs.js';

/**
 * Fails when a document names something that is gone: a path, a link, an npm script, a test. Also holds that
 * generated documents are fresh, that the test runner sees every test file, and that no test is skipped silently.
 */
export interface Repository {
  readonly exists: (path: string) => boolean;
  /** Scripts of package.json. */
  readonly scripts: Readonly<Record<string, string>>;
  /** Path → text of every file that holds tests. */
  readonly tests: Readonly<Record<string, string>>;
}

const ownFolders = /^(?:src|local|test|docs|infra)\/[\w@./-]*$/;

/** Paths that a text names as code, and targets of its links, relative to the repository. */
export function namedPaths(file: string, text: string): readonly string[] {
  const inline = [...text.matchAll(/`([^`\n]+)`/g)]
    .map((match) => match[1] as string)
    .filter((code) => ownFolders.test(code));
  const links = [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
    .map((match) => match[1] as string)
    .filter((target) => !/^[a-z]+:/i.test(target))
    .map((target) => normalize(join(dirname(file), target)));
  return [...inline, ...links];
}

/** `npm run NAME`, `npm start` and `npm test` in a text. */
export function namedScripts(text: string): readonly string[] {
  const runs = [...text.matchAll(/\bnpm run (?:-s |--silent )?([a-z][\w:-]*)/g)].map(
    (match) => match[1] as string,
  );
  const short = [...text.matchAll(/\bnpm (start|test)\b/g)].map((match) => match[1] as string);
  return [...new Set([...runs, ...short])];
}

/** Test names: the code cells of a table column headed `Test`. */
export function namedTests(text: string): readonly string[] {
  const names: string[] = [];
  let column = -1;
  for (const line of text.split('\n')) {
    const cells = line.startsWith('|')
      ? line
          .slice(1)
          .split(/(?<!\\)\|/)
          .map((cell) => cell.trim())
      : [];
    if (cells.length === 0) {
      column = -1;
    } else if (cells.includes('Test')) {
      column = cells.indexOf('Test');
    } else if (column >= 0) {
      names.push(...[...(cells[column] ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] as string));
    }
  }
  return names;
}

/** The compiled file that a script runs, as its source: `node dist/x.js` → `x.ts`. */
function sourceOf(script: string): string | undefined {
  const file = /node dist\/(\S+)\.js/.exec(script)?.[1];
  return file === undefined ? undefined : `${file}.ts`;
}

/** What is wrong in one document. */
export function documentProblems(file: string, text: string, repository: Repository): string[] {
  const { exists, scripts, tests } = repository;
  const bodies = Object.values(tests);
  const hasTest = (name: string): boolean =>
    ["'", '"', '`'].some((quote) => bodies.some((body) => body.includes(`${quote}${name}${quote}`)));
  const missingScript = (name: string): string | undefined => {
    const script = scripts[name];
    if (script === undefined) {
      return `npm script ${name} is gone`;
    }
    const source = sourceOf(script);
    return source === undefined || exists(source)
      ? undefined
      : `npm script ${name} runs ${source}, which is gone`;
  };
  return [
    ...namedPaths(file, text)
      .filter((path) => !exists(path))
      .map((path) => `${path} is gone`),
    ...namedScripts(text).flatMap((name) => missingScript(name) ?? []),
    ...namedTests(text)
      .filter((name) => !hasTest(name))
      .map((name) => `there is no test "${name}"`),
  ].map((problem) => `${file}: ${problem}`);
}

/** Test files that the runner would not see, that hold no test, or that skip one without a reason. */
export function testFileProblems(path: string, text: string): string[] {
  const problems: string[] = [];
  const isSeen = path.startsWith('test/') && path.endsWith('.test.ts');
  if (/\.(?:test|spec)\.[cm]?[jt]sx?$/.test(path) && !isSeen) {
    problems.push('the runner only sees test/**/*.test.ts');
  }
  if (isSeen && !/\b(?:test|it)\(/.test(text)) {
    problems.push('holds no test');
  }
  if (/\b(?:test|it|describe|suite)\.(?:skip|todo|only)\(/.test(text) || /\bskip:\s*true\b/.test(text)) {
    problems.push('skips without a reason; write {skip: "why"}');
  }
  if (/\b(?:t|context)\.(?:skip|todo)\(\s*\)/.test(text)) {
    problems.push('skips without a reason; give one to skip()');
  }
  return problems.map((problem) => `${path}: ${problem}`);
}

const root = fileURLToPath(new URL('../../../', import.meta.url));

function filesBelow(folder: string, ending: RegExp): string[] {
  return existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
        .filter((path) => ending.test(path))
    : [];
}

function readRepository(): Repository {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Repository;
  const files = ['test', 'src', 'local'].flatMap((folder) =>
    filesBelow(folder, /\.(?:test|spec)\.[cm]?[jt]sx?$/),
  );
  const tests = Object.fromEntries(files.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
  return { exists: (path) => existsSync(join(root, path)), scripts, tests };
}

function main(): void {
  const repository = readRepository();
  const top = readdirSync(root).filter((name) => name.endsWith('.md'));
  const documents = [...top, ...filesBelow('docs', /\.md$/)];
  const problems = [
    ...documents.flatMap((file) =>
      documentProblems(file, readFileSync(join(root, file), 'utf8'), repository),
    ),
    ...Object.entries(repository.tests).flatMap(([path, text]) => testFileProblems(path, text)),
    ...staleFiles().map((path) => `${path}: is older than its source; run npm run docs`),
  ];
  for (const problem of problems) {
    console.error(problem);
  }
  console.log(
    `${documents.length} documents and ${Object.keys(repository.tests).length} test files: ${problems.length} problems`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main();
}
