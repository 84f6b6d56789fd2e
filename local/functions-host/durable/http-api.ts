import { type HttpCall, type PathHandler, sendJson, sendStatus } from '../http/server.js';
import type { SendResult } from './client.js';
import { entities } from './http-entities.js';
import { CONTINUATION_HEADER, type DurableApi, flag, jsonBody, readQuery, refuse } from './http-parts.js';
import { managementUrls } from './links.js';
import { toExport, toHistory, toStatus } from './status.js';
import { isFinished } from './types.js';

function respondAccepted(api: DurableApi, call: HttpCall, id: string): void {
  const links = managementUrls(api.address(), id);
  call.response.setHeader('location', links.statusQueryGetUri);
  call.response.setHeader('retry-after', '10');
  sendJson(call.response, 202, links);
}

/** Waits for the end when the caller asked for it (`timeout`, `pollingInterval` in seconds). */
async function startAndWait(api: DurableApi, call: HttpCall, id: string): Promise<void> {
  const timeout = Number(call.url.searchParams.get('timeout') ?? Number.NaN);
  const interval = Number(call.url.searchParams.get('pollingInterval') ?? 1);
  if (!(timeout > 0)) return respondAccepted(api, call, id);
  const endMs = api.now() + timeout * 1000;
  for (;;) {
    const instance = await api.client.get(id);
    if (instance?.status === 'Completed') {
      return sendJson(call.response, 200, JSON.parse(instance.output ?? 'null'));
    }
    if (instance && isFinished(instance.status)) {
      return sendJson(call.response, instance.status === 'Failed' ? 500 : 200, toStatus(instance, true));
    }
    if (api.now() >= endMs) return respondAccepted(api, call, id);
    await api.sleep(Math.max(0.1, interval) * 1000);
  }
}

async function orchestrators(api: DurableApi, path: readonly string[], call: HttpCall): Promise<void> {
  const [name, instanceId, ...rest] = path;
  if (name === undefined || rest.length > 0) return sendStatus(call.response, 404);
  if (call.request.method !== 'POST') return sendStatus(call.response, 405);
  const input = await jsonBody(call);
  if (input === false) return;
  const version = call.url.searchParams.get('version') ?? undefined;
  const started = await api.client.start({ name, instanceId, input, version });
  if ('id' in started) return startAndWait(api, call, started.id);
  if (started.refused === 'unknown') {
    return refuse(
      call,
      400,
      `The function '${name}' doesn't exist, is disabled, or is not an orchestrator function.`,
    );
  }
  if (started.refused === 'badId') {
    const rule = '1 to 100 characters, not @ first, none of / \\ # ?';
    return refuse(call, 400, `'${instanceId}' cannot be an instance ID: ${rule}`);
  }
  refuse(call, 409, `An instance with ID '${instanceId}' exists and has not ended.`);
}

async function showInstance(api: DurableApi, id: string, call: HttpCall): Promise<void> {
  const instance = await api.client.get(id);
  if (!instance) return refuse(call, 404, `No instance with ID '${id}' found.`);
  const status: Record<string, unknown> = toStatus(instance, flag(call, 'showInput', true));
  if (flag(call, 'showHistory', false)) {
    const show = { output: flag(call, 'showHistoryOutput', false), input: flag(call, 'showInput', false) };
    const history = toHistory((await api.client.withHistory(id))?.history ?? [], show);
    // The client library reads `history`, callers of the web API `historyEvents`.
    status['historyEvents'] = history;
    status['history'] = history;
  }
  if (!isFinished(instance.status)) {
    call.response.setHeader('location', managementUrls(api.address(), id).statusQueryGetUri);
    call.response.setHeader('retry-after', '10');
    return sendJson(call.response, 202, status);
  }
  const failed = instance.status === 'Failed' && flag(call, 'returnInternalServerErrorOnFailure', false);
  sendJson(call.response, failed ? 500 : 200, status);
}

/** The whole history, with what a replay needs. An address of this host only: Azure has none like it. */
async function exportHistory(api: DurableApi, id: string, call: HttpCall): Promise<void> {
  const found = await api.client.withHistory(id);
  if (!found) return refuse(call, 404, `No instance with ID '${id}' found.`);
  sendJson(call.response, 200, toExport(found.instance, found.history));
}

