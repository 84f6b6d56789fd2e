import { join } from 'node:path';
import { KustoError } from '../errors.js';
import { decode } from '../ingest/decode.js';
import type { IngestionService, IngestionServiceFactory, ServiceParts } from '../server/types.js';
import { formatDatetime } from '../values/datetime.js';
import { createServiceCommands } from './commands.js';
import { createBlobDoor } from './download.js';
import { folderKeeper, type Keeper, memoryKeeper } from './keeper.js';
import { Operations, type TrackedOperation } from './operations.js';
import { type OwnStorage, openOwnStorage } from './own-storage.js';
import { QueuePoller } from './poller.js';
import { QueuedIngestion } from './queued.js';
import { Reporter } from './reporter.js';
import { answerRest } from './rest.js';
import type { IngestionSource } from './source.js';
import { StreamingIngestion } from './streaming.js';

function keeperIn<T>({ dataDirectory }: ServiceParts, name: string): Keeper<T> {
  return dataDirectory === undefined ? memoryKeeper() : folderKeeper(join(dataDirectory, 'ingestion', name));
}

function noStorage(): KustoError {
  return new KustoError('Queued ingestion needs storage: start without --no-storage, or give --storage', {
    status: 400,
    code: 'BadRequest_NotSupportedByLocalEngine',
    type: 'Kusto.Local.NotSupportedException',
  });
}

/** The data-management endpoint and streaming ingestion of the local Kusto. */
export const createIngestionService: IngestionServiceFactory = (parts): IngestionService => {
  const { catalog, clock, faults } = parts;
  const log = (line: string) => parts.log(line);
  const storage = parts.storage === undefined ? undefined : openOwnStorage(parts.storage);
  const requireStorage = (): OwnStorage => {
    if (storage === undefined) throw noStorage();
    return storage;
  };
  const blobs = createBlobDoor(parts.storage);
  const nowIso = () => formatDatetime(catalog.now());
  const operations = new Operations(keeperIn<TrackedOperation>(parts, 'operations'), nowIso);
  const reporter = new Reporter({ catalog, operations, storage, log });
  const pending = keeperIn<IngestionSource>(parts, 'pending');
  const queued = new QueuedIngestion({ catalog, clock, faults, blobs, decode, reporter, pending, log });
  const poller = storage === undefined ? undefined : new QueuePoller({ storage, queued, reporter, log });
  const streaming = new StreamingIngestion({ catalog, blobs, decode });
  return {
    commands: createServiceCommands(requireStorage),
    streamingIngest: (request) => streaming.ingest(request),
    ingestionRest: async (request) =>
      answerRest({ catalog, operations, queued, storage: requireStorage() }, request),
    readSource: (uri) => blobs.read(uri),
    async start() {
      await storage?.create();
      await operations.load();
      await queued.resume();
      poller?.start();
    },
    async stop() {
      await poller?.stop();
      await queued.stop();
      blobs.close();
    },
  };
};
