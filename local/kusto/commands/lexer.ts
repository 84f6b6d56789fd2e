import { KustoError } from '../errors.js';

/** A token of a management command. `start` and `end` are offsets into the command's text. */
export interface Token {
  /** `name`: `['…']` or `["…"]`; `word`: identifiers, dashed keywords, numbers, timespans and guids. */
  readonly kind: 'word' | 'string' | 'name' | 'symbol';
  /** The decoded value of a string or name, the text of anything else. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

const WORD = /[\p{L}_$][\p{L}\p{N}_]*(?:-[\p{L}\p{N}_]+)*|\d[\w.]*(?::\d[\w.]*)*(?:-\w+)*/uy;
const SYMBOLS = ['<|', '!=', '==', '->', '=>', '..'];
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
};

export function syntaxError(message: string, text: string, offset: number): KustoError {
  const line = text.slice(0, offset).split('\n').length;
  const column = offset - text.lastIndexOf('\n', offset - 1);
  return new KustoError(`Syntax error: ${message} [line:position=${line}:${column}]`, {
    status: 400,
    code: 'BadRequest_SyntaxError',
    type: 'Kusto.Data.Exceptions.SyntaxException',
    innerCode: 'SYN0002',
  });
}

const HIDDEN_LITERAL = /(?<![\w'"])h(?=@?['"]|```|~~~)/gi;
const SIGNATURE = /\b(sig=|accountkey=)[^&"'\s;]+/gi;
/** Logs keep this much of a command's or query's text. */
const MAX_LOGGED_CHARS = 64 * 1024;

/** The text as logs may keep it: cut to a length, hidden literals and signatures masked. */
export function withoutSecrets(text: string): string {
  const head = text.slice(0, MAX_LOGGED_CHARS);
  let kept = '';
  let at = 0;
  for (const { index } of head.matchAll(HIDDEN_LITERAL)) {
    if (index >= at) {
      kept += `${head.slice(at, index)}h'****'`;
      at = endOfLiteral(head, index);
    }
  }
  return (kept + head.slice(at)).replace(SIGNATURE, '$1****');
}

/** Where a literal ends; the end of the text for one that does not. */
function endOfLiteral(text: string, start: number): number {
  try {
    return readLiteral(text, start)?.end ?? text.length;
  } catch {
    return text.length;
  }
}

/** Offset of the first character after white space and `//` comments. */
export function skipTrivia(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    if (/\s/.test(text[at] as string)) {
      at += 1;
    } else if (text.startsWith('//', at)) {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end + 1;
    } else {
      break;
    }
  }
  return at;
}

/**
 * The token at or after `from`; `undefined` at the end of the text.
 * @throws KustoError `Syntax error: …` for a literal that does not end.
 */
export function readToken(text: string, from: number): Token | undefined {
  const start = skipTrivia(text, from);
  if (start >= text.length) {
    return undefined;
  }
  return readString(text, start) ?? readName(text, start) ?? readWord(text, start) ?? readSymbol(text, start);
}

function readWord(text: string, start: number): Token | undefined {
  WORD.lastIndex = start;
  const value = WORD.exec(text)?.[0];
  return value === undefined ? undefined : { kind: 'word', value, start, end: start + value.length };
}

function readSymbol(text: string, start: number): Token {
  const value = SYMBOLS.find((symbol) => text.startsWith(symbol, start)) ?? (text[start] as string);
  return { kind: 'symbol', value, start, end: start + value.length };
}

function readName(text: string, start: number): Token | undefined {
  if (text[start] !== '[') {
    return undefined;
  }
  const inner = readLiteral(text, skipTrivia(text, start + 1));
  if (inner === undefined) {
    return undefined;
  }
  const close = skipTrivia(text, inner.end);
  return text[close] === ']' ? { kind: 'name', value: inner.value, start, end: close + 1 } : undefined;
}

function readString(text: string, start: number): Token | undefined {
  const literal = readLiteral(text, start);
  return literal && { kind: 'string', value: literal.value, start, end: literal.end };
}

interface Literal {
  readonly value: string;
  readonly end: number;
}

/** One string literal: `'…'`, `"…"`, `@'…'`, `h'…'`, `h@'…'`, or fenced by three back-quotes or tildes. */
function readLiteral(text: string, start: number): Literal | undefined {
  let at = start;
  if (text[at] === 'h' || text[at] === 'H') {
    at += 1;
  }
  const fence = ['```', '~~~'].find((mark) => text.startsWith(mark, at));
  if (fence !== undefined) {
    return readFenced(text, at, fence);
  }
  const verbatim = text[at] === '@';
  const quoteAt = verbatim ? at + 1 : at;
  const quote = text[quoteAt];
  if (quote !== "'" && quote !== '"') {
    return undefined;
  }
  return verbatim ? readVerbatim(text, quoteAt, quote) : readEscaped(text, quoteAt, quote);
}

function readFenced(text: string, start: number, fence: string): Literal {
  const end = text.indexOf(fence, start + fence.length);
  if (end < 0) {
    throw syntaxError('the string literal does not end', text, start);
  }
  return { value: text.slice(start + fence.length, end), end: end + fence.length };
}

function readVerbatim(text: string, start: number, quote: string): Literal {
  let value = '';
  let at = start + 1;
  for (;;) {
    const close = text.indexOf(quote, at);
    if (close < 0) {
      throw syntaxError('the string literal does not end', text, start);
    }
    value += text.slice(at, close);
    if (text[close + 1] !== quote) {
      return { value, end: close + 1 };
    }
    value += quote;
    at = close + 2;
  }
}

function readEscaped(text: string, start: number, quote: string): Literal {
  let value = '';
  let at = start + 1;
  while (at < text.length) {
    const character = text[at] as string;
    if (character === quote) {
      return { value, end: at + 1 };
    }
    if (character === '\n') {
      break;
    }
    if (character === '\\') {
      const decoded = readEscape(text, at);
      value += decoded.value;
      at = decoded.end;
    } else {
      value += character;
      at += 1;
    }
  }
  throw syntaxError('the string literal does not end', text, start);
}

function readEscape(text: string, start: number): Literal {
  const kind = text[start + 1] ?? '';
  const digits = kind === 'u' ? 4 : kind === 'U' ? 8 : kind === 'x' ? 2 : 0;
  if (digits > 0) {
    const hex = text.slice(start + 2, start + 2 + digits);
    if (!/^[0-9a-fA-F]+$/.test(hex) || hex.length !== digits || Number.parseInt(hex, 16) > 0x10ffff) {
      throw syntaxError(`the escape \\${kind} needs ${digits} hexadecimal digits`, text, start);
    }
    return { value: fromCode(Number.parseInt(hex, 16)), end: start + 2 + digits };
  }
  const value = SIMPLE_ESCAPES[kind];
  if (value === undefined) {
    throw syntaxError(`the escape \\${kind} is not known`, text, start);
  }
  return { value, end: start + 2 };
}

/** A `\u` escape may be half of a surrogate pair, which `fromCodePoint` keeps as it is. */
function fromCode(code: number): string {
  return String.fromCodePoint(code);
}

/**
 * Offset after the bracket that closes the one at `open`, minding strings and comments.
 * @throws KustoError `Syntax error: …` when it is never closed.
 */
export function skipBalanced(text: string, open: number): number {
  const closers: string[] = [];
  let at = open;
  for (;;) {
    const token = readToken(text, at);
    if (token === undefined) {
      throw syntaxError(`'${text[open]}' is never closed`, text, open);
    }
    at = token.end;
    if (token.kind !== 'symbol') {
      continue;
    }
    const closer = { '(': ')', '{': '}', '[': ']' }[token.value];
    if (closer !== undefined) {
      closers.push(closer);
    } else if (token.value === closers.at(-1)) {
      closers.pop();
    }
    if (closers.length === 0) {
      return at;
    }
  }
}
