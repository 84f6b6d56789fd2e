import { type Azurite, startAzurite } from '../../local/shared/azurite.js';
import { createServices } from '../../src/compose/services.js';
import { loadConfig } from '../../src/config/load-config.js';
import type { AppServices } from '../../src/functions/services.js';
import type { Logger } from '../../src/runtime/log.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { type KustoReady, type Part, startPart } from '../helpers/stack.js';

const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Storage and Kusto as processes of their own; the app's services in this one. */
export interface ServiceUnderTest {
  readonly azurite: Azurite;
  readonly kusto: Part<KustoReady>;
  readonly services: AppServices;
  stop(): Promise<void>;
}

export async function startService(pipeline: string, database: string): Promise<ServiceUnderTest> {
  const azurite = await startAzurite();
  const args = ['--port', '0', '--json', '--no-storage', '--storage', azurite.connectionString];
  const kusto = await startPart<KustoReady>('local/kusto/main.js', [...args, '--databases', database]);
  const settings = {
    AzureWebJobsStorage: azurite.connectionString,
    KUSTO_CLUSTER: kusto.ready.engine,
    EVENTHUB: 'Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k;UseDevelopmentEmulator=true;',
  };
  const config = loadConfig({ yamlText: pipeline, path: 'pipeline.yaml', settings });
  const services = createServices({
    config,
    settings,
    clock: systemClock,
    logger: quiet,
    functionTimeoutMs: 1_800_000,
  });
  return {
    azurite,
    kusto,
    services,
    stop: async () => {
      await kusto.child.stop();
      await azurite.stop();
    },
  };
}

/** Runs `task(n)` for n below `count`, `width` at a time. */
export async function inParallel(
  count: number,
  width: number,
  task: (n: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      await task(next++);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
