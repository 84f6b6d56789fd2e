import { badRequest } from '../catalog/errors.js';
import type { CatalogState, Change } from '../catalog/model.js';
import type { Policies } from '../catalog/types.js';
import { notSupported } from '../errors.js';
import type { RowSet } from '../store/types.js';
import { parseDatetime } from '../values/datetime-parse.js';
import { formatTimespan, parseTimespan } from '../values/timespan.js';
import {
  databaseDetails,
  databaseOf,
  detailsOf,
  onDatabase,
  onMetadata,
  onTables,
  tableOf,
} from './entities.js';
import { POLICY_KINDS, policyText, policyValue } from './policy-values.js';
import type { CommandReader } from './reader.js';
import { columns, resultTable } from './results.js';
import type { CommandDefinition, CommandPlan, CommandRequest, Matched } from './types.js';

const POLICY = columns('PolicyName, EntityName, Policy, ChildEntities, EntityType');

/** A table, or a database. */
interface Entity {
  readonly database: string;
  readonly table: string | undefined;
}

function entityOf({ flags, names }: Matched, request: CommandRequest): Entity {
  return flags.has('table')
    ? { database: request.database, table: names['entity'] as string }
    : { database: names['entity'] as string, table: undefined };
}

function accessTo({ database, table }: Entity, request: CommandRequest) {
  return table === undefined ? onDatabase('admin', request, database) : onTables('admin', request, [table]);
}

/** @throws KustoError for a policy that would have to act and does not. */
function readPolicyName(reader: CommandReader): string {
  const name = reader.name('a policy').toLowerCase();
  if (!Object.hasOwn(POLICY_KINDS, name)) {
    throw notSupported(`The policy '${name}'`);
  }
  return name;
}

function policiesOf(state: CatalogState, { database, table }: Entity): Policies {
  return table === undefined
    ? databaseOf(state, database).policies
    : tableOf(state, database, table).policies;
}

function withPolicies(state: CatalogState, { database, table }: Entity, policies: Policies): Change {
  return table === undefined
    ? { kind: 'putDatabase', value: { ...databaseDetails(databaseOf(state, database)), policies } }
    : { kind: 'putTable', value: { ...detailsOf(tableOf(state, database, table)), policies } };
}

function policyRows(name: string, entities: readonly { entity: Entity; policies: Policies }[]): RowSet {
  return resultTable(
    POLICY,
    entities.map(({ entity: { database, table }, policies }) => [
      POLICY_KINDS[name]?.title ?? name,
      table === undefined ? `[${database}]` : `[${database}].[${table}]`,
      policyText(name, policies),
      '',
      table === undefined ? 'Database' : 'Table',
    ]),
  );
}

type Given = (before: unknown) => unknown;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('The policy is not JSON', 'BadRequest_InvalidPolicy');
  }
}

/** The value after the policy's name: JSON text, or the short forms of some policies. */
function readValue(reader: CommandReader, name: string, isMerge: boolean): Given {
  const short = readShortForm(reader, name);
  if (short !== undefined) {
    return (before) => policyValue(name, short, name === 'retention' || isMerge ? before : undefined);
  }
  const given = parseJson(reader.string('the policy'));
  return (before) => policyValue(name, given, isMerge ? before : undefined);
}

function readShortForm(reader: CommandReader, name: string): object | undefined {
  const { flag } = POLICY_KINDS[name] as { flag?: string };
  if (flag !== undefined) {
    const word = reader.tryOneOf(['true', 'false', 'enable', 'disable']);
    return word === undefined ? undefined : { [flag]: word === 'true' || word === 'enable' };
  }
  if (name === 'streamingingestion') {
    const word = reader.tryOneOf(['enable', 'disable', 'enabled', 'disabled']);
    return word === undefined ? undefined : { IsEnabled: word.startsWith('enable') };
  }
  if (reader.peek()?.kind !== 'word') {
    return undefined;
  }
  if (name === 'row_level_security') {
    const word = reader.tryOneOf(['enable', 'disable']);
    return word && { IsEnabled: word === 'enable', Query: reader.string('the query') };
  }
  if (name === 'retention') {
    return readRetention(reader);
  }
  return name === 'caching' ? readCaching(reader) : undefined;
}

function readTimespan(reader: CommandReader): string {
  const text = reader.value();
  const ticks = parseTimespan(text);
  if (ticks === null) {
    throw reader.error(`'${text}' is not a timespan`);
  }
  return formatTimespan(ticks);
}

/** `softdelete = 7d recoverability = disabled`, either or both. */
function readRetention(reader: CommandReader): object {
  const fields: Record<string, string> = {};
  for (;;) {
    const word = reader.tryOneOf(['softdelete', 'recoverability']);
    if (word === undefined) {
      return fields;
    }
    reader.symbol('=');
    if (word === 'softdelete') {
      fields['SoftDeletePeriod'] = readTimespan(reader);
    } else {
      fields['Recoverability'] = reader.name('enabled or disabled');
    }
  }
}

