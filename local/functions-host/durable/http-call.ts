import type { DurableHttpCall } from './types.js';

/** Longest wait for an answer, in ms, as in Azure. */
const TIMEOUT_MS = 100_000;

/** Answer of a call as the library reads it. */
export interface DurableHttpAnswer {
  statusCode: number;
  headers: Record<string, string>;
  content: string;
}

/**
 * Sends the request of `callHttp`. Redirects are followed; any status is an answer.
 * @throws Error when no answer came, or when a managed identity token is asked for
 */
export async function callHttp(call: DurableHttpCall): Promise<DurableHttpAnswer> {
  if (call.tokenSource) {
    throw new Error('callHttp with a tokenSource (managed identity) is not supported by the local host');
  }
  const response = await fetch(call.uri, {
    method: call.method,
    headers: call.headers,
    body: call.content,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
    content: await response.text(),
  };
}
