import type { CommandReader } from './reader.js';
import type { CommandDefinition, Matched } from './types.js';

type Element =
  | { readonly kind: 'words'; readonly options: readonly string[]; readonly isOptional: boolean }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'list'; readonly name: string };

interface Entry<D> {
  readonly elements: readonly Element[];
  readonly definition: D;
}

interface Found<D> extends Matched {
  readonly definition: D;
}

/** Finds the definition whose pattern begins a command. */
export class CommandTable<D extends Pick<CommandDefinition, 'pattern'>> {
  readonly #entries: readonly Entry<D>[];

  constructor(definitions: readonly D[]) {
    this.#entries = definitions
      .map((definition) => ({ elements: parsePattern(definition.pattern), definition }))
      .sort((a, b) => weight(b.elements) - weight(a.elements));
  }

  /** Moves the reader behind what the pattern covers; leaves it alone when nothing matches. */
  find(reader: CommandReader): Found<D> | undefined {
    const start = reader.offset;
    for (const { elements, definition } of this.#entries) {
      const matched = matchElements(elements, reader);
      if (matched !== undefined) {
        return { definition, ...matched };
      }
      reader.rewind(start);
    }
    return undefined;
  }
}

/** Longer patterns first; among equals the one with fewer placeholders. */
function weight(elements: readonly Element[]): number {
  const required = elements.filter((element) => element.kind !== 'words' || !element.isOptional);
  return required.length * 10 - elements.filter(({ kind }) => kind === 'name').length;
}

function parsePattern(pattern: string): Element[] {
  return pattern.split(' ').map((part) => {
    if (part.startsWith('({')) {
      return { kind: 'list', name: part.slice(2, -2) };
    }
    if (part.startsWith('{')) {
      return { kind: 'name', name: part.slice(1, -1) };
    }
    const isOptional = part.startsWith('[');
    return { kind: 'words', options: (isOptional ? part.slice(1, -1) : part).split('|'), isOptional };
  });
}

function matchElements(elements: readonly Element[], reader: CommandReader): Matched | undefined {
  const names: Record<string, string> = {};
  const lists: Record<string, readonly string[]> = {};
  const flags = new Set<string>();
  for (const element of elements) {
    const token = reader.peek();
    if (element.kind === 'list') {
      const items = tryList(reader);
      if (items === undefined) {
        return undefined;
      }
      lists[element.name] = items;
      continue;
    }
    if (element.kind === 'name') {
      if (token === undefined || token.kind === 'symbol') {
        return undefined;
      }
      names[element.name] = reader.next().value;
      continue;
    }
    const word = reader.tryOneOf(element.options);
    if (word === undefined && !element.isOptional) {
      return undefined;
    }
    if (word !== undefined && (element.isOptional || element.options.length > 1)) {
      flags.add(word);
    }
  }
  return { names, lists, flags };
}

/** `(A, ['B'], …)`; nothing when anything else follows. */
function tryList(reader: CommandReader): readonly string[] | undefined {
  const items: string[] = [];
  if (!reader.trySymbol('(')) {
    return undefined;
  }
  do {
    const token = reader.peek();
    if (token === undefined || token.kind === 'symbol') {
      return undefined;
    }
    items.push(reader.next().value);
  } while (reader.trySymbol(','));
  return reader.trySymbol(')') ? items : undefined;
}
