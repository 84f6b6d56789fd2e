import type { KustoReady, Part } from '../helpers/stack.js';

interface Rule {
  readonly target: string;
  readonly match?: string;
  readonly action: string;
  readonly times?: number;
  readonly probability?: number;
  readonly seed?: number;
  readonly delayMs?: number;
  readonly code?: string;
}

/** The service's code on poison; the letters must carry it. */
export const poisonCode = 'Stream_DynamicPropertyBagTooLarge';

/** Each fault must fire at least this often. */
export const leastHits = 20;
/** A fault that fires by chance is over after so many times. */
const mostHits = 30;

const submit = '/^POST .*ingestion\\/queued/';
const status = '/^GET .*ingestion\\/queued/';
const upload = '/^PUT .*\\/kusto-staging\\/data\\//';
const ledgerWrite = '/^(POST|PUT|PATCH|DELETE) .*KustoLedger/';
const ingestion = '/^DataIngestPull/';

/** Longer than it takes to see that something is held and to kill its process. */
const holdMs = 8_000;

/** Holds the next upload, or the next call that hands over blobs. */
export const holds = {
  upload: { target: 'blob', match: upload, action: 'slow', delayMs: holdMs, times: 1 },
  submit: { target: 'dm', match: submit, action: 'slow', delayMs: holdMs, times: 1 },
} as const satisfies Record<string, Rule>;

/** The rules of the chaos run by name; each must fire at least `leastHits` times. */
export function rules(seed: number): Readonly<Record<string, Rule>> {
  const byChance = (order: number, probability: number, facts: Rule): Rule => ({
    ...facts,
    ...{ probability, times: mostHits, seed: seed * 100 + order },
  });
  return {
    poison: { target: 'operation', match: 'poison-record', action: 'fail', code: poisonCode },
    throttledSubmit: byChance(1, 0.15, { target: 'dm', match: submit, action: 'throttle' }),
    lostSubmit: byChance(2, 0.15, { target: 'dm', match: submit, action: 'loseAnswer' }),
    failedSubmit: byChance(3, 0.15, { target: 'dm', match: submit, action: 'transient' }),
    failedUpload: byChance(4, 0.1, { target: 'blob', match: upload, action: 'transient' }),
    lostUpload: byChance(5, 0.06, { target: 'blob', match: upload, action: 'loseAnswer' }),
    failedLedger: byChance(6, 0.03, { target: 'table', match: ledgerWrite, action: 'transient' }),
    lostLedger: byChance(7, 0.03, { target: 'table', match: ledgerWrite, action: 'loseAnswer' }),
    retriedByService: byChance(8, 0.1, { target: 'operation', match: ingestion, action: 'transient' }),
    refusedForNow: byChance(9, 0.1, {
      ...{ target: 'operation', match: ingestion, action: 'fail', code: 'Download_UnknownError' },
    }),
    failedStatus: byChance(10, 0.2, { target: 'dm', match: status, action: 'transient' }),
  };
}

export type Hits = Readonly<Record<string, number>>;

interface Status {
  readonly id: string;
  readonly hits: number;
  readonly lastHit?: string;
}

/** Sets rules on the local Kusto and reads how often each fired. */
export interface FaultClient {
  set(wanted: Readonly<Record<string, Rule>>): Promise<void>;
  hits(): Promise<Hits>;
  /** Adds a rule of its own; `fired` tells what it fired on. */
  once(rule: Rule): Promise<{ fired(): Promise<string | undefined>; remove(): Promise<void> }>;
  /** Moves the clock of the local Kusto ahead. */
  advance(ms: number): Promise<void>;
}

export function faultClient(kusto: Part<KustoReady>): FaultClient {
  const address = new URL('/faults', kusto.ready.admin);
  const ids = new Map<string, string>();
  const post = async (rule: Rule): Promise<string> => {
    const answer = await fetch(address, { method: 'POST', body: JSON.stringify(rule) });
    if (!answer.ok) {
      throw new Error(`POST /faults answered ${answer.status}: ${await answer.text()}`);
    }
    return ((await answer.json()) as { id: string }).id;
  };
  const list = async (): Promise<readonly Status[]> => (await (await fetch(address)).json()) as Status[];
  const remove = async (id: string): Promise<void> => {
    await fetch(new URL(`/faults/${id}`, address), { method: 'DELETE' });
  };
  return {
    set: async (wanted) => {
      for (const [name, rule] of Object.entries(wanted)) {
        ids.set(name, await post(rule));
      }
    },
    hits: async () => {
      const byId = new Map((await list()).map((fault) => [fault.id, fault.hits]));
      return Object.fromEntries([...ids].map(([name, id]) => [name, byId.get(id) ?? 0]));
    },
    once: async (rule) => {
      const id = await post(rule);
      return {
        fired: async () => (await list()).find((fault) => fault.id === id)?.lastHit,
        remove: () => remove(id),
      };
    },
    advance: async (ms) => {
      await remove(await post({ target: 'clock', action: 'advance', delayMs: ms }));
    },
  };
}

/** Within this time of having fired, a hold still holds. */
export const surelyHeldMs = holdMs - 500;
