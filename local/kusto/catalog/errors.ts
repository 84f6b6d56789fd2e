import { KustoError } from '../errors.js';

type EntityKind =
  | 'Table'
  | 'Database'
  | 'MaterializedView'
  | 'Function'
  | 'Mapping'
  | 'Extent'
  | 'Operation'
  | 'Column'
  | 'ContinuousExport'
  | 'Fault';

/** Names of errors as the service's clients know them (`Entity ID 'X' of kind 'Table' was not found.`). */
export function entityNotFound(kind: EntityKind, name: string): KustoError {
  return new KustoError(`Entity ID '${name}' of kind '${kind}' was not found.`, {
    status: 400,
    code: 'BadRequest_EntityNotFound',
    type: 'Kusto.Data.Exceptions.EntityNotFoundException',
  });
}

export function entityExists(kind: EntityKind, name: string): KustoError {
  return new KustoError(`Entity ID '${name}' of kind '${kind}' already exists.`, {
    status: 400,
    code: 'BadRequest_EntityAlreadyExists',
    type: 'Kusto.Data.Exceptions.EntityAlreadyExistsException',
  });
}

export function badRequest(message: string, code = 'BadRequest'): KustoError {
  return new KustoError(message, { status: 400, code });
}
