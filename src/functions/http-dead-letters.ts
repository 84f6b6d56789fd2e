import functions from '@azure/functions';
import type { DeadLetterFilter, DeadLetterKind } from '../deadletter/ports.js';
import { errorCodes } from '../runtime/error-codes.js';
import { KfError } from '../runtime/errors.js';
import { readJson } from './http-ingest.js';
import { answering } from './problem.js';
import type { AppServices } from './services.js';

/** Letters per page, and per replay call, at the most. */
const maxPage = 1_000;
const defaultPage = 100;

const filterNames = ['source', 'kind', 'errorCode', 'code', 'from', 'to', 'limit', 'continuation'] as const;

/**
 * Query options as fields. `code` is also where the platform takes the function key from, so there it is a filter
 * only when it is one of our codes; `errorCode` always is.
 */
export function queryFields(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries(
    [...query].filter(([name, value]) => name !== 'code' || Object.hasOwn(errorCodes, value)),
  );
}

function timeOf(name: string, value: string): number {
  const ms = Date.parse(value);
  if (Number.isNaN(ms)) {
    throw new KfError('REQUEST_INVALID', `${name}: "${value}" is not an ISO 8601 time`);
  }
  return ms;
}

function kindOf(value: string): DeadLetterKind {
  if (value !== 'decode' && value !== 'delivery') {
    throw new KfError('REQUEST_INVALID', `kind: "${value}" is neither decode nor delivery`);
  }
  return value;
}

function limitOf(value: string | undefined): number {
  const limit = value === undefined ? defaultPage : Number(value);
  if (!Number.isInteger(limit) || limit < 1 || limit > maxPage) {
    throw new KfError('REQUEST_INVALID', `limit: "${value}" is not a whole number from 1 to ${maxPage}`);
  }
  return limit;
}

/** A selection from query options or a JSON body. @throws REQUEST_INVALID naming the field. */
export function toFilter(fields: Readonly<Record<string, unknown>>): DeadLetterFilter {
  const read = (name: string): string | undefined => {
    const value = fields[name];
    return value === undefined || value === null ? undefined : String(value);
  };
  const unknown = Object.keys(fields).find(
    (name) => !(filterNames as readonly string[]).includes(name) && name !== 'clientId',
  );
  if (unknown !== undefined) {
    throw new KfError('REQUEST_INVALID', `${unknown}: no such filter; known are ${filterNames.join(', ')}`);
  }
  const [source, kind, code, from, to, continuation] = [
    read('source'),
    read('kind'),
    read('errorCode') ?? read('code'),
    read('from'),
    read('to'),
    read('continuation'),
  ];
  return {
    ...(source === undefined ? {} : { source }),
    ...(kind === undefined ? {} : { kind: kindOf(kind) }),
    ...(code === undefined ? {} : { code }),
    ...(from === undefined ? {} : { fromMs: timeOf('from', from) }),
    ...(to === undefined ? {} : { toMs: timeOf('to', to) }),
    ...(continuation === undefined ? {} : { continuation }),
    limit: limitOf(read('limit')),
  };
}

export function registerHttpDeadLetters(services: AppServices): void {
  functions.app.http('dead-letters', {
    methods: ['GET'],
    route: 'dead-letters',
    authLevel: 'function',
    handler: answering(services.logger, async (request) => {
      const page = await services.deadLetters(toFilter(queryFields(request.query)));
      const letters = page.letters.map(({ body, timeMs, ...letter }) => ({
        ...letter,
        time: new Date(timeMs).toISOString(),
        bodyBase64: Buffer.from(body).toString('base64'),
      }));
      return { jsonBody: { letters, ...(page.continuation ? { continuation: page.continuation } : {}) } };
    }),
  });

  functions.app.http('dead-letters-replay', {
    methods: ['POST'],
    route: 'dead-letters/replay',
    authLevel: 'function',
    handler: answering(services.logger, async (request) => {
      const filter = toFilter({ limit: maxPage, ...(await readJson(request)) });
      return { jsonBody: await services.replayDeadLetters(filter) };
    }),
  });
}
