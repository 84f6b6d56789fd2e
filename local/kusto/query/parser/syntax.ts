import type { BridgeNode } from './load.js';

/** A node of the syntax tree in plain objects, free of the parser's runtime. */
export interface Syntax {
  /** The parser's kind name, such as `FilterOperator`. */
  readonly kind: string;
  /** The member of its parent this node stands in, such as `Condition`. */
  readonly role: string;
  /** Text of a token; empty for inner nodes. */
  readonly text: string;
  /** Offset of the first character in the query text. */
  readonly start: number;
  readonly end: number;
  readonly children: readonly Syntax[];
  /** The whole query text, for taking a node's own text. */
  readonly source: string;
}

/** Deepest nesting that is translated; deeper input is refused rather than exhausting the stack. */
const MAX_SYNTAX_DEPTH = 1500;

export class SyntaxTooDeepError extends Error {}

interface Reader {
  readonly source: string;
  readonly kindName: (kind: number) => string;
}

export function toSyntax(node: BridgeNode, reader: Reader, depth = 0): Syntax {
  if (depth > MAX_SYNTAX_DEPTH) throw new SyntaxTooDeepError('the query is nested too deeply');
  const kind = reader.kindName(node.Kind);
  const role = node.NameInParent ?? '';
  const start = node.TextStart;
  if (node.GetChild === undefined || node.Text !== undefined) {
    const text = node.Text ?? '';
    return { kind, role, text, start, end: start + text.length, children: [], source: reader.source };
  }
  const children: Syntax[] = [];
  const count = node.ChildCount ?? 0;
  for (let index = 0; index < count; index++) {
    const child = node.GetChild(index);
    if (child !== null && child !== undefined) children.push(toSyntax(child, reader, depth + 1));
  }
  const end = children.at(-1)?.end ?? start;
  return { kind, role, text: '', start, end, children, source: reader.source };
}

export function child(node: Syntax, role: string): Syntax | undefined {
  return node.children.find((candidate) => candidate.role === role);
}

export function need(node: Syntax, role: string): Syntax {
  const found = child(node, role);
  if (found === undefined) throw new Error(`syntax node ${node.kind} has no ${role}`);
  return found;
}

/** Elements of the list in `role`, with separators removed. */
export function elements(node: Syntax, role: string): readonly Syntax[] {
  const list = child(node, role);
  return list === undefined ? [] : listElements(list);
}

function listElements(list: Syntax): readonly Syntax[] {
  return list.children.map((item) =>
    item.kind === 'SeparatedElement' ? (item.children[0] as Syntax) : item,
  );
}

export function sourceText(node: Syntax): string {
  return node.source.slice(node.start, node.end);
}

/** First token of a node: keywords stand there. */
export function firstToken(node: Syntax): string {
  let current = node;
  while (current.children.length > 0) current = current.children[0] as Syntax;
  return current.text;
}
