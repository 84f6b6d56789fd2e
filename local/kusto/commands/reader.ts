import type { KustoError } from '../errors.js';
import { readToken, skipBalanced, skipTrivia, syntaxError, type Token } from './lexer.js';

/** `with (key = value, …)`: keys in lower case, values as text (strings decoded). */
export type Properties = ReadonlyMap<string, string>;

/** Reads the tokens of one management command from left to right. */
export class CommandReader {
  readonly text: string;
  #at: number;

  constructor(text: string, at = 0) {
    this.text = text;
    this.#at = at;
  }

  get offset(): number {
    return this.#at;
  }

  /** Goes back to an offset read before. */
  rewind(offset: number): void {
    this.#at = offset;
  }

  peek(): Token | undefined {
    return readToken(this.text, this.#at);
  }

  next(): Token {
    const token = this.peek();
    if (token === undefined) {
      throw this.error('the command ends too early');
    }
    this.#at = token.end;
    return token;
  }

  error(message: string): KustoError {
    return syntaxError(message, this.text, skipTrivia(this.text, this.#at));
  }

  /** Nothing but white space and comments is left. */
  atEnd(): boolean {
    return skipTrivia(this.text, this.#at) >= this.text.length;
  }

  /** What has not been read, without leading white space. */
  rest(): string {
    return this.text.slice(skipTrivia(this.text, this.#at));
  }

  /** All that has not been read, as it stands; the reader is then at the end. */
  takeRest(): string {
    const rest = this.text.slice(this.#at);
    this.#at = this.text.length;
    return rest;
  }

  /** Consumes the words in this order (case does not matter) or nothing. */
  tryWords(...words: readonly string[]): boolean {
    const before = this.#at;
    for (const word of words) {
      const token = this.peek();
      if (token?.kind !== 'word' || token.value.toLowerCase() !== word) {
        this.#at = before;
        return false;
      }
      this.#at = token.end;
    }
    return true;
  }

  words(...words: readonly string[]): void {
    if (!this.tryWords(...words)) {
      throw this.error(`expected '${words.join(' ')}'`);
    }
  }

  /** One of `words`, consumed, in lower case; `undefined` when another token follows. */
  tryOneOf<const W extends string>(words: readonly W[]): W | undefined {
    return words.find((word) => this.tryWords(word));
  }

  trySymbol(symbol: string): boolean {
    const token = this.peek();
    if (token?.kind === 'symbol' && token.value === symbol) {
      this.#at = token.end;
      return true;
    }
    return false;
  }

  symbol(symbol: string): void {
    if (!this.trySymbol(symbol)) {
      throw this.error(`expected '${symbol}'`);
    }
  }

  /** An entity's name: bare, bracketed or as a string literal. */
  name(what: string): string {
    const token = this.peek();
    if (token === undefined || token.kind === 'symbol') {
      throw this.error(`expected the name of ${what}`);
    }
    this.#at = token.end;
    return token.value;
  }

  /** A string literal; literals that follow each other are one. */
  string(what: string): string {
    let text = this.#tryLiteral();
    if (text === undefined) {
      throw this.error(`expected ${what} as a string literal`);
    }
    for (let more = this.#tryLiteral(); more !== undefined; more = this.#tryLiteral()) {
      text += more;
    }
    return text;
  }

  #tryLiteral(): string | undefined {
    const token = this.peek();
    if (token?.kind !== 'string') {
      return undefined;
    }
    this.#at = token.end;
    return token.value;
  }

  /** `(item, item, …)`; each item read by `item`. */
  list<T>(item: () => T): T[] {
    this.symbol('(');
    const items: T[] = [];
    if (this.trySymbol(')')) {
      return items;
    }
    do {
      items.push(item());
    } while (this.trySymbol(','));
    this.symbol(')');
    return items;
  }

  /** The text from a bracket to the one that closes it, both included. */
  balanced(open: '(' | '{' | '['): string {
    const start = skipTrivia(this.text, this.#at);
    if (this.text[start] !== open) {
      throw this.error(`expected '${open}'`);
    }
    this.#at = skipBalanced(this.text, start);
    return this.text.slice(start, this.#at);
  }

  /** All `with (…)` clauses that follow; empty when there is none. */
  properties(): Properties {
    const properties = new Map<string, string>();
    for (;;) {
      const before = this.#at;
      if (!this.tryWords('with') || !this.#peekSymbol('(')) {
        this.#at = before;
        return properties;
      }
      for (const [key, value] of this.list(() => this.#property())) {
        properties.set(key, value);
      }
    }
  }

  #property(): readonly [string, string] {
    const key = this.name('a property').toLowerCase();
    this.symbol('=');
    return [key, this.value()];
  }

  /** A literal as text: string, word, number, timespan, `datetime(…)`, `dynamic(…)`, with an optional minus. */
  value(): string {
    const sign = this.trySymbol('-') ? '-' : '';
    if (this.peek()?.kind === 'string') {
      return this.string('the value');
    }
    const token = this.next();
    if (token.kind === 'symbol') {
      throw syntaxError('expected a value', this.text, token.start);
    }
    if (token.kind === 'word' && this.#peekSymbol('(')) {
      return sign + unquote(this.balanced('(').slice(1, -1).trim());
    }
    return sign + token.value;
  }

  #peekSymbol(symbol: string): boolean {
    const token = this.peek();
    return token?.kind === 'symbol' && token.value === symbol;
  }
}

function unquote(text: string): string {
  const token = readToken(text, 0);
  return token?.kind === 'string' && token.end === text.length ? token.value : text;
}
