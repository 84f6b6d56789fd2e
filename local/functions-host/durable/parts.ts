import type { HostClock } from '../clock.js';
import type { FunctionDefinition } from '../functions.js';
import type { Invoker } from '../invoker.js';
import type { Logger } from '../log.js';
import type { DurableConfig } from './config.js';
import type { JsonQueue } from './queues.js';
import type { InstanceStore, OutboxRow } from './store.js';
import type { ControlMessage, WorkItem } from './types.js';

export type DurableKind = 'activity' | 'orchestrator' | 'entity';

/** The functions of the app that the hub runs; names match in any case. */
export interface FunctionRegistry {
  find(kind: DurableKind, name: string): FunctionDefinition | undefined;
}

/** What the parts of a task hub share. */
export interface HubParts {
  readonly config: DurableConfig;
  readonly clock: HostClock;
  readonly log: Logger;
  readonly invoker: Invoker;
  readonly functions: FunctionRegistry;
  readonly store: InstanceStore;
  readonly work: JsonQueue<WorkItem>;
  readonly control: readonly JsonQueue<ControlMessage>[];
  /** Partition of an instance. */
  partitionOf(instanceId: string): number;
  /** Sends one message to an instance. */
  sendControl(message: ControlMessage): Promise<void>;
  /** Outbox rows this host is sending right now. */
  readonly sending: ReadonlySet<string>;
  /** Sends what a change left in its outbox, then clears it. */
  flush(row: OutboxRow | undefined): Promise<void>;
  warn(where: string, error: unknown): void;
}

/** Log category of everything durable. */
export const CATEGORY = 'Host.DurableTask';
