import { deriveEndpoints, isLoopbackHost } from './endpoints.js';
import { type HostFacts, hasHubConnection } from './host-facts.js';
import type { Finding } from './issues.js';
import { mappingKindOf } from './kusto-types.js';
import { nearest } from './nearest.js';
import type { SourceInput } from './schema.js';
import { readsKey } from './schema-route.js';
import type { TableInput } from './schema-table.js';
import type { Settings } from './settings.js';

/** What stands well in the file, with its place; entries that are wrong in themselves are left out. */
export interface Parts {
  readonly sources: readonly { readonly index: number; readonly value: SourceInput }[];
  readonly tables: readonly { readonly index: number; readonly value: TableInput }[];
}

interface Indexed<T> {
  readonly index: number;
  readonly value: T;
}

function repeated<T>(
  entries: readonly Indexed<T>[],
  keyOf: (value: T) => string,
  finding: (entry: Indexed<T>, first: Indexed<T>) => Finding,
): Finding[] {
  const seen = new Map<string, Indexed<T>>();
  return entries.flatMap((entry) => {
    const key = keyOf(entry.value);
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, entry);
      return [];
    }
    return [finding(entry, first)];
  });
}

function duplicateFindings({ sources, tables }: Parts): Finding[] {
  return [
    ...repeated(
      sources,
      ({ name }) => name.toLowerCase(),
      ({ index, value }, first) => ({
        path: ['sources', index, 'name'],
        problem: `"${value.name}" is also the name of sources[${first.index}]; names must differ`,
      }),
    ),
    ...repeated(
      sources,
      ({ eventHub }) => [eventHub.connection, eventHub.name, eventHub.consumerGroup].join('\n').toLowerCase(),
      ({ index, value }, first) => ({
        path: ['sources', index, 'eventHub', 'consumerGroup'],
        problem:
          `sources[${first.index}] reads ${value.eventHub.name} with the same consumer group, so each would get ` +
          'only a part; give each its own',
      }),
    ),
    ...repeated(
      tables,
      ({ database, name }) => `${database}\n${name}`,
      ({ index, value }, first) => ({
        path: ['tables', index, 'name'],
        problem: `${value.database}.${value.name} is also tables[${first.index}]; write it once`,
      }),
    ),
  ];
}

function tableOf(parts: Parts, source: SourceInput): TableInput | undefined {
  const { database, table } = source.route;
  return parts.tables.find(({ value }) => value.database === database && value.name === table)?.value;
}

/** Does what the route says fit the table that the same file defines? */
function tableFindings(
  source: SourceInput,
  table: TableInput,
  path: readonly (string | number)[],
): Finding[] {
  const { format, mapping, columns } = source.route;
  const kind = mappingKindOf(format);
  if (typeof mapping === 'string') {
    const found = table.mappings.find((one) => one.name === mapping && one.kind === kind);
    const other = table.mappings.find((one) => one.name === mapping);
    if (found === undefined && other !== undefined) {
      const problem = `${mapping} is a ${other.kind} mapping, but format ${format} needs a ${kind} one`;
      return [{ path: [...path, 'mapping'], problem }];
    }
    const paths = found?.columns.map((column) => column.path) ?? [];
    const lost = Object.keys(columns).filter((key) => !readsKey(paths, key));
    return found === undefined || kind !== 'json'
      ? []
      : lost.map((key) => ({
          path: [...path, 'columns', key],
          problem: `mapping ${mapping} has no column with path $.${key}, so it would be lost; add one`,
        }));
  }
  const names = Object.keys(table.columns);
  const missing = mapping === undefined ? Object.keys(columns).filter((key) => !names.includes(key)) : [];
  const fromMapping = (mapping ?? []).map(({ column }) => column).filter((column) => !names.includes(column));
  const told = (name: string): string => {
    const close = nearest(name, names);
    return `table ${table.name} has no column ${name}; ${close === undefined ? 'add it there' : `did you mean ${close}?`}`;
  };
  return [
    ...missing.map((name) => ({ path: [...path, 'columns', name], problem: told(name) })),
    ...fromMapping.map((name) => ({ path: [...path, 'mapping'], problem: told(name) })),
  ];
}

