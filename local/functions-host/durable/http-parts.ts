import { readBody } from '../http/buffered.js';
import { type HttpCall, sendJson, sendStatus } from '../http/server.js';
import type { DurableClient, InstanceQuery } from './client.js';
import type { HubAddress } from './links.js';

/** Largest body of a call, in bytes. */
const MAX_BODY_BYTES = 100 * 1024 * 1024;
/** Most instances on one page. */
const MAX_TOP = 1_000;
/** Header that carries where the next page begins. */
export const CONTINUATION_HEADER = 'x-ms-continuation-token';

/** What the management API works with. */
export interface DurableApi {
  client: DurableClient;
  address(): HubAddress;
  sleep(ms: number): Promise<void>;
  now(): number;
}

/** Answers with a reason. */
export function refuse(call: HttpCall, status: number, message: string): void {
  sendJson(call.response, status, { Message: message });
}

/** JSON text of a body; undefined when it is empty. Answers itself and returns false when the body is no JSON. */
export async function jsonBody(call: HttpCall): Promise<string | undefined | false> {
  const body = await readBody(call.request, MAX_BODY_BYTES);
  if (!body) {
    sendStatus(call.response, 413);
    return false;
  }
  const text = body.toString('utf8');
  if (text.trim() === '') return undefined;
  try {
    JSON.parse(text);
    return text;
  } catch {
    refuse(call, 400, 'the body must be JSON');
    return false;
  }
}

/** A yes or no of the query. */
export function flag(call: HttpCall, name: string, fallback: boolean): boolean {
  const value = call.url.searchParams.get(name);
  return value === null ? fallback : /^(true|1)$/i.test(value);
}

/** Reads a filter; undefined when a time is no time. */
export function readQuery(call: HttpCall): InstanceQuery | undefined {
  const { searchParams } = call.url;
  const times: Record<string, string | undefined> = {};
  for (const name of ['createdTimeFrom', 'createdTimeTo', 'lastUpdatedTimeFrom', 'lastUpdatedTimeTo']) {
    const value = searchParams.get(name);
    if (!value) continue;
    if (Number.isNaN(Date.parse(value))) return undefined;
    times[name] = new Date(value).toISOString();
  }
  const top = Number(searchParams.get('top') ?? 100);
  const statuses = (searchParams.get('runtimeStatus') ?? '').split(',').map((one) => one.trim());
  return {
    statuses: statuses.filter((one) => one !== ''),
    createdFrom: times['createdTimeFrom'],
    createdTo: times['createdTimeTo'],
    lastUpdatedFrom: times['lastUpdatedTimeFrom'],
    lastUpdatedTo: times['lastUpdatedTimeTo'],
    prefix: searchParams.get('instanceIdPrefix') ?? undefined,
    top: Number.isInteger(top) && top > 0 ? Math.min(top, MAX_TOP) : 100,
    continuation: call.request.headers[CONTINUATION_HEADER] as string | undefined,
  };
}
