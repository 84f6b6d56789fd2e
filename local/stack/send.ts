import { type EventDataBatch, EventHubProducerClient } from '@azure/event-hubs';
import { countElements, jsonArrayElements } from './json-array.js';
import type { TableProgress } from './progress.js';
import { FLIGHTS_HUB, type HttpSample, readSampleFile } from './sample-files.js';

/** Longest a request with a whole file may take. */
const REQUEST_TIMEOUT_MS = 300_000;
/** Bytes per batch. The client keeps about 1 KiB per event of an open batch, so small events ask for small batches. */
const BATCH_BYTES = 128 * 1024;
/** Characters of an error body that are shown. */
const ERROR_TEXT_CHARS = 600;

/** Sends each element of a JSON file as one event, over all partitions in turn, in full batches. */
export async function sendEvents(
  connectionString: string,
  file: string,
  progress: TableProgress,
): Promise<void> {
  const bytes = await readSampleFile(file);
  progress.total = countElements(bytes);
  progress.startedMs = performance.now();
  const producer = new EventHubProducerClient(connectionString, FLIGHTS_HUB);
  try {
    const lanes = (await producer.getPartitionIds()).map((id) => new Lane(producer, id, progress));
    let turn = 0;
    for (const body of jsonArrayElements(bytes)) {
      await lanes[turn]!.add(body);
      turn = (turn + 1) % lanes.length;
    }
    await Promise.all(lanes.map((lane) => lane.finish()));
  } finally {
    await producer.close();
  }
}

/** Fills one batch for a partition while the batch before is under way. */
class Lane {
  readonly #producer: EventHubProducerClient;
  readonly #partitionId: string;
  readonly #progress: TableProgress;
  #batch: EventDataBatch | undefined;
  #underway: Promise<void> = Promise.resolve();

  constructor(producer: EventHubProducerClient, partitionId: string, progress: TableProgress) {
    this.#producer = producer;
    this.#partitionId = partitionId;
    this.#progress = progress;
  }

  async add(body: Buffer): Promise<void> {
    if (this.#batch?.tryAdd({ body }) === true) return;
    await this.#send();
    this.#batch = await this.#producer.createBatch({
      partitionId: this.#partitionId,
      maxSizeInBytes: BATCH_BYTES,
    });
    if (!this.#batch.tryAdd({ body })) throw new Error(`an event of ${body.length} bytes fits no batch`);
  }

  async finish(): Promise<void> {
    await this.#send();
    await this.#underway;
  }

  async #send(): Promise<void> {
    await this.#underway;
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    this.#underway = this.#producer.sendBatch(batch).then(() => {
      this.#progress.sent += batch.count;
    });
    // Whoever awaits it next sees the error; until then it must not count as unhandled.
    this.#underway.catch(() => undefined);
  }
}

/** Sends a file as the body of one request; it counts as sent once the app has answered 202. */
export async function sendFile(
  functionsUrl: string,
  sample: HttpSample,
  progress: TableProgress,
): Promise<void> {
  const bytes = await readSampleFile(sample.file);
  progress.total = sample.countRows(bytes);
  progress.startedMs = performance.now();
  const response = await fetch(ingestUrl(functionsUrl, sample, progress.database), {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes as Uint8Array<ArrayBuffer>,
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const text = await response.text();
  if (response.status !== 202) {
    throw new Error(
      `POST ${sample.file} was answered ${response.status}: ${text.slice(0, ERROR_TEXT_CHARS)}`,
    );
  }
  progress.sent = progress.total;
}

/** Address that takes rows of a sample's table. */
function ingestUrl(functionsUrl: string, sample: HttpSample, database: string): URL {
  const url = new URL(`api/ingest/${database}/${sample.table}`, withSlash(functionsUrl));
  for (const [name, value] of Object.entries(sample.query)) url.searchParams.set(name, value);
  return url;
}

/** The address as a folder, so that a relative path goes below it. */
export function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
