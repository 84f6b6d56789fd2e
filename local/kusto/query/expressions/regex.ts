import { semanticError } from '../failures.js';

/** Compiled patterns kept. */
const MAX_CACHED_PATTERNS = 500;

const cache = new Map<string, RegExp>();

const ASCII_SPACE = '\\t\\n\\f\\r ';
const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  digit: '0-9',
  lower: 'a-z',
  upper: 'A-Z',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

class Re2Reader {
  private readonly pattern: string;
  private at = 0;
  private out = '';
  private inClass = false;
  flags = 'u';

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  translate(): string {
    this.leadingFlags();
    while (this.at < this.pattern.length) this.step();
    return this.out;
  }

  private refuse(why: string): Error {
    return semanticError('SEM0420', `Regex pattern is ill-formed: ${why} in '${this.pattern}'`);
  }

  private leadingFlags(): void {
    const match = /^\(\?([imsU]+)\)/.exec(this.pattern);
    if (match === null) return;
    for (const flag of match[1]!) {
      if (flag === 'U') throw this.refuse('the flag U is not supported by the local engine');
      if (!this.flags.includes(flag)) this.flags += flag;
    }
    this.at = match[0].length;
  }

  private step(): void {
    const c = this.pattern[this.at]!;
    if (c === '\\') this.escape();
    else if (this.inClass) this.classCharacter(c);
    else if (c === '(') this.group();
    else if (c === '[') this.openClass();
    else {
      // Outside their syntax, braces and brackets are literal in RE2 and must be escaped here.
      this.out +=
        (c === '{' && !this.isRepetition()) || c === ']' || (c === '}' && !this.closesRepetition())
          ? `\\${c}`
          : c;
      this.at++;
    }
  }

  private isRepetition(): boolean {
    return /^\{\d+(?:,\d*)?\}/.test(this.pattern.slice(this.at, this.at + 24));
  }

  private closesRepetition(): boolean {
    return /\{\d+(?:,\d*)?$/.test(this.out);
  }

  private openClass(): void {
    this.inClass = true;
    this.out += '[';
    this.at++;
    if (this.pattern[this.at] === '^') {
      this.out += '^';
      this.at++;
    }
    if (this.pattern[this.at] === ']') {
      this.out += '\\]';
      this.at++;
    }
  }

  private classCharacter(c: string): void {
    const posix = /^\[:([a-z]+):\]/.exec(this.pattern.slice(this.at, this.at + 12));
    if (posix !== null) {
      const set = POSIX[posix[1]!];
      if (set === undefined) throw this.refuse(`unknown class ${posix[0]}`);
      this.out += set;
      this.at += posix[0].length;
      return;
    }
    if (c === ']') this.inClass = false;
    this.out += c === '[' ? '\\[' : c;
    this.at++;
  }

  private group(): void {
    const rest = this.pattern.slice(this.at, this.at + 4);
    if (/^\(\?(?:=|!|<=|<!)/.test(rest)) throw this.refuse('look-around is not supported');
    if (rest.startsWith('(?P<')) {
      this.out += '(?<';
      this.at += 4;
    } else if (rest.startsWith('(?') && !rest.startsWith('(?:') && !rest.startsWith('(?<')) {
      throw this.refuse('flags inside the pattern are not supported by the local engine');
    } else {
      this.out += '(';
      this.at++;
    }
  }

  private escape(): void {
    const next = this.pattern[this.at + 1];
    if (next === undefined) throw this.refuse('trailing backslash');
    this.at += 2;
    if (/[1-9k]/.test(next)) throw this.refuse('back-references are not supported');
    if (next === 's') this.out += this.inClass ? ASCII_SPACE : `[${ASCII_SPACE}]`;
    else if (next === 'S' && !this.inClass) this.out += `[^${ASCII_SPACE}]`;
    else if (next === 'A') this.out += '^';
    else if (next === 'z') this.out += '$';
    else if (next === 'a') this.out += '\\x07';
    else if (next === 'Q') this.quoted();
    else if (next === 'x' && this.pattern[this.at] === '{') this.out += '\\u';
    else if (/[A-Za-z0-9]/.test(next)) this.out += `\\${next}`;
    else if (/[\^$\\.*+?()[\]{}|/-]/.test(next) && (next !== '-' || this.inClass)) this.out += `\\${next}`;
    else this.out += next;
  }

  private quoted(): void {
    const end = this.pattern.indexOf('\\E', this.at);
    const text = this.pattern.slice(this.at, end < 0 ? undefined : end);
    this.out += text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
    this.at = end < 0 ? this.pattern.length : end + 2;
  }
}

/**
 * An RE2 pattern as a JavaScript expression (global, so that matches can be walked).
 * @throws KustoError when it is malformed or uses what RE2 does not have
 */
export function compileRegex(pattern: string, extraFlags = ''): RegExp {
  const key = `${extraFlags}/${pattern}`;
  let regex = cache.get(key);
  if (regex === undefined) {
    const reader = new Re2Reader(pattern);
    const source = reader.translate();
    try {
      regex = new RegExp(source, `g${[...new Set(reader.flags + extraFlags)].join('')}`);
    } catch (error) {
      throw semanticError(
        'SEM0420',
        `Regex pattern is ill-formed: '${pattern}' (${(error as Error).message})`,
      );
    }
    if (cache.size >= MAX_CACHED_PATTERNS) cache.delete(cache.keys().next().value as string);
    cache.set(key, regex);
  }
  regex.lastIndex = 0;
  return regex;
}

export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
