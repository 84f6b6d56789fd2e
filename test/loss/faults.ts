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
  readonly message?: string;
}

/** The service's code on poison; the letters must carry it. */
export const poisonCode = 'Stream_DynamicPropertyBagTooLarge';

const submit = '/^POST .*ingestion\\/queued/';
const status = '/^GET .*ingestion\\/queued/';
const upload = '/^PUT .*staging.*/';

/** Rules by name; each but `poison` and `slowUpload` must fire at least `leastHits` times. */
export const leastHits = 20;

export function rules(seed: number): Readonly<Record<string, Rule>> {
  const rule = (order: number, facts: Rule): Rule => ({ ...facts, seed: seed * 100 + order });
  return {
    poison: { target: 'operation', match: 'poison-record', action: 'fail', code: poisonCode },
    slowUpload: rule(1, { target: 'blob', match: upload, action: 'slow', delayMs: 150, probability: 0.3 }),
    throttledSubmit: rule(2, {
      target: 'dm',
      match: submit,
      action: 'throttle',
      probability: 0.15,
      times: 40,
    }),
    lostSubmit: rule(3, { target: 'dm', match: submit, action: 'loseAnswer', probability: 0.15, times: 40 }),
    failedUpload: rule(4, {
      target: 'blob',
      match: upload,
      action: 'transient',
      probability: 0.15,
      times: 40,
    }),
    refusedLater: rule(5, {
      target: 'operation',
      match: '/^DataIngestPull/',
      action: 'transient',
      code: 'General_InternalServerError',
      probability: 0.15,
      times: 40,
    }),
    failedStatus: rule(6, { target: 'dm', match: status, action: 'transient', probability: 0.1, times: 40 }),
  };
}

export type Hits = Readonly<Record<string, number>>;

/** Sets the rules on the local Kusto and reads how often each fired. */
export function faultClient(kusto: Part<KustoReady>): {
  set(wanted: Readonly<Record<string, Rule>>): Promise<void>;
  hits(): Promise<Hits>;
  clear(names: readonly string[]): Promise<void>;
  advance(ms: number): Promise<void>;
} {
  const address = new URL('/faults', kusto.ready.admin);
  const ids = new Map<string, string>();
  const post = async (rule: Rule): Promise<string> => {
    const answer = await fetch(address, { method: 'POST', body: JSON.stringify(rule) });
    if (!answer.ok) {
      throw new Error(`POST /faults answered ${answer.status}: ${await answer.text()}`);
    }
    return ((await answer.json()) as { id: string }).id;
  };
  return {
    set: async (wanted) => {
      for (const [name, rule] of Object.entries(wanted)) {
        ids.set(name, await post(rule));
      }
    },
    hits: async () => {
      const list = (await (await fetch(address)).json()) as
        | { faults: { id: string; hits: number }[] }
        | { id: string; hits: number }[];
      const faults = Array.isArray(list) ? list : list.faults;
      const byId = new Map(faults.map((fault) => [fault.id, fault.hits]));
      return Object.fromEntries([...ids].map(([name, id]) => [name, byId.get(id) ?? 0]));
    },
    clear: async (names) => {
      for (const name of names) {
        await fetch(new URL(`/faults/${ids.get(name)}`, kusto.ready.admin), { method: 'DELETE' });
      }
    },
    advance: async (ms) => {
      await post({ target: 'clock', action: 'advance', delayMs: ms, times: 1 });
    },
  };
}
