import { createHash } from 'node:crypto';
import { toPlainJson } from '../runtime/plain-json.js';
import type { DeadLetter } from './ports.js';

/** Where letters lie in their container. */
export const LETTERS_PREFIX = 'letters/';

/** Blobs of one source and hour. Names are computed from the ids in them, so the same letters overwrite themselves. */
export function letterBlobName(letters: readonly DeadLetter[]): string {
  const [first] = letters;
  if (first === undefined) throw new RangeError('no letters');
  const ids = letters
    .map(({ id }) => id)
    .sort()
    .join(' ');
  const hash = createHash('sha256').update(ids).digest('hex').slice(0, 32);
  return `${hourPrefix(first)}${first.kind}-${hash}.jsonl.gz`;
}

/** `letters/SOURCE/2026/01/31/23/`, in UTC. */
function hourPrefix(letter: DeadLetter): string {
  const [day = '', time = ''] = new Date(letter.timeMs).toISOString().split('T');
  return `${sourcePrefix(letter.source)}${day.replaceAll('-', '/')}/${time.slice(0, 2)}/`;
}

export function sourcePrefix(source: string): string {
  return `${LETTERS_PREFIX}${encodeURIComponent(source)}/`;
}

/** The hour in a blob's name, and the kind. */
export function readBlobName(name: string): { readonly hourMs: number; readonly kind: string } | undefined {
  const match = /\/(\d{4})\/(\d\d)\/(\d\d)\/(\d\d)\/(\w+)-[0-9a-f]+\.jsonl\.gz$/.exec(name);
  if (match === null) return undefined;
  const [, year, month, day, hour, kind = ''] = match;
  return { hourMs: Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour)), kind };
}

/** One line: the letter with its body in base64. */
export function encodeLetter(letter: DeadLetter): string {
  return toPlainJson({ ...letter, body: Buffer.from(letter.body).toString('base64') });
}

export function decodeLetter(line: string): DeadLetter {
  const letter = JSON.parse(line) as Omit<DeadLetter, 'body'> & { readonly body: string };
  return { ...letter, body: Buffer.from(letter.body, 'base64') };
}
