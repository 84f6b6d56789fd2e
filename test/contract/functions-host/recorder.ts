import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Module of a fixture app: each call appends one JSON line to a file in the app's folder (or to the one OUT names). */
export const RECORDER = `
import { appendFileSync } from 'node:fs';
export const record = (line) => appendFileSync(process.env.OUT ?? 'out.jsonl', JSON.stringify(line) + '\\n');
`;

/** Lines the app in `folder` wrote so far. */
export function lines<T>(folder: string): T[] {
  try {
    return readFileSync(join(folder, 'out.jsonl'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T);
  } catch {
    return [];
  }
}
