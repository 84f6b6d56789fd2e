import type { ServiceCommand } from '../server/types.js';
import { onDatabase } from './entities.js';
import type { CommandDefinition } from './types.js';

/** A command of the data-management endpoint as the command table knows commands. */
export function serviceCommand({ pattern, kind, role, run }: ServiceCommand): CommandDefinition {
  return {
    pattern,
    kind,
    isDm: true,
    parse(reader, { names }, request) {
      const properties = reader.properties();
      const { database, clientRequestId } = request;
      return {
        access: role === undefined ? [] : onDatabase(role, request),
        run: () => run({ names, properties, database, clientRequestId }),
      };
    },
  };
}
