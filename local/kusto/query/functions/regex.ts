import type { Dynamic, DynamicNode, ScalarType } from '../../store/types.js';
import { dynamicFromNode } from '../../values/dynamic.js';
import { isArray } from '../conversion/nodes.js';
import { castExpr, constantValue, rowExpr } from '../expressions/basic.js';
import { compileRegex, escapeRegex } from '../expressions/regex.js';
import { semanticError } from '../failures.js';
import { convertArguments, definer, type FunctionTable } from './define.js';

export const regexFunctions: FunctionTable = new Map();
const define = definer(regexFunctions);

/** RE2's `\1` and `\0` in a rewrite, and `\\`. */
function rewriteWith(rewrite: string): (groups: readonly (string | undefined)[]) => string {
  return (groups) =>
    rewrite.replace(/\\([0-9\\])/g, (_, c: string) => (c === '\\' ? '\\' : (groups[Number(c)] ?? '')));
}

function replaceRegex(text: string, pattern: string, rewrite: string): string {
  const fill = rewriteWith(rewrite);
  return text.replace(compileRegex(pattern), (...match: unknown[]) => {
    const end = match.findIndex((part, index) => index > 0 && typeof part === 'number');
    return fill(match.slice(0, end) as (string | undefined)[]);
  });
}

define('replace_regex', ['text string string', 'string'], replaceRegex);
define('replace', ['string string text', 'string'], (pattern: string, rewrite: string, text: string) =>
  replaceRegex(text, pattern, rewrite));

define('trim', ['string text', 'string'], (pattern: string, text: string) =>
  trimEnd(pattern, trimStart(pattern, text)));
define('trim_start', ['string text', 'string'], trimStart);
define('trim_end', ['string text', 'string'], trimEnd);

function trimStart(pattern: string, text: string): string {
  return text.replace(compileRegex(`^(?:${pattern})`, ''), '');
}

function trimEnd(pattern: string, text: string): string {
  return text.replace(compileRegex(`(?:${pattern})$`, ''), '');
}

define('regex_quote', ['text', 'string'], escapeRegex);

regexFunctions.set('extract', (args, site) => {
  const typed = args.length === 4 ? constantValue(args[3]!) : null;
  const [pattern, group, source] = convertArguments('string long text', args.slice(0, 3), site);
  const found = rowExpr(
    'string',
    [pattern!, group!, source!],
    (regex, number, text) => compileRegex(regex as string).exec(text as string)?.[Number(number)] ?? '',
    { strict: true },
  );
  return typed === null ? found : castExpr(found, typed as ScalarType);
});

function groupsOf(match: RegExpExecArray, wanted: readonly (number | string)[] | undefined): DynamicNode {
  const picked =
    wanted === undefined
      ? match.slice(1)
      : wanted.map((group) => (typeof group === 'number' ? match[group] : match.groups?.[group]));
  const texts = picked.map((text) => text ?? '');
  return texts.length === 1 ? texts[0]! : texts;
}

function extractAll(pattern: string, text: string, wanted?: readonly (number | string)[]): Dynamic | null {
  const found: DynamicNode[] = [];
  for (const match of text.matchAll(compileRegex(pattern))) {
    if (match.length === 1) {
      throw semanticError(
        'SEM0420',
        `extract_all(): the pattern '${pattern}' must have at least one capture group`,
      );
    }
    found.push(groupsOf(match, wanted));
  }
  return found.length === 0 ? null : dynamicFromNode(found);
}

for (const name of ['extract_all', 'extractall']) {
  regexFunctions.set(name, (args, site) => {
    if (args.length === 3) {
      const converted = convertArguments('string dynamic text', args, site);
      return rowExpr(
        'dynamic',
        converted,
        (pattern, groups, text) => {
          const node = (groups as Dynamic).value();
          const wanted = isArray(node) ? (node as (number | string)[]) : undefined;
          return extractAll(pattern as string, text as string, wanted);
        },
        { strict: true },
      );
    }
    const converted = convertArguments('string text', args, site);
    return rowExpr('dynamic', converted, (pattern, text) => extractAll(pattern as string, text as string), {
      strict: true,
    });
  });
}

define('countof', ['text string string?', 'long'], (text: string, search: string, kind = 'normal') => {
  if (kind === 'regex') return BigInt([...text.matchAll(compileRegex(search))].length);
  if (kind !== 'normal')
    throw semanticError('SEM0234', `countof(): kind must be 'normal' or 'regex', not '${kind}'`);
  let count = 0n;
  if (search === '') return count;
  // Occurrences may overlap.
  for (let at = text.indexOf(search); at >= 0; at = text.indexOf(search, at + 1)) count++;
  return count;
});

define('indexof_regex', ['text string long? long? long?', 'long'], indexOfRegex);

function indexOfRegex(text: string, pattern: string, ...rest: bigint[]): bigint | null {
  const [start = 0n, length = -1n, occurrence = 1n] = rest;
  if (occurrence < 1n) return null;
  const from = start < 0n ? Math.max(0, text.length + Number(start)) : Number(start);
  const end = length < 0n ? text.length : from + Number(length);
  let seen = 0n;
  for (const match of text.slice(0, end).matchAll(compileRegex(pattern))) {
    if (match.index < from) continue;
    seen++;
    if (seen === occurrence) return BigInt(match.index);
  }
  return -1n;
}