function routeFindings(parts: Parts): Finding[] {
  return parts.sources.flatMap(({ index, value }) => {
    const table = tableOf(parts, value);
    const path = ['sources', index, 'route'];
    if (table !== undefined) {
      return tableFindings(value, table, path);
    }
    return value.route.tableCreateOptions === 'CreateIfNotExist'
      ? [
          {
            path: [...path, 'tableCreateOptions'],
            problem: `CreateIfNotExist needs ${value.route.database}.${value.route.table} in tables; add it there`,
          },
        ]
      : [];
  });
}

function hostStart(startFrom: string): string {
  if (startFrom === 'earliest' || startFrom === 'latest') {
    return `{"type": "${startFrom === 'earliest' ? 'fromStart' : 'fromEnd'}"}`;
  }
  return `{"type": "fromEnqueuedTime", "enqueuedTimeUtc": "${startFrom}"}`;
}

function startFindings({ sources }: Parts, host: HostFacts): Finding[] {
  const sameStart = (left: string, right: string): boolean =>
    left === right || (Date.parse(left) === Date.parse(right) && !Number.isNaN(Date.parse(left)));
  return sources
    .filter(({ value }) => !sameStart(value.eventHub.startFrom, host.startFrom))
    .map(({ index, value }) => ({
      path: ['sources', index, 'eventHub', 'startFrom'],
      problem:
        `${value.eventHub.startFrom} is not what host.json says (${host.startFrom}); set extensions.eventHubs.` +
        `initialOffsetOptions there to ${hostStart(value.eventHub.startFrom)}, it holds for all hubs of the app`,
    }));
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Endpoints that cannot be used, and `auth: none` towards another machine; judged even when other keys are wrong. */
export function clusterFindings(kusto: Readonly<Record<string, unknown>> | undefined): Finding[] {
  const cluster = textOf(kusto?.['cluster']);
  if (kusto === undefined || cluster === undefined) {
    return [];
  }
  const listed = Array.isArray(kusto['trustedHosts']) ? kusto['trustedHosts'] : [];
  const trusted = listed.filter((host): host is string => typeof host === 'string');
  const endpoints = deriveEndpoints(cluster, textOf(kusto['ingestUri']), trusted);
  if ('problem' in endpoints) {
    return [{ path: ['kusto', endpoints.key], problem: endpoints.problem }];
  }
  const hosts = [endpoints.engineUrl, endpoints.ingestUrl].map((url) => new URL(url).hostname);
  const kind = (kusto['auth'] as { readonly kind?: unknown } | null | undefined)?.kind;
  return kind !== 'none' || hosts.every(isLoopbackHost)
    ? []
    : [
        {
          path: ['kusto', 'auth', 'kind'],
          problem: 'none is only for a cluster on this machine; write managedIdentity or another kind',
        },
      ];
}

/** Connections that no app setting gives a value. */
export function connectionFindings(
  parts: Parts,
  deadLetter: unknown,
  settings: Settings,
): (Finding & { readonly setting: string })[] {
  const hubs = (['decode', 'delivery'] as const).flatMap((kind) => {
    const connection = (deadLetter as Record<string, { connection?: unknown } | undefined> | undefined)?.[
      kind
    ]?.connection;
    return typeof connection === 'string' ? [{ path: ['deadLetter', kind, 'connection'], connection }] : [];
  });
  const sources = parts.sources.map(({ index, value }) => ({
    path: ['sources', index, 'eventHub', 'connection'],
    connection: value.eventHub.connection,
  }));
  return [...sources, ...hubs]
    .filter(({ connection }) => !hasHubConnection(settings, connection))
    .map(({ path, connection }) => ({
      path,
      setting: connection,
      problem: `app setting ${connection} has no value; set it, or ${connection}__fullyQualifiedNamespace`,
    }));
}

/** The rules between parts of the file, and between the file and host.json. */
export function crossFindings(parts: Parts, host: HostFacts): Finding[] {
  return [...duplicateFindings(parts), ...routeFindings(parts), ...startFindings(parts, host)];
}
