import { syntaxError } from '../failures.js';
import { bridgeParser } from './load.js';
import { type Syntax, SyntaxTooDeepError, toSyntax } from './syntax.js';

/** Parsed queries kept for the next time the same text comes. */
const MAX_CACHED_QUERIES = 200;
/** Longer texts are parsed each time, so that the cache stays small, in characters. */
const MAX_CACHED_LENGTH = 20_000;

const cache = new Map<string, Syntax>();

/**
 * The syntax tree of a query (a `QueryBlock`), without name binding.
 * @throws KustoError `Syntax error: …` at the first error of the parser.
 */
export function parseQuery(text: string): Syntax {
  const known = cache.get(text);
  if (known !== undefined) {
    cache.delete(text);
    cache.set(text, known);
    return known;
  }
  const root = parseFresh(text);
  if (text.length <= MAX_CACHED_LENGTH) {
    cache.set(text, root);
    if (cache.size > MAX_CACHED_QUERIES) cache.delete(cache.keys().next().value as string);
  }
  return root;
}

/** Deepest nesting of brackets handed to the parser, whose time grows with the square of it. */
const MAX_BRACKET_DEPTH = 400;

/** Strings and comments, in which brackets do not count. */
const SKIPPED =
  /```[\s\S]*?```|@"(?:[^"]|"")*"|@'(?:[^']|'')*'|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\/[^\n]*/g;

function checkBrackets(text: string): void {
  let depth = 0;
  for (const c of text.replace(SKIPPED, '')) {
    if (c === '(' || c === '[' || c === '{') depth++;
    else if (c === ')' || c === ']' || c === '}') depth--;
    if (depth > MAX_BRACKET_DEPTH) throw syntaxError('The query is nested too deeply', text, 0);
  }
}

function parseFresh(text: string): Syntax {
  checkBrackets(text);
  const parser = bridgeParser();
  try {
    const parsed = parser.parse(text);
    const errors = parsed.diagnostics.filter((diagnostic) => diagnostic.Severity === 'Error');
    const first = errors[0];
    if (first !== undefined) throw syntaxError(first.Message, text, first.Start);
    return toSyntax(parsed.root, { source: text, kindName: parser.kindName });
  } catch (error) {
    if (error instanceof SyntaxTooDeepError || error instanceof RangeError) {
      throw syntaxError('The query is nested too deeply', text, 0);
    }
    throw error;
  }
}

/** Whether real Kusto has a built-in function or aggregate of this name. */
export function isBuiltInFunction(name: string): boolean {
  return bridgeParser().builtInNames().has(name);
}
