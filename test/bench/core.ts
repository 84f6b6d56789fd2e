import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { defaultSource } from '../../src/config/load-config.js';
import type { SourceConfig } from '../../src/config/types.js';
import { GZIP_LEVEL } from '../../src/formats/gzip.js';
import { blobBodies, joinRecords } from '../../src/ingest/blob-body.js';
import { createEventIngest } from '../../src/ingest/ingest-events.js';
import type { Envelope, Sink } from '../../src/ingest/types.js';
import { createGate } from '../../src/runtime/gate.js';
import type { Logger, Metrics } from '../../src/runtime/log.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { seeded } from '../helpers/args.js';
import { atMost, type Bench, median } from './types.js';

const compress = promisify(gzip);
/** What one instance has in hand: a batch of each of eight partitions. */
const records = 16_000;
const rounds = 6;
const batch = 2_000;
const runs = 7;

const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const uncounted: Metrics = { add: () => {}, record: () => {} };

/** Telemetry of about 200 bytes: values vary from record to record, as they do in life. */
function telemetry(n: number, random: () => number): string {
  const hex = (digits: number): string =>
    Math.floor(random() * 16 ** digits)
      .toString(16)
      .padStart(digits, '0');
  return JSON.stringify({
    id: `${hex(8)}-${hex(4)}-${hex(4)}`,
    device: `device-${n % 97}`,
    time: new Date(1_767_225_600_000 + n * 137).toISOString(),
    temperature: Math.round(random() * 4_000) / 100,
    humidity: Math.round(random() * 10_000) / 100,
    status: n % 10 === 0 ? 'warning' : 'ok',
    location: { lat: 52 + Math.round(random() * 1e5) / 1e5, lon: 4 + Math.round(random() * 1e5) / 1e5 },
    count: n,
  });
}

function makeEnvelopes(): Envelope[] {
  const random = seeded(1);
  return Array.from({ length: records }, (_, n) => ({
    body: Buffer.from(telemetry(n, random)),
    properties: {},
    source: 'bench',
    position: { partition: String(n % 8), offset: String(n * 256), sequenceNumber: n },
    enqueuedAt: '2026-01-01T00:00:00.000Z',
  }));
}

const cpuMs = (from: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000;
};

/** The floor: what nobody can avoid. Records checked with JSON.parse, and the same bytes compressed. */
async function floor(envelopes: readonly Envelope[], blobs: readonly Buffer[]): Promise<number> {
  const from = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    for (const { body } of envelopes) {
      JSON.parse((body as Buffer).toString('utf8'));
    }
    for (const blob of blobs) {
      await compress(blob, { level: GZIP_LEVEL });
    }
  }
  return cpuMs(from);
}

function source(): SourceConfig {
  const base = defaultSource('bench', 1_800_000);
  return {
    ...base,
    route: {
      ...base.route,
      database: 'D',
      table: 'T',
      columns: { _partition: 'partition', _offset: 'offset', _enqueued: 'enqueuedTime' },
    },
  };
}

/** All but the network: route, validate, splice three columns, batch, compress. */
async function whole(envelopes: readonly Envelope[], keep: Buffer[] | undefined): Promise<number> {
  const sink: Sink = {
    deliver: async (one) => {
      keep?.push(joinRecords(one));
      let blobs = 0;
      for await (const body of blobBodies(one)) {
        blobs += body.bytes.byteLength > 0 ? 1 : 0;
      }
      return { records: one.records.length, blobs, possibleDuplicates: 0, refused: [] };
    },
  };
  const ingest = createEventIngest({
    clock: systemClock,
    logger: quiet,
    metrics: uncounted,
    source: source(),
    sink,
    deadLetters: { write: async () => {}, list: async () => ({ letters: [] }), markReplayed: async () => {} },
    gate: createGate(256 * 1024 * 1024),
    handlerDeadlineMs: 600_000,
  });
  const from = process.cpuUsage();
  for (let round = 0; round < (keep === undefined ? rounds : 1); round++) {
    for (let at = 0; at < envelopes.length; at += batch) {
      await ingest.handle(envelopes.slice(at, at + batch));
    }
  }
  const spent = cpuMs(from);
  await ingest.close();
  return spent;
}

/** The ingestion core against the floor, alternating, so that both see the same machine. */
export const core: Bench = {
  name: 'core',
  summary: 'CPU of the ingestion core against JSON.parse and zlib of the same data',
  run: async (say) => {
    const envelopes = makeEnvelopes();
    const bytes = envelopes.reduce((sum, { body }) => sum + body.byteLength, 0);
    const blobs: Buffer[] = [];
    await whole(envelopes, blobs);
    await floor(envelopes, blobs);
    const floors: number[] = [];
    const cores: number[] = [];
    for (let run = 0; run < runs; run++) {
      floors.push(await floor(envelopes, blobs));
      cores.push(await whole(envelopes, undefined));
      say(
        `run ${run + 1}: floor ${floors.at(-1)?.toFixed(0)} ms, core ${cores.at(-1)?.toFixed(0)} ms of CPU`,
      );
    }
    const ratio = median(cores.map((spent, run) => spent / (floors[run] as number)));
    return [
      {
        name: 'core.floor',
        value: median(floors),
        unit: 'ms CPU',
        note: `${rounds} times ${records} records of ${Math.round(bytes / records)} bytes`,
      },
      { name: 'core.ingest', value: median(cores), unit: 'ms CPU' },
      atMost(1.3, {
        name: 'core.ratio',
        value: ratio,
        unit: 'times',
        note: `median of ${runs} pairs; three metadata columns; zlib level ${GZIP_LEVEL}`,
      }),
    ];
  },
};
