import type { HostClock } from '../clock.js';
import type { DurableHub } from '../durable/hub.js';
import type { FunctionDefinition } from '../functions.js';
import type { HostConfig } from '../host-config.js';
import type { HttpRoute } from '../http/server.js';
import type { Invoker } from '../invoker.js';
import type { Logger } from '../log.js';
import type { Settings } from '../settings.js';
import type { WorkerAddress } from '../supervisor.js';

/** What a trigger may use of the host. */
export interface TriggerContext {
  readonly config: HostConfig;
  readonly settings: Settings;
  readonly invoker: Invoker;
  readonly clock: HostClock;
  readonly log: Logger;
  /** Identity shared by all hosts of this app, as in Azure; names their common state in storage. */
  readonly hostId: string;
  /** The task hub of Durable Functions. */
  readonly durable: Pick<DurableHub, 'add' | 'need'>;
  /** Waits for a usable worker; undefined when there is none. */
  worker(): Promise<WorkerAddress | undefined>;
  /** Abilities the app announced; some change the shape of the data it is sent. */
  capabilities(): Readonly<Record<string, string>>;
}

/** A trigger at work for one function. */
export interface TriggerListener {
  /** Begins to listen; must not wait for the outside world (a missing broker is retried in the background). */
  start(): Promise<void>;
  /**
   * Takes no new work and resolves when the running invocations are finished and recorded.
   * @param cut aborts when the time for finishing is over: nothing may be recorded after it
   */
  stop(cut: AbortSignal): Promise<void>;
  /** Starts the function once with this text as its input (`POST /admin/functions/{name}`). */
  runNow?(input: string): Promise<void>;
  /** The HTTP route this trigger answers. */
  readonly route?: HttpRoute;
}

/** One kind of trigger. To add a kind, write one file with such an object and put it into the list of `kinds.ts`. */
export interface TriggerKind {
  /** Binding type in lower case. */
  readonly type: string;
  /**
   * Makes the listener of one function.
   * @throws HostError `binding-invalid` or `setting-missing` when the binding cannot work
   */
  create(fn: FunctionDefinition, context: TriggerContext): TriggerListener;
}
