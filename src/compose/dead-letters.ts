import type { Settings } from '../config/settings.js';
import { connectionSetting } from '../config/settings.js';
import type { Config, DeadLetterHub } from '../config/types.js';
import { createBlobLetterStore, type LetterForwarder } from '../deadletter/blob-letter-store.js';
import type { DeadLetterStore } from '../deadletter/ports.js';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { Logger, Metrics } from '../runtime/log.js';
import type { StorageConnections } from './connections.js';

export interface DeadLetterParts extends StorageConnections {
  readonly config: Config;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The client of a second home is loaded with its first letter: most apps have none, and it is a large module. */
function lazyForwarder(hub: DeadLetterHub, settings: Settings): LetterForwarder {
  const connectionString = connectionSetting(settings, hub.connection);
  if (connectionString === undefined) {
    throw new KfError('CONFIG_SETTING_MISSING', `deadLetter: app setting ${hub.connection} has no value`);
  }
  let opened: Promise<LetterForwarder> | undefined;
  return {
    forward: async (letters, signal) => {
      opened ??= import('../deadletter/hub.azure.js').then(({ createHubForwarder }) =>
        createHubForwarder({ connectionString, eventHub: hub.eventHub }),
      );
      await (await opened).forward(letters, signal);
    },
  };
}

/** The dead-letter store, with the second homes that the configuration names. */
export function createDeadLetters(parts: DeadLetterParts): DeadLetterStore {
  const { config, settings, clock, logger, metrics, blobs, table } = parts;
  const { container, decode, delivery } = config.deadLetter;
  return createBlobLetterStore({
    blobs,
    table,
    container,
    clock,
    logger,
    metrics,
    forward: {
      ...(decode === undefined ? {} : { decode: lazyForwarder(decode, settings) }),
      ...(delivery === undefined ? {} : { delivery: lazyForwarder(delivery, settings) }),
    },
  });
}
