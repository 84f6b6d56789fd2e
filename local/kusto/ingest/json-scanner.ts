import type { BoundField } from './row-sink.js';

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;
const MINUS = 45;
const DOT = 46;
const PLUS = 43;
const BRACE = 123;
const BRACE_END = 125;
const BRACKET = 91;
const BRACKET_END = 93;

/** Thrown inside the scanner only; carries no message because a malformed line is common and silent. */
const MALFORMED = Symbol('malformed JSON');

interface PathNode {
  readonly targets: number[];
  readonly fields: Map<string, PathNode>;
  readonly items: Map<number, PathNode>;
}

function newPathNode(): PathNode {
  return { targets: [], fields: new Map(), items: new Map() };
}

function pathTree(bound: readonly BoundField[]): PathNode {
  const root = newPathNode();
  bound.forEach(({ path }, target) => {
    let node = root;
    for (const step of path) {
      const children = (typeof step === 'string' ? node.fields : node.items) as Map<typeof step, PathNode>;
      let child = children.get(step);
      if (child === undefined) {
        child = newPathNode();
        children.set(step, child);
      }
      node = child;
    }
    node.targets.push(target);
  });
  return root;
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

/**
 * Reads JSON records in place: values that fields ask for are remembered as ranges of the text, so numbers keep all
 * their digits and nothing else is built. Only the steps of the mapping's paths use the call stack.
 */
export class JsonScanner {
  private readonly bound: readonly BoundField[];
  private readonly root: PathNode;
  private readonly starts: Int32Array;
  private readonly ends: Int32Array;
  private readonly newlineIsBlank: boolean;
  private text = '';
  private at = 0;

  /** @param newlineIsBlank whether a record may span lines */
  constructor(bound: readonly BoundField[], newlineIsBlank: boolean) {
    this.bound = bound;
    this.root = pathTree(bound);
    this.starts = new Int32Array(bound.length).fill(-1);
    this.ends = new Int32Array(bound.length);
    this.newlineIsBlank = newlineIsBlank;
  }

  setText(text: string): void {
    this.text = text;
  }

  /**
   * Scans the record at `start`, an object unless `anyValue`.
   * @returns where it ends, or -1 when it is malformed (or the text ends within it)
   */
  scan(start: number, anyValue = false): number {
    this.at = start;
    this.starts.fill(-1);
    try {
      this.blanks();
      if (!anyValue && this.text.charCodeAt(this.at) !== BRACE) return -1;
      this.value(this.root);
    } catch (error) {
      if (error === MALFORMED) return -1;
      throw error;
    }
    return this.at;
  }

  /** Hands the values of the last scanned record to their fields. */
  commit(): void {
    for (let i = 0; i < this.bound.length; i++) {
      const { field } = this.bound[i]!;
      if (this.starts[i]! < 0) field.missing();
      else field.json(this.text, this.starts[i]!, this.ends[i]!);
    }
  }

  /** Where the blanks that start at `from` end. */
  skipBlanks(from: number): number {
    this.at = from;
    this.blanks();
    return this.at;
  }

  private blanks(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (c !== 32 && c !== 9 && c !== 13 && !(c === 10 && this.newlineIsBlank)) return;
      this.at++;
    }
  }

  private value(node: PathNode): void {
    const start = this.at;
    const c = this.text.charCodeAt(start);
    if (c === BRACE && node.fields.size > 0) this.object(node);
    else if (c === BRACKET && node.items.size > 0) this.array(node);
    else this.skipValue();
    for (const target of node.targets) {
      this.starts[target] = start;
      this.ends[target] = this.at;
    }
  }

  private object(node: PathNode): void {
    this.at++;
    this.blanks();
    if (this.text.charCodeAt(this.at) === BRACE_END) {
      this.at++;
      return;
    }
    for (;;) {
      const child = node.fields.get(this.key());
      if (child === undefined) this.skipValue();
      else this.value(child);
      if (this.ended(BRACE_END)) return;
    }
  }

  private array(node: PathNode): void {
    this.at++;
    this.blanks();
    if (this.text.charCodeAt(this.at) === BRACKET_END) {
      this.at++;
      return;
    }
    for (let index = 0; ; index++) {
      const child = node.items.get(index);
      if (child === undefined) this.skipValue();
      else this.value(child);
      if (this.ended(BRACKET_END)) return;
      this.blanks();
    }
  }

  /** After a member: `true` when the container closes here, `false` when a comma follows. */
  private ended(close: number): boolean {
    this.blanks();
    const c = this.text.charCodeAt(this.at++);
    if (c === close) return true;
    if (c !== COMMA) throw MALFORMED;
    return false;
  }

  private key(): string {
    this.blanks();
    const start = this.at;
    if (this.text.charCodeAt(start) !== QUOTE) throw MALFORMED;
    const escaped = this.string();
    const end = this.at;
    this.colon();
    if (!escaped) return this.text.slice(start + 1, end - 1);
    return JSON.parse(this.text.slice(start, end)) as string;
  }

  private colon(): void {
    this.blanks();
    if (this.text.charCodeAt(this.at++) !== COLON) throw MALFORMED;
    this.blanks();
  }

  /** Passes over a value of any depth. */
  private skipValue(): void {
    if (this.scalar()) return;
    // One character per open container, so that the closing one can be checked.
    const open: number[] = [];
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (c === BRACE || c === BRACKET) {
        this.at++;
        this.blanks();
        const close = c === BRACE ? BRACE_END : BRACKET_END;
        if (this.text.charCodeAt(this.at) !== close) {
          open.push(close);
          if (close === BRACE_END) this.key();
          continue;
        }
        this.at++;
      } else if (!this.scalar()) throw MALFORMED;
      while (open.length > 0 && this.ended(open.at(-1)!)) open.pop();
      const last = open.at(-1);
      if (last === undefined) return;
      if (last === BRACE_END) this.key();
      else this.blanks();
    }
  }

  /** Passes over a string, number or word; `false` (and nothing read) where a container starts. */
  private scalar(): boolean {
    const c = this.text.charCodeAt(this.at);
    if (c === BRACE || c === BRACKET) return false;
    if (c === QUOTE) this.string();
    else if (c === MINUS || isDigit(c)) this.number();
    else if (c === 116) this.word('true');
    else if (c === 102) this.word('false');
    else this.word('null');
    return true;
  }

  private word(word: string): void {
    if (!this.text.startsWith(word, this.at)) throw MALFORMED;
    this.at += word.length;
  }

  /** @returns whether it holds an escape sequence */
  private string(): boolean {
    const { text } = this;
    let at = this.at + 1;
    let escaped = false;
    for (;;) {
      const c = text.charCodeAt(at);
      if (c === QUOTE) break;
      if (c === BACKSLASH) {
        escaped = true;
        at = this.escape(at + 1);
        continue;
      }
      if (!(c >= 32)) throw MALFORMED;
      at++;
    }
    this.at = at + 1;
    return escaped;
  }

  private escape(at: number): number {
    const c = this.text[at];
    if (c === 'u') {
      if (!/^[0-9a-fA-F]{4}$/.test(this.text.slice(at + 1, at + 5))) throw MALFORMED;
      return at + 5;
    }
    if (c === undefined || !'"\\/bfnrt'.includes(c)) throw MALFORMED;
    return at + 1;
  }

  private number(): void {
    const { text } = this;
    if (text.charCodeAt(this.at) === MINUS) this.at++;
    if (text.charCodeAt(this.at) === 48) this.at++;
    else this.digits();
    if (text.charCodeAt(this.at) === DOT) {
      this.at++;
      this.digits();
    }
    const e = text.charCodeAt(this.at);
    if (e === 101 || e === 69) {
      const sign = text.charCodeAt(++this.at);
      if (sign === PLUS || sign === MINUS) this.at++;
      this.digits();
    }
    if (isDigit(text.charCodeAt(this.at))) throw MALFORMED;
  }

  private digits(): void {
    const start = this.at;
    while (isDigit(this.text.charCodeAt(this.at))) this.at++;
    if (this.at === start) throw MALFORMED;
  }
}
