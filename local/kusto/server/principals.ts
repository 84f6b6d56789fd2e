import { badRequest } from '../catalog/errors.js';
import type { Access, Principal } from '../commands/types.js';
import { KustoError } from '../errors.js';
import type { Right, Role } from './types.js';

/** Rights that each granted role carries. */
const IMPLIED: Readonly<Record<Role, readonly Right[]>> = {
  viewer: ['viewer', 'metadata'],
  user: ['user', 'viewer', 'monitor', 'metadata'],
  ingestor: ['ingestor'],
  monitor: ['monitor', 'metadata'],
  admin: ['admin', 'user', 'viewer', 'ingestor', 'monitor', 'metadata'],
  unrestrictedviewer: ['unrestrictedviewer', 'viewer', 'metadata'],
};
/** Grants on every database. */
const EVERYWHERE = '*';
const MAX_PRINCIPALS = 1_000;

type Grants = Readonly<Record<string, readonly Role[]>>;

const ANYONE: Principal = {
  name: 'aadapp=local',
  demand: () => undefined,
  holds: () => true,
  own: () => undefined,
};

/** Which bearer token may do what. While none is set, everything is allowed. */
export class Principals {
  readonly #byToken = new Map<string, { readonly name: string; grants: Grants }>();
  #count = 0;

  /** Sets what a token may do, in place of what it could before. `body` is `{token, roles, name?}`. */
  set(body: unknown): { readonly name: string } {
    const { token, roles, name } = (body ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof token !== 'string' || token === '') {
      throw badRequest("'token' must be the bearer token's text");
    }
    if (this.#byToken.size >= MAX_PRINCIPALS && !this.#byToken.has(token)) {
      throw badRequest(`no more than ${MAX_PRINCIPALS} principals can be set`);
    }
    this.#count += 1;
    const fullName = typeof name === 'string' ? name : `aadapp=local-${this.#count}`;
    this.#byToken.set(token, { name: fullName, grants: readGrants(roles) });
    return { name: fullName };
  }

  /** Everything is allowed again. */
  clear(): void {
    this.#byToken.clear();
  }

  list(): readonly { readonly name: string; readonly roles: Grants }[] {
    return [...this.#byToken.values()].map(({ name, grants }) => ({ name, roles: grants }));
  }

  /** @throws KustoError 401 without a known bearer token. */
  authenticate(authorization: string | undefined): Principal {
    if (this.#byToken.size === 0) {
      return ANYONE;
    }
    const token = /^Bearer\s+(.+)$/i.exec(authorization ?? '')?.[1];
    const found = token === undefined ? undefined : this.#byToken.get(token.trim());
    if (found === undefined) {
      throw new KustoError('The request needs a bearer token that the service knows', {
        status: 401,
        code: 'Unauthorized',
        type: 'Kusto.Common.Svc.Exceptions.UnauthorizedException',
      });
    }
    const holds = (access: Access) => isGranted(found.grants, access);
    return {
      name: found.name,
      holds,
      own: (database, table) => {
        const place = `${database}.${table}`;
        found.grants = { ...found.grants, [place]: [...(found.grants[place] ?? []), 'admin'] };
      },
      demand: (access) => {
        if (!holds(access)) {
          throw forbidden(found.name, access);
        }
      },
    };
  }
}

function forbidden(name: string, { role, database, table }: Access): KustoError {
  const place =
    table !== undefined
      ? `table '${table}' of database '${database}'`
      : database !== undefined
        ? `database '${database}'`
        : 'the cluster';
  const needed =
    role === 'metadata' ? "one of the roles 'user', 'viewer' and 'monitor'" : `the role '${role}'`;
  return unauthorized(`Principal '${name}' is not authorized: ${needed} on ${place} is missing`);
}

function unauthorized(message: string): KustoError {
  return new KustoError(message, {
    status: 403,
    code: 'Forbidden',
    type: 'Kusto.DataNode.Exceptions.UnauthorizedDatabaseAccessException',
  });
}

function readGrants(roles: unknown): Grants {
  if (typeof roles !== 'object' || roles === null || Array.isArray(roles)) {
    throw badRequest("'roles' must be an object: database or database.table → list of roles");
  }
  for (const [place, names] of Object.entries(roles)) {
    if (!Array.isArray(names) || names.some((name) => !Object.hasOwn(IMPLIED, String(name)))) {
      throw badRequest(`roles of '${place}' must be a list of ${Object.keys(IMPLIED).join(', ')}`);
    }
  }
  return roles as Grants;
}

function isGranted(grants: Grants, { role, database, table }: Access): boolean {
  const places = [EVERYWHERE, database, table === undefined ? undefined : `${database}.${table}`];
  const held = places.flatMap((place) => (place === undefined ? [] : (grants[place] ?? [])));
  const anywhere = database === undefined ? Object.values(grants).flat() : [];
  return [...held, ...anywhere].some((granted) => IMPLIED[granted].includes(role));
}
