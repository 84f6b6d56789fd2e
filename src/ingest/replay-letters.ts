import type { Config, RouteConfig, SourceConfig } from '../config/types.js';
import type { DeadLetter, DeadLetterStore } from '../deadletter/ports.js';
import { parseFormat } from '../formats/kinds.js';
import type { EventIngest } from './ingest-events.js';
import type { Envelope } from './types.js';

export interface ReplayLettersDeps {
  readonly sources: Config['sources'];
  /** The route of letters whose source is no pipeline of ours any more, such as HTTP bodies. */
  readonly fallback: SourceConfig;
  readonly store: DeadLetterStore;
  /** Makes the ingest path of one source; letters that fail again go to `deadLetters`. */
  readonly createIngest: (source: SourceConfig, deadLetters: DeadLetterStore) => EventIngest;
}

function toEnvelope(letter: DeadLetter): Envelope {
  return {
    body: letter.body,
    ...(letter.key === undefined ? {} : { key: letter.key }),
    properties: letter.properties,
    source: letter.source,
    position: {
      partition: letter.partition,
      offset: letter.offset,
      sequenceNumber: letter.sequenceNumber,
    },
    ...(letter.enqueuedAt === undefined ? {} : { enqueuedAt: letter.enqueuedAt }),
    ...(letter.index === undefined ? {} : { pieceIndex: letter.index }),
  };
}

/** An encoded body has been transformed and given its columns already, and goes where it was bound for. */
function encodedRoute(route: RouteConfig, letter: DeadLetter): RouteConfig {
  const { transform: _transform, ...rest } = route;
  return {
    ...rest,
    database: letter.database,
    table: letter.table,
    format: parseFormat(letter.format),
    dynamicAllow: [],
    columns: {},
    ignoreFirstRecord: false,
  };
}

function sourceOf(deps: ReplayLettersDeps, letter: DeadLetter): SourceConfig {
  const own = deps.sources.find(({ name }) => name === letter.source);
  if (own !== undefined && letter.bodyForm === 'original') {
    return { ...own, onError: 'deadLetter' };
  }
  const base = own ?? { ...deps.fallback, name: letter.source };
  const route = encodedRoute(base.route, letter);
  return {
    ...base,
    onError: 'deadLetter',
    route: letter.mapping === undefined ? route : { ...route, mapping: letter.mapping },
  };
}

/** Letters that share a path: same source, same form, same target. */
function groups(letters: readonly DeadLetter[]): DeadLetter[][] {
  const byPath = new Map<string, DeadLetter[]>();
  for (const letter of letters) {
    const { source, bodyForm, database, table, format, mapping } = letter;
    const path = JSON.stringify([source, bodyForm, database, table, format, mapping]);
    byPath.set(path, [...(byPath.get(path) ?? []), letter]);
  }
  return [...byPath.values()];
}

/**
 * Sends dead letters through the path of their source again.
 * @returns the ids of those that were shipped; the others are dead letters again, under the same ids.
 */
export function createLetterReplay(
  deps: ReplayLettersDeps,
): (letters: readonly DeadLetter[], signal?: AbortSignal) => Promise<ReadonlySet<string>> {
  return async (letters, signal) => {
    const shipped = new Set<string>();
    for (const group of groups(letters)) {
      const refused = new Set<string>();
      const store: DeadLetterStore = {
        ...deps.store,
        write: async (again, writeSignal) => {
          await deps.store.write(again, writeSignal);
          for (const { id } of again) {
            refused.add(id);
          }
        },
      };
      const ingest = deps.createIngest(sourceOf(deps, group[0] as DeadLetter), store);
      try {
        await ingest.handle(group.map(toEnvelope), signal);
        for (const { id } of group.filter((letter) => !refused.has(letter.id))) {
          shipped.add(id);
        }
      } finally {
        await ingest.close();
      }
    }
    return shipped;
  };
}
