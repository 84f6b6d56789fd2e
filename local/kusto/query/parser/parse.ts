import { syntaxError } from '../failures.js';
import { type BridgeDiagnostic, type BridgeNode, bridgeParser } from './load.js';
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

/**
 * Words that this parser wants in brackets and the service does not: queries published for it name columns so.
 * Inferred from those, since no document lists them.
 */
const FREE_WORDS: ReadonlySet<string> = new Set(['first', 'last', 'kind']);
/** Names put into brackets for one query; further ones are errors. */
const MAX_BRACKETED_NAMES = 100;

interface Parsed {
  /** The text with the brackets that were missing. */
  readonly source: string;
  readonly root: BridgeNode;
  readonly error: BridgeDiagnostic | undefined;
}

function parseBracketed(text: string): Parsed {
  let source = text;
  for (let names = 0; ; names++) {
    const { root, diagnostics } = bridgeParser().parse(source);
    const error = diagnostics.find(({ Severity }) => Severity === 'Error');
    const found = error && WORD.exec(source.slice(error.Start));
    const word = found?.[1];
    if (word === undefined || !FREE_WORDS.has(word) || names >= MAX_BRACKETED_NAMES) {
      return { source, root, error };
    }
    const end = error!.Start + found![0].length;
    source = `${source.slice(0, end - word.length)}['${word}']${source.slice(end)}`;
  }
}

const WORD = /^\s*([A-Za-z_]\w*)/;

/**
 * The parser's message, with the way out where a column or table bears a name such as `time` or `title`: the service
 * too refuses those without brackets.
 */
function explained({ Message, Start }: BridgeDiagnostic, text: string): string {
  const word = WORD.exec(text.slice(Start))?.[1];
  const known = word === undefined || Message.includes(`['${word}']`) || !bridgeParser().needsBrackets(word);
  return known
    ? Message
    : `${Message} '${word}' is a word of the query language: as the name of a column or table it is written ['${word}']`;
}

function parseFresh(text: string): Syntax {
  checkBrackets(text);
  const parser = bridgeParser();
  try {
    const { source, root, error } = parseBracketed(text);
    if (error !== undefined) throw syntaxError(explained(error, source), source, error.Start);
    return toSyntax(root, { source, kindName: parser.kindName });
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
