import { LocalError } from '../shared/errors.js';
import { notFound } from './errors.js';
import { MAX_PARTITIONS } from './limits.js';
import { PartitionLog, type Retention } from './partition-log.js';

/** Consumer group every hub has. */
const DEFAULT_CONSUMER_GROUP = '$Default';
const NAME_PATTERN = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,254}[A-Za-z0-9])?$/;

/** A hub as declared: with no groups named, any consumer group is accepted. */
export interface HubSpec {
  readonly name: string;
  readonly partitionCount: number;
  readonly consumerGroups: readonly string[];
}

/**
 * Reads `name:partitions[:group;group],…`.
 *
 * @throws LocalError `USAGE` naming the part that cannot be read
 */
export function parseHubSpecs(text: string): HubSpec[] {
  const specs = text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => parseHubSpec(part.trim()));
  if (specs.length === 0) throw new LocalError('USAGE', '--hubs names no event hub');
  const names = new Set(specs.map((spec) => spec.name.toLowerCase()));
  if (names.size !== specs.length) throw new LocalError('USAGE', '--hubs names an event hub twice');
  return specs;
}

function parseHubSpec(part: string): HubSpec {
  const [name = '', partitions = '1', groups = '', ...rest] = part.split(':');
  const count = Number(partitions);
  if (!NAME_PATTERN.test(name) || rest.length > 0) {
    throw new LocalError(
      'USAGE',
      `--hubs: cannot read ${JSON.stringify(part)} as name:partitions[:group;group]`,
    );
  }
  if (!Number.isInteger(count) || count < 1 || count > MAX_PARTITIONS) {
    throw new LocalError(
      'USAGE',
      `--hubs: ${name} needs 1 to ${MAX_PARTITIONS} partitions, not ${partitions}`,
    );
  }
  const consumerGroups = groups.split(';').filter((group) => group !== '');
  return { name, partitionCount: count, consumerGroups };
}

/** One event hub: its partitions and how events are spread over them. */
export class Hub {
  readonly name: string;
  readonly createdMs: number;
  readonly partitions: readonly PartitionLog[];
  readonly #groups: ReadonlySet<string>;
  #nextPartition = 0;

  constructor(spec: HubSpec, retention: Retention, createdMs: number) {
    this.name = spec.name;
    this.createdMs = createdMs;
    this.partitions = Array.from({ length: spec.partitionCount }, () => new PartitionLog(retention));
    this.#groups = new Set(spec.consumerGroups.map((group) => group.toLowerCase()));
  }

  hasConsumerGroup(name: string): boolean {
    const wanted = name.toLowerCase();
    return (
      this.#groups.size === 0 || wanted === DEFAULT_CONSUMER_GROUP.toLowerCase() || this.#groups.has(wanted)
    );
  }

  /** Index of the partition with this id. */
  partitionIndex(id: string): number {
    const index = /^\d+$/.test(id) ? Number(id) : -1;
    if (index < 0 || index >= this.partitions.length) throw notFound(`${this.name}/Partitions/${id}`);
    return index;
  }

  /** Partition for an event without a partition id: by key where there is one, else in turn. */
  choosePartition(partitionKey: string | undefined): number {
    if (partitionKey !== undefined) return stableHash(partitionKey) % this.partitions.length;
    const chosen = this.#nextPartition;
    this.#nextPartition = (chosen + 1) % this.partitions.length;
    return chosen;
  }
}

/** All hubs by name; names are not case-sensitive. */
export class HubRegistry {
  readonly #hubs = new Map<string, Hub>();

  constructor(hubs: readonly Hub[]) {
    for (const hub of hubs) this.#hubs.set(hub.name.toLowerCase(), hub);
  }

  get(name: string): Hub {
    const hub = this.#hubs.get(name.toLowerCase());
    if (hub === undefined) throw notFound(name);
    return hub;
  }

  all(): Hub[] {
    return [...this.#hubs.values()];
  }
}

/** 32-bit FNV-1a of the key's UTF-8 bytes: the same key always gets the same partition, also across restarts. */
function stableHash(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'utf8')) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash;
}
