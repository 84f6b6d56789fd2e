import { entityNotFound } from '../catalog/errors.js';
import type { RoleAssignment } from '../catalog/model.js';
import type { Cell, RowSet } from '../store/types.js';
import { databaseDetails, databaseOf, onDatabase } from './entities.js';
import { columns, resultTable } from './results.js';
import { idOf } from './show-tables.js';
import type { Access, CommandContext, CommandDefinition, CommandPlan } from './types.js';

const PRINCIPALS = columns(
  'Role, PrincipalType, PrincipalDisplayName, PrincipalObjectId, PrincipalFQN, Notes, RoleAssignmentIdentifier',
);
const ROLES = columns('Scope, DisplayName, AADObjectID, Role');
const ACCESS = columns('Principal, AccessType, Database, Table, HasAccess:bool');

/** Words of the command → the name in the answer. */
const ROLE_WORDS: Readonly<Record<string, string>> = {
  admins: 'Admin',
  users: 'User',
  viewers: 'Viewer',
  unrestrictedviewers: 'UnrestrictedViewer',
  ingestors: 'Ingestor',
  monitors: 'Monitor',
};

interface Scope {
  readonly database: string;
  readonly table: string | undefined;
}

function roleName({ role }: RoleAssignment, { table, database }: Scope): string {
  return table === undefined ? `Database ${database} ${role}` : `Table ${table} ${role}`;
}

function rowOf(assignment: RoleAssignment, scope: Scope): Cell[] {
  const { principal, notes, role } = assignment;
  const id = idOf(principal);
  const type = principal.startsWith('aaduser') ? 'AAD User' : 'AAD Application';
  return [
    roleName(assignment, scope),
    type,
    principal,
    id,
    principal,
    notes,
    idOf(scope.database, principal, role),
  ];
}

function assigned({ catalog }: CommandContext, { database, table }: Scope): readonly RoleAssignment[] {
  return databaseOf(catalog.state(), database).roles.filter((one) => one.table === table);
}

/** What `POST /principals` granted at exactly this place. */
function granted({ server }: CommandContext, { database, table }: Scope): RoleAssignment[] {
  const place = table === undefined ? database : `${database}.${table}`;
  return server.rolesInUse().flatMap(({ principal, roles }) =>
    (roles[place] ?? []).map((role) => ({
      role: role[0]?.toUpperCase() + role.slice(1),
      principal,
      notes: '',
      ...(table !== undefined && { table }),
    })),
  );
}

function principalRows(context: CommandContext, scope: Scope): RowSet {
  const all = [...assigned(context, scope), ...granted(context, scope)];
  return resultTable(
    PRINCIPALS,
    all.map((one) => rowOf(one, scope)),
  );
}

const show: CommandDefinition = {
  pattern: 'show database|table {entity} principals',
  kind: 'PrincipalsShow',
  parse(_reader, { names, flags }, request): CommandPlan {
    const entity = names['entity'] as string;
    const scope = flags.has('table')
      ? { database: request.database, table: entity }
      : { database: entity, table: undefined };
    return {
      access: onDatabase('monitor', request, scope.database),
      run: async (context) => principalRows(context, scope),
    };
  },
};

/** `.add`, `.set` and `.drop` of assignments. They are recorded and shown; what a token may do is set by the admin port. */
const change: CommandDefinition = {
  pattern: 'add|set|drop database|table {entity} admins|users|viewers|unrestrictedviewers|ingestors|monitors',
  kind: 'RoleChange',
  parse(reader, { names, flags }, request): CommandPlan {
    const entity = names['entity'] as string;
    const isTable = flags.has('table');
    const database = isTable ? request.database : entity;
    const role = ROLE_WORDS[[...flags].find((flag) => flag in ROLE_WORDS) as string] as string;
    const isNone = reader.tryWords('none');
    const principals = isNone ? [] : reader.list(() => reader.string('a principal'));
    reader.tryWords('skip-results');
    const notes = reader.peek()?.kind === 'string' ? reader.string('notes') : '';
    const scope = { database, table: isTable ? entity : undefined };
    const isSame = (one: RoleAssignment) => one.role === role && one.table === scope.table;
    return {
      access: onDatabase('admin', request, database),
      run: async (context) => {
        await context.catalog.transact((state) => {
          const owner = databaseOf(state, database);
          const kept = owner.roles.filter(
            (one) => !isSame(one) || (!flags.has('set') && !principals.includes(one.principal)),
          );
          const added = flags.has('drop')
            ? []
            : principals.map((principal) => ({ role, principal, notes, ...(isTable && { table: entity }) }));
          const value = { ...databaseDetails(owner), roles: [...kept, ...added] };
          return { changes: [{ kind: 'putDatabase', value }], result: undefined };
        });
        return principalRows(context, scope);
      },
    };
  },
};

function roleRows({ request, server }: CommandContext, places: readonly string[] | undefined): RowSet {
  const { name } = request.principal;
  const mine = server.rolesInUse().find(({ principal }) => principal === name)?.roles;
  const roles = mine ?? { [request.database]: ['admin'] };
  const rows = Object.entries(roles)
    .filter(([place]) => places === undefined || places.includes(place) || place === '*')
    .flatMap(([place, held]) => held.map((role) => [place, name, idOf(name), role]));
  return resultTable(ROLES, rows);
}

const showRoles: CommandDefinition = {
  pattern: 'show principal roles',
  kind: 'PrincipalRolesShow',
  parse: (): CommandPlan => ({ access: [], run: async (context) => roleRows(context, undefined) }),
};

const showEntityRoles: CommandDefinition = {
  pattern: 'show database|table {entity} principal roles',
  kind: 'PrincipalRolesShow',
  parse(_reader, { names, flags }, request): CommandPlan {
    const entity = names['entity'] as string;
    const places = flags.has('table') ? [`${request.database}.${entity}`, request.database] : [entity];
    return { access: [], run: async (context) => roleRows(context, places) };
  },
};

/** Undocumented; one client asks it before it ingests. Columns are inferred from what that client reads. */
const showAccess: CommandDefinition = {
  pattern: 'show principal access',
  kind: 'PrincipalAccessShow',
  parse(reader, _matched, request): CommandPlan {
    const properties = reader.properties();
    const database = properties.get('database') ?? request.database;
    const table = properties.get('table');
    const type = properties.get('accesstype') ?? 'ingest';
    const role = type.toLowerCase() === 'ingest' ? 'ingestor' : 'viewer';
    const access: Access = { role, database, ...(table !== undefined && { table }) };
    return {
      access: [],
      run: async ({ catalog }) => {
        if (!catalog.databases().includes(database)) {
          throw entityNotFound('Database', database);
        }
        const { principal } = request;
        const name = properties.get('principal') ?? principal.name;
        return resultTable(ACCESS, [[name, type, database, table ?? '', principal.holds(access)]]);
      },
    };
  },
};

/** Who holds which role. */
export const PRINCIPAL_COMMANDS: readonly CommandDefinition[] = [
  show,
  change,
  showRoles,
  showEntityRoles,
  showAccess,
];
