import { readFileSync } from 'node:fs';

/** The compiled file lies as deep below the root as this one, but for `dist`. */
const FILE = new URL('../../../../test/crash/loads/regressions.json', import.meta.url);

/** Seeds that once showed a defect; they are run first, always. */
export function regressions(): readonly number[] {
  return JSON.parse(readFileSync(FILE, 'utf8')) as number[];
}
