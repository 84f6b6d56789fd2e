import { type Document, isNode, LineCounter, parseAllDocuments } from 'yaml';
import type { Mistake, Path } from './mistakes.js';

/** A parsed YAML file that knows where its values stand. */
export interface YamlSource {
  /** Plain value; undefined when the text is no YAML. */
  readonly value: unknown;
  readonly mistakes: readonly Mistake[];
  /** Adds line and column of the path, or of the nearest thing around it. */
  locate(path: Path): { readonly line?: number; readonly column?: number };
}

/** Largest pipeline.yaml, in characters. */
const maxTextLength = 1024 * 1024;

/** Reads YAML 1.2; duplicate keys, several documents and unknown tags are mistakes. */
export function parseYaml(text: string): YamlSource {
  if (text.length > maxTextLength) {
    return unreadable([{ path: '', problem: 'is larger than 1 MiB; that cannot be a pipeline.yaml' }]);
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const [document] = documents as Document[];
  if (document === undefined) {
    return unreadable([{ path: '', problem: 'is empty; write at least the key kusto' }]);
  }
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const mistakes: Mistake[] = documents
    .flatMap((one) => [...one.errors, ...one.warnings])
    .map((error) => ({ path: '', problem: error.message, ...at(error.pos[0]) }));
  if (documents.length > 1) {
    mistakes.push({ path: '', problem: 'holds several documents (---); write one' });
  }
  if (mistakes.length > 0) {
    return unreadable(mistakes);
  }
  return {
    value: toPlain(document),
    mistakes: [],
    locate: (path) => {
      for (let length = path.length; length >= 0; length--) {
        const offset = offsetOf(document, path.slice(0, length));
        if (offset !== undefined) {
          return at(offset);
        }
      }
      return {};
    },
  };
}

function unreadable(mistakes: readonly Mistake[]): YamlSource {
  return { value: undefined, mistakes, locate: () => ({}) };
}

function toPlain(document: Document): unknown {
  return document.toJS({ maxAliasCount: 100 });
}

/** Offset of the key (for a map entry) or of the value (for a list entry). */
function offsetOf(document: Document, path: Path): number | undefined {
  const last = path.at(-1);
  const parent = path.length === 0 ? undefined : document.getIn(path.slice(0, -1), true);
  if (parent !== undefined && typeof last === 'string') {
    const items = (parent as { readonly items?: readonly { readonly key?: unknown }[] }).items ?? [];
    const key = items.map((pair) => pair.key).find((one) => isNode(one) && String(one) === last);
    if (isNode(key) && key.range) {
      return key.range[0];
    }
  }
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  return isNode(node) && node.range ? node.range[0] : undefined;
}
