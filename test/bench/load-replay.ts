import { api, csvRows, endOf, makeTable, putBlobs, startLoadStack } from '../helpers/load-stack.js';
import type { Stack } from '../helpers/stack.js';
import { REPLAY_MARK, type Replay, watchReplays } from './replay-hooks.js';
import { atMost, type Bench, median } from './types.js';

const BLOB_COUNTS = [40, 400] as const;
const ROUNDS = 3;
const GOAL_RATIO = 1.2;

const hooks = new URL('./replay-hooks.js', import.meta.url).href;
const app = new URL('../../src/main.js', import.meta.url).href;
const main = `
const { ${watchReplays.name} } = await import(${JSON.stringify(hooks)});
${watchReplays.name}();
await import(${JSON.stringify(app)});
`;

/** Every run of a load's orchestrator, in order. */
function replaysOf(stack: Stack, id: string): Replay[] {
  const lines = stack.hosts[0]?.log ?? [];
  const replays = lines.flatMap((line) => {
    const at = line.indexOf(REPLAY_MARK);
    return at < 0 ? [] : [JSON.parse(line.slice(at + REPLAY_MARK.length)) as Replay];
  });
  return replays.filter(({ instance }) => instance === `load-${id}`);
}

async function loadOnce(stack: Stack, id: string, urls: readonly string[]): Promise<readonly Replay[]> {
  const table = id.replace('-', '');
  await makeTable(stack, table);
  const sources = urls.map((url) => ({ url }));
  await api(stack, 'POST /loads', {
    body: { requestId: id, database: 'Samples', table, format: 'csv', sources },
  });
  const { state } = await endOf(stack, id);
  const replays = replaysOf(stack, id);
  if (state !== 'committed' || replays.length === 0) {
    throw new Error(`load ${id} is ${state}; ${replays.length} runs of its orchestrator were seen`);
  }
  return replays;
}

/** What a run of the orchestrator is given to replay, and takes, does not grow with the blobs of the load. */
export const loadReplay: Bench = {
  name: 'load-replay',
  summary: `replay of a load's orchestrator at ${BLOB_COUNTS.join(' and ')} blobs`,
  run: async (say) => {
    const stack = await startLoadStack({ files: { 'main.js': main } });
    try {
      const seen = new Map<number, Replay[]>(BLOB_COUNTS.map((count) => [count, []]));
      for (let round = 0; round <= ROUNDS; round++) {
        for (const count of BLOB_COUNTS) {
          const names = Array.from(
            { length: count },
            (_, n) => `n${count}/${String(n).padStart(4, '0')}.csv`,
          );
          const urls = await putBlobs(
            stack,
            Object.fromEntries(names.map((name, n) => [name, csvRows(n, 1)])),
          );
          const replays = await loadOnce(stack, `B${count}-${round}`, urls);
          // The first round warms up.
          if (round > 0) seen.get(count)?.push(...replays);
          const most = Math.max(...replays.map(({ events }) => events));
          say(`round ${round}, ${count} blobs: ${replays.length} runs, ${most} events at most`);
        }
      }
      return measures(seen);
    } finally {
      await stack.stop();
    }
  },
};

function measures(seen: ReadonlyMap<number, readonly Replay[]>) {
  const [few, many] = BLOB_COUNTS;
  const most = (count: number, key: 'events' | 'bytes'): number =>
    Math.max(...(seen.get(count) ?? []).map((replay) => replay[key]));
  const middleMs = (count: number): number => median((seen.get(count) ?? []).map(({ ms }) => ms));
  const told = (what: (count: number) => string): string =>
    `${what(few)} at ${few} blobs, ${what(many)} at ${many}`;
  return [
    atMost(GOAL_RATIO, {
      name: 'load-replay.events',
      value: most(many, 'events') / most(few, 'events'),
      unit: 'times',
      note: `longest history of a run: ${told((count) => `${most(count, 'events')} events`)}`,
    }),
    atMost(GOAL_RATIO, {
      name: 'load-replay.bytes',
      value: most(many, 'bytes') / most(few, 'bytes'),
      unit: 'times',
      note: `largest history of a run: ${told((count) => `${(most(count, 'bytes') / 1000).toFixed(1)} kB`)}`,
    }),
    atMost(GOAL_RATIO, {
      name: 'load-replay.time',
      value: middleMs(many) / middleMs(few),
      unit: 'times',
      note: `median run: ${told((count) => `${middleMs(count).toFixed(2)} ms`)}`,
    }),
  ];
}
