import { kustoCommand, type Stack, startStack } from '../helpers/stack.js';
import { atMost, type Bench } from './types.js';
import { workerMemory } from './worker-memory.js';

const gigabyte = 1_000_000_000;
const bodies = 5;
const warmUpBytes = 300_000_000;
const pipeline = `
kusto: { cluster: "%KUSTO_CLUSTER%", auth: { kind: none } }
http: { tables: ["Bench.*"] }
settle: { everyMs: 3600000 }
`;

/** Lines of about 200 bytes that compress well, so that the storage double does not become what is measured. */
async function* lines(totalBytes: number): AsyncGenerator<Buffer> {
  const line = (n: number): string =>
    `{"id":${n},"device":"device-${n % 97}","status":"ok","note":"${'n'.repeat(140)}"}\n`;
  for (let sent = 0, n = 0; sent < totalBytes; ) {
    const chunk = Buffer.from(Array.from({ length: 320 }, () => line(n++)).join(''));
    sent += chunk.byteLength;
    yield chunk;
  }
}

async function post(stack: Stack, totalBytes: number): Promise<void> {
  const answer = await fetch(new URL('/api/ingest/Bench/M?format=json', stack.hosts[0]?.ready.url), {
    method: 'POST',
    body: ReadableStream.from(lines(totalBytes)),
    duplex: 'half',
  } as RequestInit);
  const text = await answer.text();
  if (answer.status !== 202) {
    throw new Error(`the body was answered with ${answer.status}: ${text}`);
  }
}

/** Growth of the worker's memory while bodies stream through it. */
export const memory: Bench = {
  name: 'memory',
  summary: `growth of the worker while ${bodies} GB pass through HTTP`,
  run: async (say) => {
    const stack = await startStack({ pipeline, kustoArgs: ['--databases', 'Bench'] });
    try {
      await kustoCommand(
        stack,
        'Bench',
        '.create table M (id:long, device:string, status:string, note:string)',
      );
      // The double of the service forgets the blobs, since its memory is not what is measured.
      await fetch(new URL('/faults', stack.kusto.ready.admin), {
        method: 'POST',
        body: JSON.stringify({ target: 'operation', action: 'vanish' }),
      });
      const worker = await workerMemory(stack);
      await post(stack, warmUpBytes);
      const before = worker.nowBytes();
      const watch = worker.watch();
      const startedAt = performance.now();
      for (let body = 0; body < bodies; body++) {
        await post(stack, gigabyte);
        say(`${body + 1} GB, worker at ${Math.round(worker.nowBytes() / 1e6)} MB`);
      }
      const peak = watch.stop();
      const rate = (bodies * gigabyte) / (performance.now() - startedAt) / 1000;
      const note = `from ${Math.round(before / 1e6)} MB after a warm-up of ${warmUpBytes / 1e6} MB; ${rate.toFixed(0)} MB/s`;
      return [atMost(200, { name: 'memory.growth', value: (peak - before) / 1e6, unit: 'MB', note })];
    } finally {
      await stack.stop();
    }
  },
};
