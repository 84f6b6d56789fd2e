import { dirname, resolve } from 'node:path';
import { ownValue } from '../runtime/own-value.js';
import { redact } from '../runtime/redact.js';
import { deriveEndpoints } from './endpoints.js';
import { type HostFacts, handlerDeadlineMs, hostFactsOf } from './host-facts.js';
import { type Finding, findingsOf, unknownKeys } from './issues.js';
import { pipelineSchemaTree } from './json-schema.js';
import { loadStorageFindings, toLoadStorage } from './load-storage.js';
import { configError, formatPath, type Mistake, type Path } from './mistakes.js';
import { clusterFindings, connectionFindings, crossFindings, type Parts } from './rules.js';
import { createPipelineSchema, type PipelineInput, type SourceInput, sourceSchema } from './schema.js';
import { maxStreamingBytes } from './schema-route.js';
import { tableSchema } from './schema-table.js';
import { type Settings, substituteSettings } from './settings.js';
import { resolveStorage, type StorageAccount } from './storage-settings.js';
import type { Config, RouteConfig, SourceConfig } from './types.js';
import { MiB } from './units.js';
import { configWarnings, literalSecrets } from './warnings.js';
import { parseYaml, type YamlSource } from './yaml-source.js';

export interface LoadInput {
  readonly yamlText: string;
  /** The file's path: for messages, and what paths inside the file are relative to. */
  readonly path: string;
  /** App settings. */
  readonly settings: Settings;
  /** What host.json says; left out, the platform's defaults. */
  readonly host?: HostFacts;
}

export interface CheckedConfig {
  /** Present when there are no mistakes. */
  readonly config?: Config;
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly string[];
}

const defaultBatchBytes = 64 * MiB;

type Tree = Record<string, unknown>;
const isTree = (value: unknown): value is Tree => value !== null && typeof value === 'object';

/** What stands in for a required key that is wrong or missing, so that the rest can be judged as well. */
const standIns: Readonly<Record<string, (index: number) => unknown>> = {
  name: (index) => `Missing${index}`,
  database: () => 'Missing',
  table: (index) => `Missing${index}`,
  connection: () => 'Missing',
  format: () => 'json',
  kind: () => 'azureCli',
  auth: () => ({ kind: 'azureCli' }),
  cluster: () => 'http://localhost',
};

/** Takes away what is wrong, or puts something harmless in its place. */
function repair(tree: unknown, paths: readonly Path[]): unknown {
  const copy: unknown = structuredClone(tree);
  for (const [index, path] of paths.entries()) {
    const parent = path
      .slice(0, -1)
      .reduce<unknown>((node, key) => (isTree(node) ? node[key] : undefined), copy);
    const last = path.at(-1);
    if (!isTree(parent) || typeof last !== 'string') {
      continue;
    }
    delete parent[last];
    const standIn = ownValue(standIns, last)?.(index);
    if (standIn !== undefined) {
      parent[last] = standIn;
    }
    if (last === 'format') {
      // Whether these two are right hangs on the format, so nothing can be said about them.
      delete parent['columns'];
      delete parent['mapping'];
    }
  }
  return copy;
}

function listAt(tree: unknown, key: string): readonly unknown[] {
  const list = (tree as Record<string, unknown> | null | undefined)?.[key];
  return Array.isArray(list) ? list : [];
}

/** Mappings and policies that are wrong do not hide what is said about the table itself. */
function parseTable(value: unknown): ReturnType<typeof tableSchema.safeParse> {
  const parsed = tableSchema.safeParse(value);
  return parsed.success || !isTree(value)
    ? parsed
    : tableSchema.safeParse({ ...value, mappings: [], policies: {} });
}

function partsOf(tree: unknown, functionTimeoutMs: number): Parts {
  const source = sourceSchema(functionTimeoutMs);
  const sources = listAt(tree, 'sources').map((value, index) => ({ index, parsed: source.safeParse(value) }));
  const tables = listAt(tree, 'tables').map((value, index) => ({
    index,
    parsed: parseTable(value),
  }));
  return {
    sources: sources.flatMap(({ index, parsed }) => (parsed.success ? [{ index, value: parsed.data }] : [])),
    tables: tables.flatMap(({ index, parsed }) => (parsed.success ? [{ index, value: parsed.data }] : [])),
  };
}

