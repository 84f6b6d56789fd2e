import type { Dynamic, DynamicNode } from '../store/types.js';
import { parseJson, printJson } from './json.js';

class LazyDynamic implements Dynamic {
  readonly text: string;
  private node: DynamicNode | undefined;

  constructor(text: string) {
    this.text = text;
  }

  value(): DynamicNode {
    if (this.node === undefined) {
      const parsed = parseJson(this.text);
      this.node = parsed === undefined ? this.text : parsed;
    }
    return this.node;
  }
}

class BuiltDynamic implements Dynamic {
  private readonly node: DynamicNode;
  private printed: string | undefined;

  constructor(node: DynamicNode) {
    this.node = node;
  }

  get text(): string {
    this.printed ??= printJson(this.node);
    return this.printed;
  }

  value(): DynamicNode {
    return this.node;
  }
}

/** Wraps text the caller knows to be JSON; parsed on first use. For text of unknown origin use {@link parseDynamic}. */
export function dynamicFromText(text: string): Dynamic {
  return new LazyDynamic(text);
}

/** Wraps a node; printed on first use. */
export function dynamicFromNode(node: DynamicNode): Dynamic {
  return new BuiltDynamic(node);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What `parse_json` makes of text: the JSON value (its spelling kept), or else the text as a string. */
export function parseDynamic(text: string): Dynamic {
  return isJson(text) ? new LazyDynamic(text) : new BuiltDynamic(text);
}
