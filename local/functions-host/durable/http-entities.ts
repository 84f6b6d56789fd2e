import { type HttpCall, sendJson, sendStatus } from '../http/server.js';
import { CONTINUATION_HEADER, type DurableApi, jsonBody, readQuery, refuse } from './http-parts.js';

async function listEntities(api: DurableApi, name: string | undefined, call: HttpCall): Promise<void> {
  const query = readQuery(call);
  if (!query) return refuse(call, 400, 'times must be ISO dates');
  const prefix = name === undefined ? undefined : `@${name.toLowerCase()}@`;
  const page = await api.client.query({ ...query, statuses: [], entities: true, prefix });
  if (page.continuation) call.response.setHeader(CONTINUATION_HEADER, page.continuation);
  sendJson(
    call.response,
    200,
    page.instances.map(({ instanceId, updatedAt }) => {
      const at = instanceId.indexOf('@', 1);
      return {
        entityId: { name: instanceId.slice(1, at), key: instanceId.slice(at + 1) },
        lastOperationTime: updatedAt,
      };
    }),
  );
}

/** Serves `entities[/NAME[/KEY]]`. */
export async function entities(api: DurableApi, path: readonly string[], call: HttpCall): Promise<void> {
  const [name, key, ...rest] = path;
  const { method } = call.request;
  if (rest.length > 0) return sendStatus(call.response, 404);
  if (name === undefined || key === undefined) {
    if (method !== 'GET') return sendStatus(call.response, 405);
    return listEntities(api, name, call);
  }
  if (method === 'GET') {
    const state = await api.client.entityState({ name, key });
    if (state === undefined) return sendStatus(call.response, 404);
    return sendJson(call.response, 200, JSON.parse(state));
  }
  if (method !== 'POST') return sendStatus(call.response, 405);
  const input = await jsonBody(call);
  if (input === false) return;
  await api.client.signal({ name, key }, call.url.searchParams.get('op') ?? '', input);
  sendStatus(call.response, 202);
}
