import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HostError } from '../errors.js';

/** Folders never searched for entry files. */
const SKIPPED_FOLDERS = new Set(['node_modules', '.git']);

/** Turns a glob (`*`, `**`, `?`, `{a,b}`, `[ab]`) into a pattern over forward-slash paths. */
export function globToRegExp(glob: string): RegExp {
  let source = '';
  let depth = 0;
  for (let at = 0; at < glob.length; at += 1) {
    const char = glob[at] as string;
    if (char === '*' && glob[at + 1] === '*') {
      const slash = glob[at + 2] === '/';
      source += slash ? '(?:[^/]+/)*' : '.*';
      at += slash ? 2 : 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '[' || char === ']') source += char;
    else if (char === '{') {
      source += '(?:';
      depth += 1;
    } else if (char === '}' && depth > 0) {
      source += ')';
      depth -= 1;
    } else if (char === ',' && depth > 0) source += '|';
    else source += char.replace(/[.+^$()|\\/]/g, '\\$&');
  }
  return new RegExp(`^${source}$`);
}

/** Depth of folders searched below the app, a guard against link loops. */
const MAX_DEPTH = 16;

function listFiles(root: string, prefix = '', depth = 0): string[] {
  if (depth > MAX_DEPTH) return [];
  return readdirSync(join(root, prefix), { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) {
      return SKIPPED_FOLDERS.has(entry.name) ? [] : listFiles(root, `${prefix}${entry.name}/`, depth + 1);
    }
    return [`${prefix}${entry.name}`];
  });
}

interface PackageJson {
  main?: string;
  type?: string;
}

function readPackage(folder: string): PackageJson | undefined {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as PackageJson;
  } catch (error) {
    throw new HostError('app-load-failed', `${path} is not valid JSON`, { cause: error });
  }
}

/**
 * Finds the files to load: package.json `main`, a path or a glob, as the real worker does.
 * @throws HostError `app-load-failed` when there is no package.json, no `main`, or nothing matches it
 */
export function findEntryFiles(appFolder: string): string[] {
  const main = readPackage(appFolder)?.main;
  if (!main) {
    throw new HostError(
      'app-load-failed',
      `${join(appFolder, 'package.json')} names no "main"; point it to the file or glob that registers the functions`,
    );
  }
  const direct = [main, `${main}.js`, join(main, 'index.js')].find((path) => {
    const full = resolve(appFolder, path);
    return existsSync(full) && extname(full) !== '';
  });
  if (direct) return [resolve(appFolder, direct)];
  const pattern = globToRegExp(main.replace(/^\.\//, ''));
  const files = listFiles(appFolder).filter((path) => pattern.test(path));
  if (files.length === 0) {
    throw new HostError(
      'app-load-failed',
      `no file below ${appFolder} matches "main": "${main}"; is the app built?`,
    );
  }
  return files.sort().map((path) => resolve(appFolder, path));
}

function isModuleFile(file: string): boolean {
  const extension = extname(file);
  if (extension !== '.js') return extension === '.mjs';
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const found = readPackage(folder);
    if (found) return found.type === 'module';
    if (dirname(folder) === folder) return false;
  }
}

/** Loads one entry file as the module kind its name and package say. */
export async function loadFile(file: string): Promise<void> {
  if (isModuleFile(file)) await import(pathToFileURL(file).href);
  else createRequire(file)(file);
}
