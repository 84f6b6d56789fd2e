import { badData } from './errors.js';
import { MAX_PATH_STEPS } from './limits.js';

/** A property name, or an index of an array. */
export type PathStep = string | number;

const NAME = /\.([^.[\]'"\s*][^.[\]*]*)/y;
const INDEX = /\[(\d{1,9})\]/y;
const QUOTED = /\[\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*\]/y;

function invalid(path: string, reason: string): Error {
  return badData('BadRequest_InvalidMapping', `The path ${path} of the ingestion mapping ${reason}`);
}

/**
 * Steps of `$`, `$.a.b`, `$.a[0]['c d']`.
 * @throws KustoError `BadRequest_InvalidMapping`; recursive descent and wildcards are refused by name
 */
export function parsePath(path: string): readonly PathStep[] {
  const text = path.trim();
  if (!text.startsWith('$')) throw invalid(path, 'does not start with $');
  const steps: PathStep[] = [];
  let at = 1;
  while (at < text.length) {
    if (text.startsWith('..', at)) throw invalid(path, 'uses recursive descent (..), which is not supported');
    if (text.startsWith('[*]', at) || text.startsWith('.*', at)) throw invalid(path, 'uses a wildcard');
    const expression = [NAME, INDEX, QUOTED].find((candidate) => {
      candidate.lastIndex = at;
      return candidate.test(text);
    });
    if (expression === undefined) throw invalid(path, `cannot be read from character ${at} on`);
    expression.lastIndex = at;
    const match = expression.exec(text)!;
    const value = match[1] ?? match[2]!;
    steps.push(
      expression === INDEX ? Number(value) : expression === QUOTED ? value.replace(/\\(.)/g, '$1') : value,
    );
    at = expression.lastIndex;
    if (steps.length > MAX_PATH_STEPS) throw invalid(path, `has more than ${MAX_PATH_STEPS} steps`);
  }
  return steps;
}
