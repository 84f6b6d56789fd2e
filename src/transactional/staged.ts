import { KfError } from '../runtime/errors.js';
import type { BlobStore } from '../storage/ports.js';
import { sourcesBlob } from './names.js';
import type { LoadDeps } from './ports.js';
import type { Load, LoadSource } from './types.js';

/** JSON that a load keeps beside its rows, since it may be long: sources, plan, secrets. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;

type Store = { readonly blobs: BlobStore; readonly container: string };
export const storeOf = (deps: LoadDeps): Store => ({ blobs: deps.blobs, container: deps.stagingContainer });

/** Undefined when there is none. */
export async function readStaged<T>({ blobs, container }: Store, name: string): Promise<T | undefined> {
  try {
    return JSON.parse((await blobs.get(container, name, MAX_JSON_BYTES)).toString('utf8')) as T;
  } catch (error) {
    if (error instanceof KfError && error.code === 'STORAGE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Writes it once: what an earlier run wrote stays, and is answered. */
export async function stageOnce<T>(store: Store, name: string, value: T): Promise<T> {
  try {
    await store.blobs.put(store.container, name, Buffer.from(JSON.stringify(value)), { ifAbsent: true });
    return value;
  } catch (error) {
    if (!(error instanceof KfError) || !(error.code === 'STORAGE_CONFLICT' || error.retryable)) throw error;
    const held = await readStaged<T>(store, name);
    if (held === undefined) throw error;
    return held;
  }
}

/** @throws INTERNAL when the load has none: it was accepted without them, or has ended. */
export async function sourcesOf(
  deps: LoadDeps,
  load: Pick<Load, 'id' | 'digest'>,
): Promise<readonly LoadSource[]> {
  const sources = await readStaged<readonly LoadSource[]>(storeOf(deps), sourcesBlob(load));
  if (sources === undefined) throw new KfError('INTERNAL', `load ${load.id}: its list of sources is gone`);
  return sources;
}

/** Runs `action` on all items, so many at a time; the first failure ends it. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  action: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) await action(items[index] as T, index);
  };
  const workers = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, worker));
  const failure = workers.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
