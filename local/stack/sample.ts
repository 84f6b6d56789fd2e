import { followOutcome } from './outcome.js';
import { newProgress, type TableProgress } from './progress.js';
import { EVENT_SAMPLE, FLIGHTS_PARTITIONS, HTTP_SAMPLES, SAMPLE_DATABASE } from './sample-files.js';
import { sendEvents, sendFile } from './send.js';
import type { Endpoints } from './services.js';

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

/**
 * Sends the sample's data to the app and follows it until every row is queryable or dead-lettered, or until
 * nothing moves any more. An error while sending is kept with its table.
 */
export async function runSample(
  endpoints: Endpoints,
  onProgress: (tables: readonly TableProgress[]) => void,
): Promise<readonly TableProgress[]> {
  const jobs = sampleJobs();
  const tables = jobs.map((job) => job.progress);
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
    tables,
    { kustoUrl: endpoints.kusto, functionsUrl: endpoints.functions },
    { sending: () => underway > 0, onLook: () => onProgress(tables) },
  );
  if (underway === 0) await Promise.all(sending);
  return tables;
}
