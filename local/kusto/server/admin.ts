import type { IncomingMessage, ServerResponse } from 'node:http';
import { badRequest } from '../catalog/errors.js';
import { KustoError } from '../errors.js';
import type { AdjustableClock } from '../faults/clock.js';
import type { FaultEngine } from '../faults/engine.js';
import { asKustoError, errorBody } from './error-body.js';
import { readBody } from './http-request.js';
import { send } from './http-response.js';
import type { Principals } from './principals.js';

const MAX_ADMIN_BYTES = 1024 * 1024;

interface AdminParts {
  readonly faults: FaultEngine;
  readonly principals: Principals;
  readonly clock: AdjustableClock;
}

/**
 * The admin port: `/faults`, `/principals`, `/clock`, `/health`. Loopback only and never part of the Kusto protocol.
 */
export function createAdminHandler(parts: AdminParts) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const value = await answer(request, parts);
      await send(request, response, { status: 200, pieces: [`${JSON.stringify(value)}\n`] });
    } catch (error) {
      const known = asKustoError(error);
      const context = {
        clientRequestId: 'admin',
        activityId: 'admin',
        timestamp: new Date(parts.clock.nowMs()).toISOString(),
      };
      await send(request, response, { status: known.status, pieces: [errorBody(known, context)] });
    }
  };
}

async function answer(request: IncomingMessage, parts: AdminParts): Promise<unknown> {
  const { faults, principals, clock } = parts;
  const [resource = '', id] = (request.url ?? '/').split('?')[0]!.split('/').filter(Boolean);
  switch (`${request.method} /${resource}`) {
    case 'POST /faults':
      return { id: faults.add(await readJson(request)) };
    case 'GET /faults':
      return faults.list();
    case 'DELETE /faults':
      faults.remove(id);
      return {};
    case 'POST /principals':
      return principals.set(await readJson(request));
    case 'GET /principals':
      return principals.list();
    case 'DELETE /principals':
      principals.clear();
      return {};
    case 'GET /clock':
      return { now: new Date(clock.nowMs()).toISOString() };
    case 'GET /health':
      return { ok: true };
    default:
      throw new KustoError(`The admin port has no ${request.method} /${resource}`, {
        status: 404,
        code: 'NotFound',
      });
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  try {
    return JSON.parse((await readBody(request, MAX_ADMIN_BYTES)).toString('utf8'));
  } catch (error) {
    throw error instanceof KustoError ? error : badRequest('The body is not JSON');
  }
}
