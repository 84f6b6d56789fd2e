import type { Stack } from './stack.js';

type WithKusto = Pick<Stack, 'kusto'>;

async function admin(stack: WithKusto, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(new URL(path, stack.kusto.ready.admin), {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) {
    throw new Error(`${method} ${path} of the admin port answered ${response.status}: ${text}`);
  }
  return JSON.parse(text);
}

/** Adds a fault to the local Kusto; its id. */
export async function addFault(stack: WithKusto, rule: Readonly<Record<string, unknown>>): Promise<string> {
  return ((await admin(stack, 'POST', '/faults', rule)) as { id: string }).id;
}

export interface FaultStatus {
  readonly id: string;
  readonly hits: number;
}

export async function listFaults(stack: WithKusto): Promise<readonly FaultStatus[]> {
  return (await admin(stack, 'GET', '/faults')) as readonly FaultStatus[];
}

/** Removes one fault, or all. */
export async function removeFaults(stack: WithKusto, id?: string): Promise<void> {
  await admin(stack, 'DELETE', id === undefined ? '/faults' : `/faults/${id}`);
}

/** Lets the service's batching time pass at once. */
export async function passBatchingTime(stack: WithKusto): Promise<void> {
  await removeFaults(stack, await addFault(stack, { target: 'clock', action: 'advance', delayMs: 11_000 }));
}

/** What a bearer token may do; while none is set, everything is allowed. */
export async function setPrincipal(
  stack: WithKusto,
  principal: { readonly token: string; readonly roles: Readonly<Record<string, readonly string[]>> },
): Promise<void> {
  await admin(stack, 'POST', '/principals', principal);
}

export async function clearPrincipals(stack: WithKusto): Promise<void> {
  await admin(stack, 'DELETE', '/principals');
}
