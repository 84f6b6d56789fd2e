import functions from '@azure/functions';
import { KfError } from '../runtime/errors.js';
import { problem } from './problem.js';

/**
 * What an app with a wrong configuration still serves: its health, which says what is wrong, and a refusal of
 * bodies. No event function is registered, so every source keeps its data.
 */
export function registerBroken(error: KfError): void {
  const check = {
    name: 'configuration',
    ok: false,
    code: error.code,
    message: error.message,
    fix: 'Correct pipeline.yaml or the app settings; `kusto-functions check` lists every mistake.',
  };
  functions.app.http('health', {
    methods: ['GET'],
    route: 'health',
    authLevel: 'anonymous',
    handler: async () => ({ status: 503, jsonBody: { status: 'stopped', checks: [check] } }),
  });
  functions.app.http('doctor', {
    methods: ['GET'],
    route: 'doctor',
    authLevel: 'function',
    handler: async () => ({ jsonBody: { ok: false, checks: [check] } }),
  });
  functions.app.http('ingest', {
    methods: ['POST'],
    route: 'ingest/{database}/{table}',
    authLevel: 'function',
    handler: async (request, context) => {
      const stopped = new KfError('CHECK_FAILED', `configuration: ${error.message}\nfix: ${check.fix}`);
      return problem(stopped, new URL(request.url).pathname, context.invocationId);
    },
  });
}