async function listInstances(api: DurableApi, call: HttpCall): Promise<void> {
  const query = readQuery(call);
  if (!query) return refuse(call, 400, 'times must be ISO dates');
  const page = await api.client.query(query);
  if (page.continuation) call.response.setHeader(CONTINUATION_HEADER, page.continuation);
  const showInput = flag(call, 'showInput', true);
  sendJson(
    call.response,
    200,
    page.instances.map((instance) => toStatus(instance, showInput)),
  );
}

async function purge(api: DurableApi, id: string | undefined, call: HttpCall): Promise<void> {
  if (id !== undefined) {
    const found = await api.client.purge(id);
    if (!found) return refuse(call, 404, `No instance with ID '${id}' found.`);
    return sendJson(call.response, 200, { instancesDeleted: 1 });
  }
  const query = readQuery(call);
  if (!query) return refuse(call, 400, 'times must be ISO dates');
  const instancesDeleted = await api.client.purgeBy(query);
  sendJson(call.response, instancesDeleted > 0 ? 200 : 404, { instancesDeleted });
}

function answerSend(call: HttpCall, id: string, result: SendResult): void {
  if (result === 'sent') sendStatus(call.response, 202);
  else if (result === 'ended') sendStatus(call.response, 410);
  else refuse(call, 404, `No instance with ID '${id}' found.`);
}

async function operate(api: DurableApi, path: readonly string[], call: HttpCall): Promise<void> {
  const [id = '', operation = '', item, ...rest] = path;
  if (call.request.method !== 'POST') return sendStatus(call.response, 405);
  const reason = call.url.searchParams.get('reason') ?? '';
  const lower = operation.toLowerCase();
  if (lower === 'raiseevent' && item !== undefined && rest.length === 0) {
    const input = await jsonBody(call);
    if (input === false) return;
    return answerSend(call, id, await api.client.raise(id, item, input));
  }
  if (item !== undefined) return sendStatus(call.response, 404);
  if (lower === 'terminate' || lower === 'suspend' || lower === 'resume') {
    return answerSend(call, id, await api.client.control(id, lower, reason));
  }
  if (lower === 'rewind') {
    const result = await api.client.rewind(id, reason);
    // The client library makes the body the message of its error, and has a good one of its own for an empty body.
    return sendStatus(call.response, { sent: 202, missing: 404, notFailed: 412 }[result]);
  }
  if (lower === 'restart') return restart(api, id, call);
  sendStatus(call.response, 404);
}

async function restart(api: DurableApi, id: string, call: HttpCall): Promise<void> {
  const instance = await api.client.get(id);
  if (!instance) return refuse(call, 404, `No instance with ID '${id}' found.`);
  const sameId = !flag(call, 'restartWithNewInstanceId', true);
  const { name, input } = instance;
  const started = await api.client.start({ name, input, instanceId: sameId ? id : undefined });
  if ('id' in started) respondAccepted(api, call, started.id);
  else
    refuse(call, 409, `the instance '${id}' cannot be restarted: it has not ended, or its function is gone`);
}

async function instances(api: DurableApi, path: readonly string[], call: HttpCall): Promise<void> {
  const [id = '', ...rest] = path;
  const { method } = call.request;
  if (method === 'GET' && rest.join('/') === 'history') return exportHistory(api, id, call);
  if (rest.length > 0) return operate(api, path, call);
  if (method === 'DELETE') return purge(api, id || undefined, call);
  if (method !== 'GET') return sendStatus(call.response, 405);
  if (id) return showInstance(api, id, call);
  return listInstances(api, call);
}

/** Parts of a path below the API's prefix; undefined for another path. */
function below(path: readonly string[]): readonly string[] | undefined {
  const lower = path.map((part) => part.toLowerCase());
  if (lower[0] === 'durabletask') return path.slice(1);
  if (lower[0] === 'runtime' && lower[1] === 'webhooks' && lower[2] === 'durabletask') return path.slice(3);
  return undefined;
}

/** Serves `/runtime/webhooks/durabletask/…` and its plain form `/durabletask/…`. */
export function createDurableApi(api: DurableApi): PathHandler {
  return async (path, call) => {
    const mine = below(path);
    if (!mine) return false;
    const [area, ...rest] = mine;
    if (area === 'orchestrators') await orchestrators(api, rest, call);
    else if (area === 'instances') await instances(api, rest, call);
    else if (area === 'entities') await entities(api, rest, call);
    else sendStatus(call.response, 404);
    return true;
  };
}
