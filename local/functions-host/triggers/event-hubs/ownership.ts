/** Who owns a partition, as the blob of the partition says. */
export interface Ownership {
  partitionId: string;
  /** Empty when given up. */
  ownerId: string;
  lastModifiedMs: number;
  etag: string;
}

export interface BalanceInput {
  /** This host. */
  me: string;
  partitionIds: readonly string[];
  ownerships: readonly Ownership[];
  nowMs: number;
  /** An ownership not renewed for this long is free, in ms. */
  expirationMs: number;
  /** A number in [0, 1); spreads hosts over the free partitions. */
  random: number;
}

/** What one round of balancing should do. */
export interface BalancePlan {
  /** Owned by this host, to be renewed. */
  renew: string[];
  /** To be claimed: free ones, or one taken from the host that has most. */
  claim: string[];
}

function rotate<T>(items: readonly T[], random: number): T[] {
  const from = Math.floor(random * items.length);
  return [...items.slice(from), ...items.slice(0, from)];
}

/** Partitions by active owner; this host is always in it. */
function byOwner(input: BalanceInput): Map<string, string[]> {
  const known = new Set(input.partitionIds);
  const owners = new Map<string, string[]>([[input.me, []]]);
  for (const { partitionId, ownerId, lastModifiedMs } of input.ownerships) {
    const active = ownerId !== '' && input.nowMs - lastModifiedMs < input.expirationMs;
    if (!active || !known.has(partitionId)) continue;
    owners.set(ownerId, [...(owners.get(ownerId) ?? []), partitionId]);
  }
  return owners;
}

/**
 * Plans one round: take free partitions up to a fair share; when none is free and this host has fewer than its
 * share, take one from a host that has more than its own. Fair: counts differ by at most one.
 */
export function planBalance(input: BalanceInput): BalancePlan {
  const owners = byOwner(input);
  const mine = owners.get(input.me) ?? [];
  const taken = new Set([...owners.values()].flat());
  const free = rotate(
    input.partitionIds.filter((id) => !taken.has(id)),
    input.random,
  );
  const base = Math.floor(input.partitionIds.length / owners.size);
  const extras = input.partitionIds.length % owners.size;
  const othersWithExtra = [...owners].filter(
    ([owner, ids]) => owner !== input.me && ids.length > base,
  ).length;
  const share = base + (othersWithExtra < extras ? 1 : 0);
  if (mine.length >= share) return { renew: mine, claim: [] };
  if (free.length > 0) return { renew: mine, claim: free.slice(0, share - mine.length) };
  const richest = [...owners].reduce((most, one) => (one[1].length > most[1].length ? one : most));
  const worthIt = richest[0] !== input.me && richest[1].length > mine.length + 1;
  return { renew: mine, claim: worthIt ? rotate(richest[1], input.random).slice(0, 1) : [] };
}