const samePath = (left: Path, right: Path): boolean => formatPath(left) === formatPath(right);

/** Is `outer` the path itself or one around it? What a repair took away must not be missed there. */
const isWithin = (inner: Path, outer: Path): boolean => outer.every((part, index) => inner[index] === part);

interface Judged {
  readonly findings: readonly (Finding & { readonly setting?: string })[];
  readonly input?: PipelineInput;
  readonly account?: StorageAccount;
}

function judge(
  given: unknown,
  unset: readonly Path[],
  context: { settings: Settings; host: HostFacts },
): Judged {
  const { settings, host } = context;
  const tree = repair(given, unset);
  const schema = createPipelineSchema(host.functionTimeoutMs);
  const parsed = schema.safeParse(tree);
  const first = parsed.success ? [] : findingsOf(parsed.error, tree);
  const rest = repair(
    tree,
    first.map(({ path }) => path),
  );
  const again = parsed.success ? parsed : schema.safeParse(rest);
  const second = again.success ? [] : findingsOf(again.error, rest);
  const parts = partsOf(
    repair(
      rest,
      second.map(({ path }) => path),
    ),
    host.functionTimeoutMs,
  );
  const section = rest as Record<string, Record<string, unknown> | undefined>;
  const connection = String(section['storage']?.['connection'] ?? 'AzureWebJobsStorage');
  const account = resolveStorage(settings, connection);
  const storage =
    typeof account === 'string'
      ? [{ path: ['storage', 'connection'], problem: account, setting: connection }]
      : [];
  const findings = [
    ...unknownKeys(pipelineSchemaTree(), given),
    ...first,
    ...[
      ...second,
      ...clusterFindings(section['kusto']),
      ...crossFindings(parts, host),
      ...connectionFindings(parts, section['deadLetter'], settings),
      ...storage,
      ...loadStorageFindings(section['load'], settings),
    ].filter(({ path }) => !first.some((finding) => isWithin(finding.path, path))),
  ];
  return {
    findings,
    ...(parsed.success ? { input: parsed.data } : {}),
    ...(typeof account === 'string' ? {} : { account }),
  };
}

function toRoute(route: SourceInput['route'], folder: string): RouteConfig {
  const { dynamic, batch, transform, mapping, ...rest } = route;
  const maxBytes = batch.maxBytes ?? (route.delivery === 'streaming' ? maxStreamingBytes : defaultBatchBytes);
  return {
    ...rest,
    ...(mapping === undefined ? {} : { mapping }),
    ...(transform === undefined ? {} : { transform: resolve(folder, transform) }),
    dynamicAllow: dynamic.allow,
    batch: { ...batch, maxBytes },
  };
}

function toSource(source: SourceInput, folder: string): SourceConfig {
  return { ...source, route: toRoute(source.route, folder) };
}

/** Least of what `settle.graceMs` is by itself. */
const leastDefaultGraceMs = 600_000;

/** Above what a handler may hold a shipment, by the time that its last writes may take. */
function defaultGraceMs(functionTimeoutMs: number): number {
  return Math.max(leastDefaultGraceMs, handlerDeadlineMs(functionTimeoutMs) + 60_000);
}

