import type { LoadProgress } from './load-progress.js';
import { loadSamples } from './load-samples.js';
import { runLoad } from './loads.js';
import type { SamplePart } from './options.js';
import { followOutcome } from './outcome.js';
import { newProgress, type TableProgress } from './progress.js';
import { EVENT_SAMPLE, FLIGHTS_PARTITIONS, HTTP_SAMPLES, SAMPLE_DATABASE } from './sample-files.js';
import { sendEvents, sendFile } from './send.js';
import type { Endpoints } from './services.js';

/** Wait between two displays of the progress. */
const PROGRESS_EVERY_MS = 500;

/** One table of the sample: its progress and what sends its rows. */
interface Job {
  readonly progress: TableProgress;
  readonly send: (endpoints: Endpoints) => Promise<void>;
}

function sampleJobs(): Job[] {
  const events = newProgress(SAMPLE_DATABASE, EVENT_SAMPLE.table, `events, ${FLIGHTS_PARTITIONS} partitions`);
  const http = HTTP_SAMPLES.map((sample): Job => {
    const progress = newProgress(SAMPLE_DATABASE, sample.table, `HTTP, ${sample.query['format']}`);
    return { progress, send: ({ functions }) => sendFile(functions, sample, progress) };
  });
  const sendFlights = ({ eventHubs }: Endpoints) => sendEvents(eventHubs, EVENT_SAMPLE.file, events);
  return [{ progress: events, send: sendFlights }, ...http];
}

/** How far the sample has got. */
export interface SampleProgress {
  readonly tables: readonly TableProgress[];
  readonly loads: readonly LoadProgress[];
}

/**
 * Runs the sample, or one part of it: rows that come in, and loads beside them. Ends when every row is accounted for
 * and every load is over, or when nothing moves any more.
 */
export async function runSample(
  endpoints: Endpoints,
  only: SamplePart | undefined,
  onProgress: (progress: SampleProgress) => void,
): Promise<SampleProgress> {
  const jobs = only === 'load' ? [] : sampleJobs();
  const loads = only === 'ingest' ? [] : loadSamples();
  const state = { tables: jobs.map((job) => job.progress), loads: loads.map((load) => load.progress) };
  const ticker = setInterval(() => onProgress(state), PROGRESS_EVERY_MS);
  try {
    await Promise.all([sendAll(jobs, endpoints), ...loads.map((load) => runLoad(endpoints, load))]);
  } finally {
    clearInterval(ticker);
  }
  onProgress(state);
  return state;
}

/** Sends the data of every table and follows it. An error while sending is kept with its table. */
async function sendAll(jobs: readonly Job[], endpoints: Endpoints): Promise<void> {
  if (jobs.length === 0) return;
  let underway = jobs.length;
  const sending = jobs.map(async ({ progress, send }) => {
    try {
      await send(endpoints);
    } catch (error) {
      progress.error = error instanceof Error ? error.message : String(error);
    } finally {
      underway -= 1;
    }
  });
  await followOutcome(
    jobs.map((job) => job.progress),
    { kustoUrl: endpoints.kusto, functionsUrl: endpoints.functions },
    () => underway > 0,
  );
  if (underway === 0) await Promise.all(sending);
}
