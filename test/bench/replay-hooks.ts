import functions from '@azure/functions';

/** What the log has before each {@link Replay}. */
export const REPLAY_MARK = 'bench.replay ';

/** One run of the orchestrator: what it was given to replay, and how long that took. */
export interface Replay {
  readonly instance: string;
  readonly events: number;
  readonly bytes: number;
  readonly ms: number;
}

interface Binding {
  readonly instanceId: string;
  readonly history: readonly unknown[];
}

/** Runs in the app under measurement: writes one line for every run of an orchestrator. */
export function watchReplays(): void {
  const startedMs = new Map<string, number>();
  functions.app.hook.preInvocation(({ invocationContext: { functionName, invocationId } }) => {
    if (functionName === 'load') startedMs.set(invocationId, performance.now());
  });
  functions.app.hook.postInvocation(({ inputs, invocationContext: { invocationId } }) => {
    const started = startedMs.get(invocationId);
    if (started === undefined) return;
    startedMs.delete(invocationId);
    const ms = performance.now() - started;
    const input = inputs[0];
    const { instanceId: instance, history } = (
      typeof input === 'string' ? JSON.parse(input) : input
    ) as Binding;
    const replay: Replay = { instance, events: history.length, bytes: JSON.stringify(history).length, ms };
    console.log(`${REPLAY_MARK}${JSON.stringify(replay)}`);
  });
}
