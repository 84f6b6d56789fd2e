import { Readable } from 'node:stream';
import { KustoConnectionStringBuilder } from 'azure-kusto-data';
import { DataFormat, IngestClient, IngestionProperties, ReportLevel } from 'azure-kusto-ingest';
import type { Envelope } from '../../src/ingest/types.js';
import { kustoCommand } from '../helpers/stack.js';
import { inParallel, type ServiceUnderTest, startService } from './service.js';
import { atLeast, type Bench, type Measure, median } from './types.js';

const width = 8;
const rounds = 5;
const pipeline = `
kusto: { cluster: "%KUSTO_CLUSTER%", auth: { kind: none } }
sources:
  - name: bench
    eventHub: { connection: EVENTHUB, name: bench }
    route: { database: Bench, table: T, format: json }
`;

interface Rate {
  readonly recordsPerSecond: number;
  readonly megabytesPerSecond: number;
}

function body(n: number): Buffer {
  const record = {
    id: n,
    device: `device-${n % 97}`,
    temperature: 20 + (n % 1000) / 100,
    status: 'ok',
    at: n * 31,
  };
  return Buffer.from(
    JSON.stringify({ ...record, note: 'n'.repeat(200 - JSON.stringify(record).length - 10) }),
  );
}

function envelopes(batch: number, size: number): Envelope[] {
  return Array.from({ length: size }, (_, at) => ({
    body: body(batch * size + at),
    properties: {},
    source: 'bench',
    position: { partition: String(batch % width), offset: String(at), sequenceNumber: batch * size + at },
  }));
}

/** `count` batches out of a small pool: a heap full of input would be what is measured otherwise. */
async function rate(
  pool: readonly Envelope[][],
  count: number,
  send: (batch: readonly Envelope[]) => Promise<void>,
): Promise<Rate> {
  const batch = pool[0] as Envelope[];
  const bytes = batch.reduce((sum, { body }) => sum + body.byteLength, 0) * count;
  const startedAt = performance.now();
  await inParallel(count, width, (n) => send(pool[n % pool.length] as Envelope[]));
  const seconds = (performance.now() - startedAt) / 1000;
  return { recordsPerSecond: (batch.length * count) / seconds, megabytesPerSecond: bytes / seconds / 1e6 };
}

/** The SDK's queued client doing the same: one stream per batch, status off. */
function peerClient(service: ServiceUnderTest): (batch: readonly Envelope[]) => Promise<void> {
  const connection = new KustoConnectionStringBuilder(service.kusto.ready.dm);
  const client = new IngestClient(
    connection,
    new IngestionProperties({
      database: 'Bench',
      table: 'T',
      format: DataFormat.MULTIJSON,
      reportLevel: ReportLevel.DoNotReport,
    }),
  );
  return async (batch) => {
    const text = Buffer.concat(batch.flatMap((one) => [one.body as Buffer, Buffer.from('\n')]));
    await client.ingestFromStream(Readable.from([text]), undefined);
  };
}

async function compare(
  service: ServiceUnderTest,
  size: number,
  total: number,
  goal: number,
): Promise<Measure[]> {
  const pool = Array.from({ length: 2 * width }, (_, n) => envelopes(n, size));
  const count = total / size;
  const peer = peerClient(service);
  const ours = (batch: readonly Envelope[]): Promise<void> => service.services.ingestEvents('bench', batch);
  await rate(pool, width, peer);
  await rate(pool, width, ours);
  const rates: { own: Rate; theirs: Rate }[] = [];
  for (let round = 0; round < rounds; round++) {
    rates.push({ theirs: await rate(pool, count, peer), own: await rate(pool, count, ours) });
  }
  const middle = (pick: (pair: { own: Rate; theirs: Rate }) => number): number => median(rates.map(pick));
  const name = `path.${size}`;
  return [
    {
      name: `${name}.ours`,
      value: middle(({ own }) => own.recordsPerSecond),
      unit: 'records/s',
      note: `${middle(({ own }) => own.megabytesPerSecond).toFixed(1)} MB/s`,
    },
    {
      name: `${name}.azure-kusto-ingest`,
      value: middle(({ theirs }) => theirs.recordsPerSecond),
      unit: 'records/s',
      note: `${middle(({ theirs }) => theirs.megabytesPerSecond).toFixed(1)} MB/s`,
    },
    atLeast(goal, {
      name: `${name}.ratio`,
      value: middle(({ own, theirs }) => own.recordsPerSecond / theirs.recordsPerSecond),
      unit: 'times',
      note: `batches of ${size} events, ${width} at a time, status off; median of ${rounds} rounds`,
    }),
  ];
}

/** The whole path into storage and the service, beside the SDK's client. */
export const path: Bench = {
  name: 'path',
  summary: 'records/s into storage and the service, beside azure-kusto-ingest',
  run: async (say) => {
    const service = await startService(pipeline, 'Bench');
    try {
      const columns = 'id:long, device:string, temperature:real, status:string, at:long, note:string';
      await kustoCommand(service, 'Bench', `.create table T (${columns})`);
      // What the service does with the blobs later would fall into whichever round is running then.
      await fetch(new URL('/faults', service.kusto.ready.admin), {
        method: 'POST',
        body: JSON.stringify({ target: 'operation', action: 'vanish' }),
      });
      say('batches of 100 events');
      const small = await compare(service, 100, 16_000, 5);
      say('batches of 2,000 events');
      return [...small, ...(await compare(service, 2_000, 160_000, 2))];
    } finally {
      await service.stop();
    }
  },
};
