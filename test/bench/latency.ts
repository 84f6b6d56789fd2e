import type { Envelope } from '../../src/ingest/types.js';
import { kustoCommand, kustoQuery } from '../helpers/stack.js';
import { startService } from './service.js';
import { atMost, type Bench, percentile } from './types.js';

const requestsPerSecond = 500;
const seconds = 20;
const warmUpSeconds = 3;
/** Every so many requests one is looked up in the table as soon as it was answered. */
const lookUpEvery = 100;
const pipeline = `
kusto: { cluster: "%KUSTO_CLUSTER%", auth: { kind: none } }
sources:
  - name: bench
    eventHub: { connection: EVENTHUB, name: bench }
    route: { database: Bench, table: S, format: json, delivery: streaming }
`;

function envelope(n: number): Envelope {
  return {
    body: Buffer.from(JSON.stringify({ id: n, text: 'streamed', at: Date.now() })),
    properties: {},
    source: 'bench',
    position: { partition: String(n % 8), offset: String(n), sequenceNumber: n },
  };
}

/** Requests at a fixed rate, however long each takes; from the planned time of a request to rows in the table. */
export const latency: Bench = {
  name: 'latency',
  summary: `streaming, from request to queryable, at ${requestsPerSecond} requests/s`,
  run: async (say) => {
    const service = await startService(pipeline, 'Bench');
    try {
      await kustoCommand(service, 'Bench', '.create table S (id:long, text:string, at:long)');
      await kustoCommand(service, 'Bench', '.alter table S policy streamingingestion enable');
      const spentMs: number[] = [];
      let missing = 0;
      let lookUps = 0;
      const lookUp = async (n: number): Promise<void> => {
        lookUps++;
        const rows = await kustoQuery(service, 'Bench', `S | where id == ${n} | count`);
        missing += rows[0]?.[0] === 1 ? 0 : 1;
      };
      const request = async (n: number, plannedAt: number): Promise<void> => {
        await service.services.ingestEvents('bench', [envelope(n)]);
        if (n >= requestsPerSecond * warmUpSeconds) {
          spentMs.push(performance.now() - plannedAt);
        }
        if (n % lookUpEvery === 0) {
          await lookUp(n);
        }
      };
      const startedAt = performance.now();
      const running: Promise<void>[] = [];
      const count = requestsPerSecond * seconds;
      for (let n = 0; n < count; ) {
        const due = Math.min(count, Math.floor(((performance.now() - startedAt) / 1000) * requestsPerSecond));
        for (; n < due; n++) {
          running.push(request(n, startedAt + (n / requestsPerSecond) * 1000));
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await Promise.all(running);
      say(`${lookUps} requests looked up at once, ${missing} not there`);
      const note = `${spentMs.length} requests; ${lookUps} looked up as soon as answered, ${missing} not there`;
      return [
        atMost(50, { name: 'latency.p50', value: percentile(spentMs, 50), unit: 'ms', note }),
        atMost(250, { name: 'latency.p99', value: percentile(spentMs, 99), unit: 'ms' }),
        atMost(0, { name: 'latency.missing', value: missing, unit: 'requests' }),
      ];
    } finally {
      await service.stop();
    }
  },
};