function toConfig(
  input: PipelineInput,
  account: StorageAccount,
  { functionTimeoutMs, ...loaded }: LoadInput & { readonly functionTimeoutMs: number },
): Config {
  const { cluster, ingestUri, auth, trustedHosts, ...kusto } = input.kusto;
  const endpoints = deriveEndpoints(cluster, ingestUri, trustedHosts);
  if ('problem' in endpoints) {
    throw configError(loaded.path, [{ path: `kusto.${endpoints.key}`, problem: endpoints.problem }]);
  }
  const folder = dirname(loaded.path);
  const { stagingContainer, ledgerTable } = input.storage;
  return {
    ...input,
    kusto: {
      ...kusto,
      ...endpoints,
      auth: auth.kind === 'certificate' ? { ...auth, path: resolve(folder, auth.path) } : auth,
      trustedHosts,
    },
    storage: { ...account, stagingContainer, ledgerTable },
    load: {
      ...input.load,
      storage: input.load.storage.map((entry) => toLoadStorage(entry, account, loaded.settings)),
    },
    settle: { ...input.settle, graceMs: input.settle.graceMs ?? defaultGraceMs(functionTimeoutMs) },
    sources: input.sources.map((source) => toSource(source, folder)),
  };
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

function toMistakes(
  judged: Judged,
  missing: readonly (Finding & { readonly setting: string })[],
  yaml: YamlSource,
): Mistake[] {
  const unset = missing.map(({ path }) => path);
  const findings = judged.findings.filter(({ path }) => !unset.some((one) => samePath(one, path)));
  const all: readonly (Finding & { readonly setting?: string })[] = [...missing, ...findings];
  return all
    .map(({ path, problem, setting }) => ({
      path: formatPath(path),
      problem: redact(problem),
      ...yaml.locate(path),
      ...(setting === undefined ? {} : { missingSetting: setting }),
    }))
    .sort((left, right) => (left.line ?? 0) - (right.line ?? 0) || (left.column ?? 0) - (right.column ?? 0));
}

/** Reads and judges a configuration without throwing: every mistake, or the frozen configuration with its warnings. */
export function checkConfig(loaded: LoadInput): CheckedConfig {
  const yaml = parseYaml(loaded.yamlText);
  if (yaml.mistakes.length > 0) {
    return { mistakes: yaml.mistakes, warnings: [] };
  }
  const { settings } = loaded;
  const host = loaded.host ?? hostFactsOf({}, settings);
  const { value, missing } = substituteSettings(yaml.value, settings);
  const level = settings['LOG_LEVEL']?.toLowerCase();
  const isMap = value !== null && typeof value === 'object' && !Array.isArray(value);
  const tree = isMap ? { ...value, ...(level ? { logLevel: level } : {}) } : value;
  const unset = missing.map(({ path, name }) => ({
    path,
    problem: `app setting ${name} has no value; set it (on a laptop in local.settings.json)`,
    setting: name,
  }));
  const judged = judge(
    tree,
    missing.map(({ path }) => path),
    { settings, host },
  );
  const mistakes = toMistakes(judged, unset, yaml);
  if (mistakes.length > 0 || judged.input === undefined || judged.account === undefined) {
    return { mistakes, warnings: [] };
  }
  const { functionTimeoutMs } = host;
  const config = deepFreeze(toConfig(judged.input, judged.account, { ...loaded, functionTimeoutMs }));
  return { config, mistakes, warnings: [...configWarnings(config, host), ...literalSecrets(yaml.value)] };
}

/**
 * The frozen configuration of a pipeline.yaml: `%SETTING%` replaced, defaults filled in, sizes in bytes, durations
 * in ms, ingest URL and storage account derived.
 * @throws CONFIG_INVALID with every mistake listed; CONFIG_SETTING_MISSING when only app settings are missing.
 */
export function loadConfig(loaded: LoadInput): Config {
  const { config, mistakes } = checkConfig(loaded);
  if (config === undefined) {
    throw configError(loaded.path, mistakes);
  }
  return config;
}

/**
 * The defaults of a source as one that has no trigger: what HTTP bodies and letters of pipelines that are gone are
 * handled by. Waits are cut to what the function timeout allows. Database and table are named by whoever uses it.
 */
export function defaultSource(name: string, functionTimeoutMs: number): SourceConfig {
  const heldMs = handlerDeadlineMs(functionTimeoutMs);
  const parsed = sourceSchema(Number.POSITIVE_INFINITY).parse({
    name,
    eventHub: { connection: 'NONE', name: 'none' },
    route: { database: 'none', table: 'none', format: 'json' },
  });
  const source = toSource(parsed, '.');
  const { retry, route } = source;
  return deepFreeze({
    ...source,
    retry: { ...retry, maxElapsedMs: Math.min(retry.maxElapsedMs, heldMs) },
    route: { ...route, batch: { ...route.batch, maxAgeMs: Math.min(route.batch.maxAgeMs, heldMs) } },
  });
}
