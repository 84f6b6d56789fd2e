import { policyFields } from '../catalog/policies.js';
import type { Catalog, Table } from '../catalog/types.js';
import { KustoError, notSupported } from '../errors.js';
import type { Principal } from './types.js';
import { findView } from './views.js';

type Views = Parameters<typeof findView>[0];

/**
 * The catalogue as a query of `principal` may see it.
 * @returns a catalogue whose `table` throws KustoError for tables that the principal may not read, be it for want of a
 * role or for their restricted view access (403), and for what only something that does not run here could answer: materialised views, and tables
 * with row level security.
 */
export function guardedCatalog(catalog: Catalog & Views, principal: Principal): Catalog {
  return {
    now: () => catalog.now(),
    cursor: () => catalog.cursor(),
    databases: () => catalog.databases(),
    tables: (database) => catalog.tables(database),
    function: (database, name) => catalog.function(database, name),
    functions: (database) => catalog.functions(database),
    mapping: (...place) => catalog.mapping(...place),
    batchingPolicy: (...place) => catalog.batchingPolicy(...place),
    streamingEnabled: (...place) => catalog.streamingEnabled(...place),
    extentRows: (...place) => catalog.extentRows(...place),
    append: (...extents) => catalog.append(...extents),
    wasIngested: (source) => catalog.wasIngested(source),
    recordIngestionFailure: (failure) => catalog.recordIngestionFailure(failure),
    table: (database, name) => {
      const table = catalog.table(database, name);
      if (table === undefined && findView(catalog, database, name) !== undefined) {
        throw notSupported(`Reading the materialized view '${name}'`);
      }
      if (table !== undefined) {
        demandReadable(table, principal);
      }
      return table;
    },
  };
}

function demandReadable({ database, name, policies }: Table, principal: Principal): void {
  principal.demand({ role: 'viewer', database, table: name });
  const isOn = (policy: string) => policyFields(policies, policy)?.['IsEnabled'] === true;
  if (isOn('restricted_view_access') && !principal.holds({ role: 'unrestrictedviewer', database })) {
    throw new KustoError(
      `Principal '${principal.name}' is not authorized to read table '${name}': its restricted view access policy ` +
        `needs the role 'unrestrictedviewer' on database '${database}'`,
      {
        status: 403,
        code: 'Forbidden',
        type: 'Kusto.DataNode.Exceptions.UnauthorizedDatabaseAccessException',
      },
    );
  }
  if (isOn('row_level_security')) {
    throw notSupported(`Reading table '${name}' under its row level security policy`);
  }
}
