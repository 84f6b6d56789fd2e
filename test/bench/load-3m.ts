import { api, csvRows, putBlobs, startLoadStack } from '../helpers/load-stack.js';
import { kustoCommand, kustoQuery, type Stack } from '../helpers/stack.js';
import { FLIGHT_COLUMNS, FLIGHTS, type FlightBlob, flightBlobs, flightsAsCsv } from './flight-blobs.js';
import { atMost, type Bench, type Measure, median } from './types.js';

/** The same rows in so many blobs. */
const BLOB_COUNTS = [40, 400] as const;
const ROUNDS = 5;
const GOAL_OWN_S = 3;
/** Ten times as many blobs may take this much more of our time. */
const GOAL_RATIO = 2;
const WAIT_S = 200;
const BATCHING = `'{"MaximumBatchingTimeSpan":"00:00:10"}'`;

/** Milliseconds by step. */
type Steps = Readonly<Record<string, number>>;

interface Timing {
  readonly totalMs: number;
  readonly handOverMs: number;
  readonly ingestionMs: number;
  readonly commitMs: number;
  readonly ownMs: number;
}

interface Loaded {
  readonly timing: Timing;
  readonly steps: Steps;
}

async function makeTarget(stack: Stack, table: string, columns: string): Promise<void> {
  await kustoCommand(stack, 'Samples', `.create table ${table} (${columns})`);
  await kustoCommand(stack, 'Samples', `.alter table ${table} policy ingestionbatching ${BATCHING}`);
}

/** Runs one load to its end and checks that all of it is there; where its time went. */
async function loadOnce(stack: Stack, id: string, table: string, body: object): Promise<Timing> {
  const answer = await api(stack, 'POST /loads', {
    body: { requestId: id, database: 'Samples', table, format: 'csv', ...body },
    headers: { prefer: `wait=${WAIT_S}` },
  });
  const { state, timing } = answer.json;
  if (state !== 'committed' || timing === undefined) {
    throw new Error(`load ${id} is ${state}: ${JSON.stringify(answer.json)}`);
  }
  return timing as unknown as Timing;
}

/** How long each step of the load ran, all its runs together; from the log of the host. */
function stepsOf(log: readonly string[]): Steps {
  const steps: Record<string, number> = {};
  for (const line of log) {
    const [, step, ms] = /Executed 'Functions\.load-(\w+)' \(.*Duration=(\d+)ms\)/.exec(line) ?? [];
    if (step !== undefined && step !== 'reaper') steps[step] = (steps[step] ?? 0) + Number(ms);
  }
  return steps;
}

async function putFlights(stack: Stack, csv: Buffer, count: number): Promise<object> {
  const blobs = await flightBlobs(csv, count);
  const name = (n: number): string => `flights-${count}/${String(n).padStart(4, '0')}.csv.gz`;
  const urls = await putBlobs(stack, Object.fromEntries(blobs.map((blob, n) => [name(n), blob.bytes])));
  const facts = ({ rows, rawSizeBytes }: FlightBlob) => ({ rows, rawSizeBytes });
  return { sources: urls.map((url, n) => ({ url, ...facts(blobs[n] as FlightBlob) })) };
}

/** The first commands and the first query of a process cost seconds that are nobody's here. */
async function warmUp(stack: Stack): Promise<void> {
  await makeTarget(stack, 'Warm', 'n:long, name:string');
  const urls = await putBlobs(stack, { 'warm/a.csv': csvRows(0, 100), 'warm/b.csv': csvRows(100, 100) });
  for (const round of [1, 2]) {
    await loadOnce(stack, `warm-${round}`, 'Warm', { sources: urls.map((url) => ({ url })) });
  }
}

async function loadFlights(stack: Stack, count: number, round: number, body: object): Promise<Loaded> {
  const table = `F${count}R${round}`;
  await makeTarget(stack, table, FLIGHT_COLUMNS);
  const from = stack.hosts[0]?.log.length;
  const timing = await loadOnce(stack, `flights-${count}-${round}`, table, body);
  const steps = stepsOf(stack.hosts[0]?.log.slice(from) ?? []);
  const rows = await kustoQuery(stack, 'Samples', `${table} | count`);
  if (rows[0]?.[0] !== FLIGHTS) throw new Error(`${table} has ${rows[0]?.[0]} rows`);
  await kustoCommand(stack, 'Samples', `.drop table ${table}`);
  return { timing, steps };
}

function stepText(loads: readonly Loaded[]): string {
  const names = [...new Set(loads.flatMap(({ steps }) => Object.keys(steps)))];
  const middle = (name: string): number => median(loads.map(({ steps }) => steps[name] ?? 0));
  return names.map((name) => `${name} ${middle(name)}`).join(', ');
}

function measuresOf(count: number, loads: readonly Loaded[]): Measure[] {
  const seconds = (key: keyof Timing): number => median(loads.map(({ timing }) => timing[key])) / 1000;
  const name = `load-3m.${count}`;
  const figure = (key: string, value: number, note?: string): Measure => ({
    name: `${name}.${key}`,
    value,
    unit: 's',
    ...(note === undefined ? {} : { note }),
  });
  const own = figure(
    'own',
    seconds('ownMs'),
    `wall less the two times of the service; ms by step: ${stepText(loads)}`,
  );
  const wallNote = `${FLIGHTS.toLocaleString('en-US')} rows in ${count} csv.gz blobs; median of ${loads.length} loads`;
  return [
    figure('wall', seconds('totalMs'), wallNote),
    figure('hand-over', seconds('handOverMs'), 'ours, until the last blob was handed over'),
    figure('ingestion', seconds('ingestionMs'), "the service's, from there to its last status"),
    figure('commit', seconds('commitMs'), "the service's, its operation"),
    count === BLOB_COUNTS[0] ? atMost(GOAL_OWN_S, own) : own,
  ];
}

/** A load whose blobs lie in storage already, its time split into the service's and ours. */
export const loadRows: Bench = {
  name: 'load-3m',
  summary: `a load of 3,000,000 rows in ${BLOB_COUNTS.join(' and ')} blobs`,
  run: async (say) => {
    const csv = await flightsAsCsv();
    const stack = await startLoadStack();
    try {
      await warmUp(stack);
      const bodies = new Map<number, object>();
      for (const count of BLOB_COUNTS) bodies.set(count, await putFlights(stack, csv, count));
      const loads = new Map<number, Loaded[]>(BLOB_COUNTS.map((count) => [count, []]));
      for (let round = 1; round <= ROUNDS; round++) {
        for (const count of BLOB_COUNTS) {
          const loaded = await loadFlights(stack, count, round, bodies.get(count) as object);
          loads.get(count)?.push(loaded);
          say(`round ${round}, ${count} blobs: ${JSON.stringify(loaded.timing)}`);
        }
      }
      const own = (count: number): number =>
        median((loads.get(count) ?? []).map(({ timing }) => timing.ownMs));
      return [
        ...BLOB_COUNTS.flatMap((count) => measuresOf(count, loads.get(count) ?? [])),
        atMost(GOAL_RATIO, {
          name: 'load-3m.ratio',
          value: own(BLOB_COUNTS[1]) / own(BLOB_COUNTS[0]),
          unit: 'times',
          note: `our time at ${BLOB_COUNTS[1]} blobs against ${BLOB_COUNTS[0]}, loads alternating`,
        }),
      ];
    } finally {
      await stack.stop();
    }
  },
};
