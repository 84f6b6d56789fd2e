import { gzipSync } from 'node:zlib';
import { mappingKindOf } from '../config/kusto-types.js';
import { readsKey } from '../config/schema-route.js';
import type { Config, RouteConfig } from '../config/types.js';
import { formatDuration, parseTimeSpan } from '../config/units.js';
import {
  addDatabaseRole,
  alterMergePolicy,
  alterStreaming,
  getIngestionResources,
} from '../kusto/commands.js';
import type { KustoClient, StreamingIngestion } from '../kusto/ports.js';
import type { Row } from '../kusto/rows.js';
import { KfError } from '../runtime/errors.js';
import { applyTable } from './apply.js';
import { type Check, failed, passed } from './codes.js';
import { isForbidden, type KustoState, told } from './kusto-state.js';
import { type CheckTarget, definitionOf, principalOf } from './targets.js';

/** What the checks of one table need. */
export interface TableCheckContext {
  readonly config: Config;
  readonly client: KustoClient;
  readonly state: KustoState;
  readonly streaming?: StreamingIngestion;
  readonly newId: () => string;
}

const nameOf = ({ database, name }: CheckTarget): string => `${database}.${name}`;

/** A gzip stream that holds nothing: a streaming request with it can add no row. */
const emptyGzip = gzipSync(new Uint8Array());

/** Answers of a refused look: Viewer is missing (a warning), or something else is in the way. */
export function unreadable(
  context: TableCheckContext,
  target: CheckTarget,
  problem: { readonly error: unknown; readonly code: 'DATABASE_FAILED' | 'CHECK_INCOMPLETE' },
): Check {
  const { error, code } = problem;
  if (isForbidden(error)) {
    const fix = addDatabaseRole(target.database, 'viewers', principalOf(context.config.kusto.auth));
    const name = `database ${target.database}`;
    return failed(name, 'VIEWER_MISSING', { message: told(error), fix, warning: true });
  }
  const name = code === 'DATABASE_FAILED' ? `database ${target.database}` : `table ${nameOf(target)}`;
  return failed(name, code, { message: told(error) });
}

/** The table is there, or is made when the route says so. Undefined when it is ready. */
export async function checkTable(context: TableCheckContext, target: CheckTarget): Promise<Check> {
  const name = `table ${nameOf(target)}`;
  if ((await context.state.tables(target.database)).has(target.name)) {
    return passed(name, 'exists');
  }
  const definition = definitionOf(context.config, target);
  if (target.route?.tableCreateOptions !== 'CreateIfNotExist' || definition === undefined) {
    const fix =
      definition === undefined
        ? `.create table ['${target.name}'] (COLUMN: TYPE, …), or write it to tables and run kusto-functions apply`
        : 'kusto-functions apply';
    return failed(name, 'TABLE_MISSING', { message: `${target.by} writes to it and it does not exist`, fix });
  }
  const steps = await applyTable({ client: context.client, state: context.state }, definition);
  const wrong = steps.find(({ outcome }) => outcome === 'failed');
  if (wrong === undefined) {
    return passed(name, 'created');
  }
  const fix = addDatabaseRole(target.database, 'users', principalOf(context.config.kusto.auth));
  return failed(name, 'TABLE_CREATE_FAILED', { message: wrong.message, fix });
}

function lostFacts(route: RouteConfig, has: (key: string) => boolean): readonly string[] {
  return Object.keys(route.columns).filter((key) => !has(key));
}

/** The mapping is there for the format, and nothing that the route adds gets lost. */
export async function checkMapping(context: TableCheckContext, target: CheckTarget): Promise<Check[]> {
  const { route } = target;
  if (route === undefined || typeof route.mapping === 'object') {
    return [];
  }
  const kind = mappingKindOf(route.format);
  if (route.mapping === undefined) {
    if (Object.keys(route.columns).length === 0) {
      return [];
    }
    const columns = await context.state.columns(target);
    const lost = lostFacts(route, (key) => Object.hasOwn(columns, key));
    return [
      incomplete(
        `columns ${nameOf(target)}`,
        lost,
        `.alter-merge table ['${target.name}'] (${lost.map((key) => `['${key}']: string`).join(', ')})`,
      ),
    ];
  }
  const name = `mapping ${nameOf(target)} ${route.mapping}`;
  const found = (await context.state.mappings(target, kind)).find(
    (mapping) => mapping.name === route.mapping,
  );
  if (found === undefined) {
    const defined = definitionOf(context.config, target)?.mappings.some((one) => one.name === route.mapping);
    const fix =
      defined === true
        ? 'kusto-functions apply'
        : `.create table ['${target.name}'] ingestion ${kind} mapping "${route.mapping}" '[…]'`;
    return [failed(name, 'MAPPING_MISSING', { message: `there is no ${kind} mapping of this name`, fix })];
  }
  const paths = found.columns.map(({ path }) => path);
  const lost = kind === 'json' ? lostFacts(route, (key) => readsKey(paths, key)) : [];
  const add = `.alter-merge table ['${target.name}'] ingestion json mapping "${route.mapping}" '[…]' with path ${lost.map((key) => `$.${key}`).join(', ')}`;
  return [incomplete(name, lost, add)];
}

