import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { addFault } from '../helpers/kusto-admin.js';
import { api, csvRows, endOf, putBlobs, startLoadStack } from '../helpers/load-stack.js';
import { kustoCommand, type Stack, until } from '../helpers/stack.js';
import { atMost, type Bench } from './types.js';
import { workerMemory } from './worker-memory.js';

const compress = promisify(gzip);
const GIGABYTES = 5;
const MEMBER_BYTES = 100_000_000;
const MEMBERS = (GIGABYTES * 1e9) / MEMBER_BYTES;
const BATCHING_LIMIT_MB = 300;
const GOAL_MB = 200;
const HAND_OVER_TIMEOUT_MS = 20 * 60_000;
const TELL_EVERY_MS = 10_000;
const COLUMNS = 'n:long, device:string, status:string, note:string';

const pipeline = [
  'kusto: { cluster: "%KUSTO_CLUSTER%", auth: { kind: none } }',
  'http: { tables: ["Samples.*"] }',
  'load: { storage: [{ container: loads }] }',
].join('\n');

/**
 * CSV of about 160 bytes a line that compresses well, so that the storage double stays small. A gzip file may have
 * any number of members, so one is made and repeated.
 */
async function bigFile(): Promise<Buffer> {
  const note = 'n'.repeat(130);
  const chunks: Buffer[] = [];
  for (let bytes = 0, n = 0; bytes < MEMBER_BYTES; ) {
    const lines = Array.from({ length: 1_000 }, () => `${n},device-${n++ % 97},ok,${note}\n`);
    const chunk = Buffer.from(lines.join(''));
    bytes += chunk.length;
    chunks.push(chunk);
  }
  const member = await compress(Buffer.concat(chunks), { level: 1 });
  return Buffer.concat(Array.from({ length: MEMBERS }, () => member));
}

async function upload(stack: Stack, table: string, bytes: Buffer): Promise<string> {
  const { json } = await api(stack, 'POST /uploads', { body: { database: 'Samples', table } });
  const { uploadId, url, headers } = json as unknown as {
    uploadId: string;
    url: string;
    headers: Record<string, string>;
  };
  const answer = await fetch(url, { method: 'PUT', headers, body: bytes as Uint8Array<ArrayBuffer> });
  if (!answer.ok) throw new Error(`the upload was answered with ${answer.status}`);
  return uploadId;
}

const start = (stack: Stack, requestId: string, body: object) =>
  api(stack, 'POST /loads', {
    body: { requestId, database: 'Samples', table: 'M', format: 'csv', ...body },
  });

/** A small load brings in what every load needs once: code, connections. */
async function warmUp(stack: Stack): Promise<void> {
  await kustoCommand(stack, 'Samples', '.create table W (n:long, name:string)');
  const [url] = await putBlobs(stack, { 'warm.csv': csvRows(0, 100) });
  await start(stack, 'warm', { table: 'W', sources: [{ url }] });
  const { state } = await endOf(stack, 'warm');
  if (state !== 'committed') throw new Error(`the load that warms up is ${state}`);
}

interface Counts {
  readonly blobs?: number;
  readonly sent?: number;
}

/** Follows the load until every blob is handed over, then takes it back. */
async function handOver(stack: Stack, say: (line: string) => void): Promise<number> {
  let toldMs = 0;
  const view = await until(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const { json } = await api(stack, 'GET /loads/big?limit=1');
      if (Date.now() - toldMs > TELL_EVERY_MS) {
        say(`${json.step}, ${json.state}`);
        toldMs = Date.now();
      }
      return json;
    },
    ({ state, step }) => state !== 'running' || step === 'wait',
    HAND_OVER_TIMEOUT_MS,
  );
  if (view.state !== 'running') throw new Error(`the load is ${view.state}: ${JSON.stringify(view.error)}`);
  return (view['counts'] as Counts).blobs ?? 0;
}

/** Growth of the worker while it cuts one large upload into blobs and hands them over. */
export const loadMemory: Bench = {
  name: 'load-memory',
  summary: `growth of the worker while a load of ${GIGABYTES} GB is cut and handed over`,
  run: async (say) => {
    const stack = await startLoadStack({ pipeline });
    try {
      await kustoCommand(stack, 'Samples', `.create table M (${COLUMNS})`);
      await warmUp(stack);
      // The double of the service forgets the blobs, since its memory and time are not what is measured.
      await addFault(stack, { target: 'operation', action: 'vanish' });
      const bytes = await bigFile();
      const uploadId = await upload(stack, 'M', bytes);
      const worker = await workerMemory(stack);
      const before = worker.nowBytes();
      const watch = worker.watch();
      const startedAt = performance.now();
      const sources = [{ upload: uploadId, gzip: true }];
      await start(stack, 'big', { sources, clientBatchingLimitMb: BATCHING_LIMIT_MB });
      const blobs = await handOver(stack, say);
      const seconds = (performance.now() - startedAt) / 1000;
      const peak = watch.stop();
      await api(stack, 'DELETE /loads/big');
      const { state } = await endOf(stack, 'big');
      if (state !== 'cancelled') throw new Error(`the load was to be cancelled, and is ${state}`);
      const note =
        `from ${Math.round(before / 1e6)} MB when idle; one gzip upload of ${Math.round(bytes.length / 1e6)} MB, ` +
        `cut into ${blobs} blobs in ${seconds.toFixed(0)} s; cancelled once all was handed over`;
      return [
        atMost(GOAL_MB, { name: 'load-memory.growth', value: (peak - before) / 1e6, unit: 'MB', note }),
      ];
    } finally {
      await stack.stop();
    }
  },
};
