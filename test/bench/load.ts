import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { atMost, type Bench, median } from './types.js';

const app = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const runs = 9;

function timeNode(args: readonly string[]): number {
  const startedAt = performance.now();
  const result = spawnSync(process.execPath, args, {
    stdio: 'ignore',
    env: {
      ...process.env,
      KUSTO_CLUSTER: 'http://localhost:1',
      KUSTO_AUTH: 'none',
      EVENTHUB: 'x',
      AzureWebJobsStorage: 'UseDevelopmentStorage=true',
    },
  });
  if (result.status !== 0) {
    throw new Error(`node ${args.join(' ')} ended with ${result.status}`);
  }
  return performance.now() - startedAt;
}

/** Load time of the compiled app beside an empty Node start, alternating. */
export const load: Bench = {
  name: 'load',
  summary: 'load time of the compiled app against an empty Node start',
  run: async () => {
    const empty: number[] = [];
    const loaded: number[] = [];
    for (let run = 0; run < runs; run++) {
      empty.push(timeNode(['-e', '0']));
      loaded.push(
        timeNode([
          '--input-type=module',
          '-e',
          `await import(${JSON.stringify(`file://${app}`)}); process.exit(0)`,
        ]),
      );
    }
    const [emptyMs, loadMs] = [median(empty), median(loaded)];
    return [
      { name: 'load.empty', value: emptyMs, unit: 'ms' },
      { name: 'load.app', value: loadMs, unit: 'ms' },
      atMost(10, {
        name: 'load.ratio',
        value: loadMs / emptyMs,
        unit: 'times',
        note: `median of ${runs} runs, alternating`,
      }),
    ];
  },
};
