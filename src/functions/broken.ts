import functions from '@azure/functions';
import type { KfError } from '../runtime/errors.js';

/**
 * What an app with a wrong configuration still serves: its health, which says what is wrong. No event function is
 * registered, so every source keeps its data.
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
}
