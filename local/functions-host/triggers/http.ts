import { HostError } from '../errors.js';
import type { FunctionDefinition } from '../functions.js';
import { handleBuffered } from '../http/buffered.js';
import { handleProxied } from '../http/proxied.js';
import { parseRouteTemplate } from '../http/route-template.js';
import type { TriggerContext, TriggerKind } from './trigger.js';

/** Largest buffered request body when the app sets no FUNCTIONS_REQUEST_BODY_SIZE_LIMIT, in bytes, as in Azure. */
const DEFAULT_BUFFERED_BODY_BYTES = 104_857_600;

const AUTH_LEVELS = ['anonymous', 'function', 'admin'];

function readMethods(fn: FunctionDefinition): Set<string> | undefined {
  const methods = fn.trigger['methods'];
  if (methods === undefined || (Array.isArray(methods) && methods.length === 0)) return undefined;
  if (!Array.isArray(methods)) throw new HostError('binding-invalid', '"methods" must be a list');
  return new Set(methods.map((method) => String(method).toUpperCase()));
}

function readBodyLimit(context: TriggerContext): number | undefined {
  const text = context.settings.get('FUNCTIONS_REQUEST_BODY_SIZE_LIMIT');
  if (text === undefined) return undefined;
  const bytes = Number(text);
  if (!Number.isInteger(bytes) || bytes < 1) {
    throw new HostError(
      'config-invalid',
      `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is "${text}"; expected a number of bytes`,
    );
  }
  return bytes;
}

/** HTTP: `authLevel` is accepted and every caller let in, as Core Tools does without `--enable-auth`. */
export const httpTrigger: TriggerKind = {
  type: 'httptrigger',
  create(fn, context) {
    const authLevel = String(fn.trigger['authLevel'] ?? 'anonymous').toLowerCase();
    if (!AUTH_LEVELS.includes(authLevel)) {
      throw new HostError(
        'binding-invalid',
        `authLevel "${authLevel}" is not one of ${AUTH_LEVELS.join(', ')}`,
      );
    }
    const path = String(fn.trigger['route'] ?? fn.name).replace(/^\/+/, '');
    const prefix = context.config.routePrefix;
    const limitBytes = readBodyLimit(context);
    return {
      start: async () => undefined,
      stop: async () => undefined,
      route: {
        functionName: fn.name,
        methods: readMethods(fn),
        template: parseRouteTemplate(prefix ? `${prefix}/${path}` : path),
        handle: (call) =>
          context.capabilities()['HttpUri'] === undefined
            ? handleBuffered({ fn, context, limitBytes: limitBytes ?? DEFAULT_BUFFERED_BODY_BYTES }, call)
            : handleProxied({ fn, context, limitBytes }, call),
      },
    };
  },
};
