import type { DynamicNode, DynamicReal } from '../store/types.js';

/** A whole-number literal longer than this is compared as a bigint. */
const SAFE_DIGITS = 15;

class JsonSyntaxError extends Error {}

type Container = DynamicNode[] | Map<string, DynamicNode>;

const INTEGER = /-?(?:0|[1-9]\d*)/y;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;

function integerNode(text: string): number | bigint {
  if (text.length <= SAFE_DIGITS) return Number(text) + 0;
  const value = BigInt(text);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
}

/** A JSON number literal as a node: whole numbers exact, others as {@link DynamicReal}. */
export function numberNode(text: string): number | bigint | DynamicReal {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 46 || c === 101 || c === 69) return { real: Number(text) };
  }
  return integerNode(text);
}

/** Reads JSON with an explicit stack, so that depth is bounded by memory and not by the call stack. */
class JsonReader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  document(): DynamicNode {
    const stack: Container[] = [];
    const keys: string[] = [];
    let root: DynamicNode | undefined;
    for (;;) {
      const opened = this.openOrScalar();
      let done: DynamicNode;
      if (opened.open) {
        if (!this.closesEmpty(opened.node)) {
          stack.push(opened.node as Container);
          if (opened.node instanceof Map) keys.push(this.key());
          continue;
        }
        done = opened.node;
      } else {
        done = opened.node;
      }
      // Hand the finished value to its parent, closing every container that ends here.
      for (;;) {
        const parent = stack.at(-1);
        if (parent === undefined) {
          root = done;
          break;
        }
        if (parent instanceof Map) parent.set(keys.pop()!, done);
        else parent.push(done);
        if (this.more(parent instanceof Map ? 125 : 93)) {
          if (parent instanceof Map) keys.push(this.key());
          break;
        }
        done = stack.pop()!;
      }
      if (stack.length === 0 && root !== undefined) break;
    }
    this.blanks();
    if (this.at !== this.text.length) throw this.error('end of text');
    return root;
  }

  private error(expected: string): JsonSyntaxError {
    return new JsonSyntaxError(`JSON: ${expected} expected at character ${this.at}`);
  }

  private blanks(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.at);
      if (c !== 32 && c !== 10 && c !== 13 && c !== 9) return;
      this.at++;
    }
  }

  private openOrScalar(): { open: boolean; node: DynamicNode } {
    this.blanks();
    const c = this.text.charCodeAt(this.at);
    if (c === 123) return this.opened(new Map<string, DynamicNode>());
    if (c === 91) return this.opened([]);
    if (c === 34) return { open: false, node: this.string() };
    if (c === 45 || (c >= 48 && c <= 57)) return { open: false, node: this.number() };
    for (const [word, node] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return { open: false, node };
      }
    }
    throw this.error('a value');
  }

  private opened(node: Container): { open: boolean; node: DynamicNode } {
    this.at++;
    return { open: true, node };
  }

  private closesEmpty(node: DynamicNode): boolean {
    this.blanks();
    if (this.text.charCodeAt(this.at) !== (node instanceof Map ? 125 : 93)) return false;
    this.at++;
    return true;
  }

  /** After a value: `true` when a comma follows, `false` when the container closes. */
  private more(close: number): boolean {
    this.blanks();
    const c = this.text.charCodeAt(this.at++);
    if (c === 44) return true;
    if (c === close) return false;
    this.at--;
    throw this.error(close === 125 ? '"," or "}"' : '"," or "]"');
  }

  private key(): string {
    this.blanks();
    if (this.text.charCodeAt(this.at) !== 34) throw this.error('a name in quotes');
    const key = this.string();
    this.blanks();
    if (this.text.charCodeAt(this.at++) !== 58) throw this.error('":"');
    return key;
  }

  private number(): number | bigint | DynamicReal {
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null) throw this.error('a number');
    this.at = NUMBER.lastIndex;
    if (match[1] !== undefined || match[2] !== undefined) return { real: Number(match[0]) };
    return integerNode(match[0]);
  }

  private string(): string {
    const start = this.at;
    let end = start + 1;
    let escaped = false;
    for (;;) {
      const c = this.text.charCodeAt(end);
      if (c === 34) break;
      if (c === 92) {
        escaped = true;
        end++;
      } else if (!(c >= 32)) {
        this.at = end;
        throw this.error('the end of a string');
      }
      end++;
    }
    this.at = end + 1;
    if (!escaped) return this.text.slice(start + 1, end);
    try {
      return JSON.parse(this.text.slice(start, end + 1)) as string;
    } catch {
      this.at = start;
      throw this.error('a legal escape sequence');
    }
  }
}

/** Exact parse; `undefined` when the text is not JSON. Depth is limited by memory only. */
export function parseJson(text: string): DynamicNode | undefined {
  try {
    return new JsonReader(text).document();
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

export function isDynamicReal(node: DynamicNode): node is DynamicReal {
  return typeof node === 'object' && node !== null && 'real' in node && !(node instanceof Map);
}

/** A double as JSON text that reads back as a real: `1.0`; NaN and infinities as quoted words. */
export function printReal(value: number): string {
  if (!Number.isFinite(value))
    return Number.isNaN(value) ? '"NaN"' : value > 0 ? '"Infinity"' : '"-Infinity"';
  const text = Object.is(value, -0) ? '-0' : String(value);
  INTEGER.lastIndex = 0;
  return INTEGER.test(text) && INTEGER.lastIndex === text.length ? `${text}.0` : text;
}

function printScalar(node: null | boolean | number | bigint | string | DynamicReal): string {
  if (typeof node === 'string') return JSON.stringify(node);
  if (typeof node === 'number') return Number.isInteger(node) ? BigInt(node).toString() : printReal(node);
  if (typeof node === 'object' && node !== null) return printReal(node.real);
  return String(node);
}

interface PrintFrame {
  readonly entries: Iterator<DynamicNode | readonly [string, DynamicNode]>;
  readonly close: string;
  first: boolean;
}

function frameOf(node: readonly DynamicNode[] | ReadonlyMap<string, DynamicNode>): PrintFrame {
  return node instanceof Map
    ? { entries: node.entries(), close: '}', first: true }
    : { entries: (node as readonly DynamicNode[]).values(), close: ']', first: true };
}

/** Compact JSON text; an explicit stack keeps deep values from exhausting the call stack. */
export function printJson(root: DynamicNode): string {
  const out: string[] = [];
  const stack: PrintFrame[] = [];
  const emit = (node: DynamicNode): void => {
    if (Array.isArray(node) || node instanceof Map) {
      const frame = frameOf(node);
      out.push(frame.close === '}' ? '{' : '[');
      stack.push(frame);
    } else {
      out.push(
        printScalar(node as Exclude<DynamicNode, readonly DynamicNode[] | ReadonlyMap<string, DynamicNode>>),
      );
    }
  };
  emit(root);
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const next = frame.entries.next();
    if (next.done === true) {
      out.push(frame.close);
      stack.pop();
      continue;
    }
    if (!frame.first) out.push(',');
    frame.first = false;
    if (frame.close === '}') {
      const [key, value] = next.value as readonly [string, DynamicNode];
      out.push(JSON.stringify(key), ':');
      emit(value);
    } else {
      emit(next.value as DynamicNode);
    }
  }
  return out.join('');
}
