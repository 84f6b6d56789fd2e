import type { Episode, EpisodeDeps, RunOutcome } from './episode.js';
import { accept, newInstance } from './inbox.js';
import type { Instance } from './instance.js';
import { orchestratorInput, stateOfError, stateOfResult } from './orchestrator-call.js';
import type { HubParts } from './parts.js';
import { runFresh } from './run-episode.js';
import { runFunction } from './run-function.js';
import { type ControlMessage, type HistoryEvent, isFinished } from './types.js';

/** An instance as it was last read or written, with its history. */
export interface Loaded {
  instance: Instance;
  history: HistoryEvent[];
}

async function runOrchestrator(
  parts: HubParts,
  instance: Instance,
  history: readonly HistoryEvent[],
): Promise<RunOutcome> {
  const { name, instanceId } = instance;
  const fn = parts.functions.find('orchestrator', name);
  if (!fn) return { error: `there is no orchestrator function named "${name}" in the app` };
  const json = JSON.stringify(
    orchestratorInput(
      {
        instanceId,
        input: instance.input,
        parentInstanceId: instance.parent?.instanceId,
        httpPollMs: parts.config.httpPollMs,
      },
      history,
    ),
  );
  const done = await runFunction(parts, fn, { json, reason: `orchestration ${instanceId}`, instanceId });
  return done.error === undefined ? stateOfResult(done.value) : stateOfError(done.error.message);
}

function episodeDeps(parts: HubParts): EpisodeDeps {
  return {
    now: () => parts.clock.now(),
    newId: () => parts.clock.newId().replaceAll('-', ''),
    httpPollMs: parts.config.httpPollMs,
    maxActions: parts.config.maxOrchestrationActions,
    run: (instance, history) => runOrchestrator(parts, instance, history),
  };
}

/** The instance a batch of messages is for; undefined when it does not exist and none of them makes it. */
function open(parts: HubParts, loaded: Loaded | undefined, messages: ControlMessage[]): Loaded | undefined {
  if (loaded) return { instance: structuredClone(loaded.instance), history: [...loaded.history] };
  for (const { to, body } of messages) {
    if (body.kind === 'start' && body.parent) {
      return { instance: newInstance(to, body, parts.clock.now()), history: [] };
    }
  }
  return undefined;
}

/**
 * Runs one episode: takes the messages in, runs the function over them, and writes everything that follows in one
 * transaction before anything is sent.
 * @returns the new state; undefined when there is no such instance
 * @throws ConflictError, TransientError: nothing was changed
 */
export async function runOrchestration(
  parts: HubParts,
  loaded: Loaded | undefined,
  messages: ControlMessage[],
): Promise<Loaded | undefined> {
  const opened = open(parts, loaded, messages);
  if (!opened) return undefined;
  const { instance, history } = opened;
  const episode: Episode = {
    deps: episodeDeps(parts),
    instance,
    history,
    added: [],
    outgoing: { control: [], work: [] },
    fresh: [],
    lastMs: 0,
    begun: 0,
    newGeneration: false,
    droppedEarlier: false,
  };
  const fresh = messages.filter((message) => accept(episode, message));
  if (fresh.length === 0) return loaded;
  await runFresh(episode);
  if (!loaded || !isFinished(loaded.instance.status) || !isFinished(instance.status)) {
    instance.updatedAt = new Date(parts.clock.now()).toISOString();
  }
  const row = await parts.store.commit({ instance, events: episode.added, outgoing: episode.outgoing });
  await parts.flush(row);
  if (episode.droppedEarlier) await parts.store.dropEarlier(instance);
  return { instance, history: episode.history };
}
