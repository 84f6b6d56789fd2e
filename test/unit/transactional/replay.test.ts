import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import { loadOrchestrator } from '../../../src/functions/load-orchestration.js';
import { loadSteps } from '../../../src/transactional/types.js';
import { type RecordedHistory, replayHistory } from '../../helpers/history-replay.js';

/** Instances that began under the code of each recording may still run: `npm run record-histories` adds to them. */
const folder = fileURLToPath(new URL('../../../../test/replay/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
const histories = files.flatMap((name) =>
  readFileSync(`${folder}${name}`, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as RecordedHistory),
);

test('every recorded history of a load goes on under the code of today', async () => {
  assert.ok(histories.length >= 20);
  for (const recorded of histories) {
    const { problem } = await replayHistory(
      loadOrchestrator as OrchestrationHandler,
      recorded.history,
      recorded,
    );
    assert.equal(problem, undefined, `${recorded.instanceId} generation ${recorded.generation}: ${problem}`);
  }
});

test('the recordings reach every step of a load', () => {
  const names = new Set(
    histories.flatMap(({ history }) => history.map((event) => String(event['Name'] ?? ''))),
  );
  assert.deepEqual(
    loadSteps.filter((step) => !names.has(`load-${step}`)),
    [],
  );
});

test('an orchestrator that asks for other activities is reported', async () => {
  const renamed = function* (context: OrchestrationContext) {
    const { df } = context;
    const call = df.callActivity.bind(df);
    df.callActivity = (name: string, input?: unknown) =>
      call(name === 'load-stage' ? 'load-staging' : name, input);
    return yield* loadOrchestrator(context);
  };
  const replays = await Promise.all(
    histories.map((recorded) => replayHistory(renamed as OrchestrationHandler, recorded.history, recorded)),
  );
  const problems = replays.filter(({ problem }) => problem !== undefined);
  assert.ok(problems.length >= 5 && problems.length < histories.length, String(problems.length));
});
