import { createAllowList } from '../config/allow-list.js';
import type { LoadStorageConfig } from '../config/types.js';
import { KfError } from '../runtime/errors.js';
import { secretsBlob, sourcesBlob } from './names.js';
import type { LoadDeps, LoadStarter } from './ports.js';
import { parseLoadRequest } from './request.js';
import { stageOnce, storeOf } from './staged.js';
import { type Load, type LoadState, loadStates } from './types.js';
import { type LoadDetails, type LoadView, sourcesPage, viewOf } from './view.js';

/** Between two looks of a caller that waits for the end. */
const WAIT_POLL_MS = 500;

export interface LoadRules {
  /** `http.tables`. */
  readonly tables: readonly string[];
  readonly storage: readonly LoadStorageConfig[];
  readonly allowSas: boolean;
}

export interface LoadList {
  readonly loads: readonly LoadView[];
  readonly continuation?: string;
}

/** The use cases of loads, but for their steps. */
export interface Loads {
  /**
   * Accepts a load and starts it. The same `requestId` with the same content answers the load that there is.
   * @throws REQUEST_INVALID, ROUTE_NOT_ALLOWED, LOAD_SOURCE_*, REQUEST_ID_REUSED
   */
  start(body: unknown, starter: LoadStarter): Promise<LoadView>;
  /** @throws NOT_FOUND */
  get(id: string): Promise<LoadView>;
  /** With what became of its blobs, a page of them. @throws NOT_FOUND */
  details(id: string, page: { readonly limit: number; readonly continuation?: string }): Promise<LoadDetails>;
  /** The load when it has ended, or as it is after `waitMs`. @throws NOT_FOUND */
  waitForEnd(id: string, waitMs: number): Promise<LoadView>;
  /** @throws REQUEST_INVALID for a state that there is not */
  list(query: { state?: string; limit: number; continuation?: string }): Promise<LoadList>;
  /** Asks for the undo of a load that runs. @throws NOT_FOUND, LOAD_ENDED */
  cancel(id: string, starter: LoadStarter): Promise<LoadView>;
}

export function createLoads(deps: LoadDeps, rules: LoadRules): Loads {
  const allow = createAllowList(rules.tables);
  const load = async (id: string): Promise<Load> => {
    const found = await deps.store.get(id);
    if (found === undefined) throw new KfError('NOT_FOUND', `load ${id}: unknown, or its record has expired`);
    return found;
  };
  return {
    start: async (body, starter) => {
      const parsed = parseLoadRequest(body, {
        ...rules,
        allow,
        maxSources: deps.limits.maxSources,
        nowMs: deps.clock.now(),
      });
      const id = parsed.requestId ?? deps.clock.newId();
      const accepted = await accept(deps, id, parsed);
      if (accepted.state === 'running') await starter.start(accepted);
      return viewOf(accepted);
    },
    get: async (id) => viewOf(await load(id)),
    details: async (id, page) => {
      const found = await load(id);
      return { ...viewOf(found), ...(await sourcesPage(deps.store, found, page)) };
    },
    waitForEnd: async (id, waitMs) => {
      const untilMs = deps.clock.now() + waitMs;
      for (;;) {
        const found = await load(id);
        const leftMs = untilMs - deps.clock.now();
        if (found.state !== 'running' || leftMs <= 0) return viewOf(found);
        await deps.clock.sleep(Math.min(WAIT_POLL_MS, leftMs));
      }
    },
    list: async ({ state, limit, continuation }) => {
      const page = await deps.store.list({
        limit,
        ...(state === undefined ? {} : { state: requireState(state) }),
        ...(continuation === undefined ? {} : { continuation }),
      });
      return { ...page, loads: page.loads.map(viewOf) };
    },
    cancel: async (id, starter) => {
      const found = await load(id);
      if (found.state === 'cancelled') return viewOf(found);
      if (found.state !== 'running') throw new KfError('LOAD_ENDED', `load ${id}: is ${found.state}`);
      const marked = await deps.store.change(id, ({ state }) =>
        state === 'running' ? { cancelRequested: true } : {},
      );
      await starter.wake(id);
      return viewOf(marked);
    },
  };
}

function requireState(text: string): LoadState {
  const state = loadStates.find((one) => one === text);
  if (state === undefined) {
    throw new KfError('REQUEST_INVALID', `state: "${text}" is not one of ${loadStates.join(', ')}`);
  }
  return state;
}

/**
 * Sources first, then the row: a load that is there can be run. Whoever is first under a requestId wins; what a
 * loser wrote under another content is his own blob's name only, so nothing of it is used.
 */
async function accept(
  deps: LoadDeps,
  id: string,
  parsed: ReturnType<typeof parseLoadRequest>,
): Promise<Load> {
  const { sources, secrets, ...options } = parsed.request;
  const held = await deps.store.get(id);
  if (held !== undefined) return requireSame(held, parsed.digest);
  const stored = { id, digest: parsed.digest };
  if (Object.keys(secrets).length > 0) await stageOnce(storeOf(deps), secretsBlob(stored), secrets);
  await stageOnce(storeOf(deps), sourcesBlob(stored), sources);
  const now = deps.clock.now();
  try {
    return await deps.store.insert({
      id,
      digest: parsed.digest,
      state: 'running',
      step: 'inspect',
      options,
      createdAtMs: now,
      updatedAtMs: now,
      deadlineMs: now + options.timeoutMs,
      cancelRequested: false,
      generation: 0,
      possibleDuplicates: 0,
      times: {},
      cleaned: false,
    });
  } catch (error) {
    if (!(error instanceof KfError) || error.code !== 'STORAGE_CONFLICT') throw error;
    const winner = await deps.store.get(id);
    if (winner === undefined) throw error;
    return requireSame(winner, parsed.digest);
  }
}

function requireSame(held: Load, digest: string): Load {
  if (held.digest !== digest) {
    throw new KfError('REQUEST_ID_REUSED', `requestId ${held.id}: a load with other content has it`);
  }
  return held;
}