/** `hot = 7d`, or `hotdata = 7d hotindex = 7d`. */
function readCaching(reader: CommandReader): object {
  const fields: Record<string, unknown> = {};
  for (;;) {
    const word = reader.tryOneOf(['hot', 'hotdata', 'hotindex']);
    if (word === undefined) {
      return fields;
    }
    reader.symbol('=');
    const Value = readTimespan(reader);
    for (const key of word === 'hot' ? ['hotdata', 'hotindex'] : [word]) {
      fields[key === 'hotdata' ? 'DataHotSpan' : 'IndexHotSpan'] = { Value };
    }
    reader.trySymbol(',');
  }
}

function checkLevel(name: string, { table }: Entity): void {
  if (table === undefined && POLICY_KINDS[name]?.tableOnly === true) {
    throw badRequest(`The policy '${name}' is one of tables only`, 'BadRequest_InvalidPolicy');
  }
}

/** @throws KustoError for a date that has passed. */
function checkExpiry(policy: unknown, now: bigint): void {
  const { ExpiryDate } = (policy ?? {}) as { ExpiryDate?: unknown };
  const expiry = typeof ExpiryDate === 'string' ? parseDatetime(ExpiryDate) : null;
  if (expiry !== null && expiry <= now) {
    throw badRequest(`The policy's ExpiryDate ${ExpiryDate} has passed`, 'BadRequest_InvalidPolicy');
  }
}

function change(
  name: string,
  entities: readonly Entity[],
  value: Given,
  request: CommandRequest,
): CommandPlan {
  return {
    access: entities.flatMap((entity) => accessTo(entity, request)),
    run: async ({ catalog }) => {
      const after = await catalog.transact((state) => {
        const results = entities.map((entity) => {
          checkLevel(name, entity);
          const policies = new Map(policiesOf(state, entity));
          const next = value(policies.get(name));
          if (name === 'auto_delete') {
            checkExpiry(next, catalog.now());
          }
          if (next === undefined) {
            policies.delete(name);
          } else {
            policies.set(name, next);
          }
          return { entity, policies };
        });
        const changes = results.map(({ entity, policies }) => withPolicies(state, entity, policies));
        return { changes, result: results };
      });
      return policyRows(name, after);
    },
  };
}

const alter: CommandDefinition = {
  pattern: 'alter|alter-merge table|database {entity} policy',
  kind: 'PolicyAlter',
  parse(reader, matched, request): CommandPlan {
    const name = readPolicyName(reader);
    const value = readValue(reader, name, matched.flags.has('alter-merge'));
    return change(name, [entityOf(matched, request)], value, request);
  },
};

const alterMany: CommandDefinition = {
  pattern: 'alter tables',
  kind: 'TablesPolicyAlter',
  parse(reader, _matched, request): CommandPlan {
    const tables = reader.list(() => reader.name('a table'));
    reader.words('policy');
    const name = readPolicyName(reader);
    const value = readValue(reader, name, false);
    const entities = tables.map((table) => ({ database: request.database, table }));
    return change(name, entities, value, request);
  },
};

const remove: CommandDefinition = {
  pattern: 'delete table|database {entity} policy',
  kind: 'PolicyDelete',
  parse(reader, matched, request): CommandPlan {
    const name = readPolicyName(reader);
    return change(name, [entityOf(matched, request)], () => undefined, request);
  },
};

const show: CommandDefinition = {
  pattern: 'show table|database {entity} policy',
  kind: 'PolicyShow',
  parse(reader, matched, request): CommandPlan {
    const name = readPolicyName(reader);
    const entity = entityOf(matched, request);
    checkLevel(name, entity);
    return {
      access: onMetadata(request, entity.database),
      run: async ({ catalog }) => {
        return policyRows(name, [{ entity, policies: policiesOf(catalog.state(), entity) }]);
      },
    };
  },
};

const showAllTables: CommandDefinition = {
  pattern: 'show table',
  kind: 'PolicyShow',
  parse(reader, _matched, request): CommandPlan {
    reader.symbol('*');
    reader.words('policy');
    const name = readPolicyName(reader);
    return {
      access: onMetadata(request),
      run: async ({ catalog }) => {
        const tables = catalog.tables(request.database);
        return policyRows(
          name,
          tables.map((table) => ({
            entity: { database: request.database, table: table.name },
            policies: table.policies,
          })),
        );
      },
    };
  },
};

/** Policies of tables and databases. */
export const POLICY_COMMANDS: readonly CommandDefinition[] = [alter, alterMany, remove, show, showAllTables];
