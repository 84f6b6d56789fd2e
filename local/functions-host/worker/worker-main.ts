import { Socket } from 'node:net';
import { createChannel } from '../framing.js';
import { CHANNEL_FD, type HostMessage, type WorkerMessage } from '../protocol.js';
import { findEntryFiles, loadFile } from './app-files.js';
import { createCoreApi, createRegistry, injectCoreModule } from './core-api.js';
import { emitLog, handleInvoke, runHooks, toFault, type WorkerState } from './invocation.js';

/** Abilities the real Node worker announces besides those of the library; they decide the data shapes it is sent. */
const OWN_CAPABILITIES = {
  RawHttpBodyBytes: 'true',
  RpcHttpTriggerMetadataRemoved: 'true',
  RpcHttpBodyOnly: 'true',
  IgnoreEmptyValuedRpcHttpHeaders: 'true',
  UseNullableValueDictionaryForHttp: 'true',
  WorkerStatus: 'true',
  TypedDataCollection: 'true',
  HandlesWorkerTerminateMessage: 'true',
};

async function loadApp(state: WorkerState): Promise<void> {
  const { registry } = state;
  for (const file of findEntryFiles(process.cwd())) await loadFile(file);
  await runHooks(state, 'appStart', { hookData: {}, appHookData: state.appHookData });
  const own = { ...OWN_CAPABILITIES };
  const capabilities = (await registry.model?.getCapabilities?.(own)) ?? own;
  registry.sealed = true;
  const functions = [...registry.functions.values()].map(({ metadata }) => structuredClone(metadata));
  state.send({ kind: 'ready', functions, capabilities });
}

async function terminate(state: WorkerState): Promise<never> {
  await runHooks(state, 'appTerminate', { hookData: {}, appHookData: state.appHookData }).catch(
    (error: unknown) =>
      state.send({
        kind: 'log',
        level: 'error',
        category: 'system',
        message: `an app-terminate hook failed: ${toFault(error).message}`,
      }),
  );
  process.exit(0);
}

/** Entry point of the worker process: loads the app in the current folder and serves the host on {@link CHANNEL_FD}. */
function main(): void {
  const channel = createChannel<HostMessage, WorkerMessage>(new Socket({ fd: CHANNEL_FD }));
  const state: WorkerState = {
    registry: createRegistry(),
    appHookData: {},
    send: (message) => channel.send(message),
  };
  injectCoreModule(
    createCoreApi(state.registry, (level, category, message) =>
      emitLog(state, { level, category, message }, {}),
    ),
  );
  // The host is gone: nobody is left to answer, as when the real worker loses its gRPC channel.
  channel.onClose(() => process.exit(1));
  channel.onMessage((message) => {
    if (message.kind === 'invoke') void handleInvoke(state, message);
    else void terminate(state);
  });
  // Ctrl+C reaches the whole process group; the host decides when the worker ends.
  process.on('SIGINT', () => undefined);
  loadApp(state).catch((error: unknown) => state.send({ kind: 'loadFailed', error: toFault(error) }));
}

main();
