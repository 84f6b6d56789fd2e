import type { Clock } from '../runtime/clock.js';
import type { SasUrl } from '../storage/sas-url.js';

/** Success is remembered for a minute, in steps of ten seconds; newer steps weigh more. */
const BUCKETS = 6;
const BUCKET_MS = 10_000;
/** Shares of success that divide accounts into tiers; the best tier is used first. */
const TIER_LIMITS = [0.9, 0.7, 0.3, 0] as const;

interface Bucket {
  step: number;
  good: number;
  all: number;
}

/** Orders resources so that accounts which work come first and equals take turns. */
export interface Ranking {
  order(resources: readonly SasUrl[]): SasUrl[];
  report(resource: SasUrl, succeeded: boolean): void;
}

export function createRanking(clock: Pick<Clock, 'now' | 'random'>): Ranking {
  const accounts = new Map<string, Bucket[]>();
  let turn = 0;
  const tierOf = (account: string): number => {
    const share = successShare(accounts.get(account) ?? [], Math.floor(clock.now() / BUCKET_MS));
    const tier = TIER_LIMITS.findIndex((limit) => share > limit);
    return tier === -1 ? TIER_LIMITS.length : tier;
  };
  return {
    order: (resources) => {
      turn++;
      return resources
        .map((resource, index) => ({
          resource,
          tier: tierOf(accountOf(resource)),
          place: (index + turn) % resources.length,
        }))
        .sort((a, b) => a.tier - b.tier || a.place - b.place)
        .map(({ resource }) => resource);
    },
    report: (resource, succeeded) => {
      const step = Math.floor(clock.now() / BUCKET_MS);
      const account = accountOf(resource);
      const buckets = (accounts.get(account) ?? []).filter((bucket) => bucket.step > step - BUCKETS);
      const last = buckets.at(-1);
      const current = last?.step === step ? last : { step, good: 0, all: 0 };
      if (current !== last) buckets.push(current);
      current.all++;
      if (succeeded) current.good++;
      accounts.set(account, buckets);
    },
  };
}

function accountOf(resource: SasUrl): string {
  return new URL(resource.address).host;
}

function successShare(buckets: readonly Bucket[], nowStep: number): number {
  let good = 0;
  let all = 0;
  for (const bucket of buckets) {
    const weight = BUCKETS - (nowStep - bucket.step);
    if (weight <= 0) continue;
    good += weight * bucket.good;
    all += weight * bucket.all;
  }
  return all === 0 ? 1 : good / all;
}