function incomplete(name: string, lost: readonly string[], fix: string): Check {
  return lost.length === 0
    ? passed(name, 'complete')
    : failed(name, 'MAPPING_INCOMPLETE', { message: `it has no place for ${lost.join(', ')}`, fix });
}

/** The principal may ingest: by its roles on the table, or because the service hands it ingestion resources. */
export async function checkIngestor(context: TableCheckContext, target: CheckTarget): Promise<Check> {
  const name = `ingestor ${nameOf(target)}`;
  const { kusto } = context.config;
  if (kusto.auth.kind === 'none') {
    return passed(name, 'no sign-in on this machine');
  }
  const fix = addDatabaseRole(target.database, 'ingestors', principalOf(kusto.auth));
  const missing = (message: string): Check => failed(name, 'INGESTOR_MISSING', { message, fix });
  try {
    const roles = await context.state.roles(target);
    return roles.some((role) => /ingestor|admin/i.test(role))
      ? passed(name, 'may ingest')
      : missing(`the principal's roles are ${roles.join(', ') || 'none'}`);
  } catch {
    // Listing the roles needs a role too, and older engines do not know the command; the ingest endpoint knows as well.
  }
  try {
    await context.client.ingestCommand('NetDefaultDB', getIngestionResources, { timeoutMs: 20_000 });
    return passed(name, 'gets ingestion resources; its roles could not be listed');
  } catch (error) {
    return isForbidden(error)
      ? missing(told(error))
      : failed(name, 'CHECK_INCOMPLETE', { message: told(error) });
  }
}

const isOn = (policy: Row | undefined): boolean | undefined =>
  policy === undefined ? undefined : String(policy['IsEnabled']).toLowerCase() === 'true';

/** For streaming routes: the policy of table or database, then the flag of the cluster. */
export async function checkStreaming(context: TableCheckContext, target: CheckTarget): Promise<Check[]> {
  if (target.route?.delivery !== 'streaming') {
    return [];
  }
  const name = `streaming ${nameOf(target)}`;
  const own = isOn(await context.state.tablePolicy(target, 'streamingingestion'));
  const inherited = isOn(await context.state.databasePolicy(target.database, 'streamingingestion'));
  if (!(own ?? inherited ?? false)) {
    const message = 'the streaming ingestion policy is not enabled';
    return [failed(name, 'STREAMING_POLICY_OFF', { message, fix: alterStreaming(target, true) })];
  }
  return [await checkStreamingFlag(context, target, name)];
}

async function checkStreamingFlag(
  context: TableCheckContext,
  target: CheckTarget,
  name: string,
): Promise<Check> {
  const { database, name: table } = target;
  const clientRequestId = `KF.check;${context.newId()}`;
  try {
    await context.streaming?.stream({ database, table, format: 'csv', body: emptyGzip, clientRequestId });
  } catch (error) {
    // A request without data is refused in its own way where streaming is on.
    if (error instanceof KfError && error.code === 'KUSTO_STREAMING_OFF') {
      return failed(name, 'STREAMING_CLUSTER_OFF', { message: told(error) });
    }
  }
  return passed(name, 'enabled');
}

/** The batching policy of table or database is set and ends before the ledger gives up. */
export async function checkBatching(context: TableCheckContext, target: CheckTarget): Promise<Check> {
  const name = `batching ${nameOf(target)}`;
  const policy =
    (await context.state.tablePolicy(target, 'ingestionbatching')) ??
    (await context.state.databasePolicy(target.database, 'ingestionbatching'));
  const shorter = alterMergePolicy(target, 'ingestionbatching', { MaximumBatchingTimeSpan: '00:00:30' });
  if (policy === undefined) {
    const message = 'no policy is set, so the service waits up to 5m';
    return failed(name, 'BATCHING_DEFAULT', { message, fix: shorter, warning: true });
  }
  const spanMs = parseTimeSpan(String(policy['MaximumBatchingTimeSpan'] ?? '')) ?? 300_000;
  const { settleTimeoutMs } = context.config.settle;
  if (spanMs >= settleTimeoutMs) {
    const message = `it waits ${formatDuration(spanMs)}, the ledger ${formatDuration(settleTimeoutMs)}`;
    return failed(name, 'BATCHING_TOO_LONG', { message, fix: shorter });
  }
  return passed(name, `waits ${formatDuration(spanMs)}`);
}
