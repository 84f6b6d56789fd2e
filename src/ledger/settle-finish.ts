import { letterId } from '../deadletter/letter-id.js';
import type { DeadLetter } from '../deadletter/ports.js';
import { asKfError, KfError } from '../runtime/errors.js';
import { type BlobRecord, isSplittable, readBlobRecords } from './blob-records.js';
import type { OperationSource } from './operations.js';
import { computedOrigin } from './origins.js';
import type { Shipment } from './ports.js';
import type { SettleRun } from './settle-types.js';

/** Letters per write, and the bytes of their bodies. */
const LETTERS_PER_WRITE = 500;
const LETTER_BYTES_PER_WRITE = 8 * 1024 * 1024;
/** A body above this is not put into a letter: it is copied as it is, and the letter names it. */
const MAX_LETTER_BODY_BYTES = 16 * 1024 * 1024;

/** Tells the caller's operation, moves the counters once, deletes blobs and row. Safe to repeat. */
export async function finish(run: SettleRun, shipment: Shipment, outcome: OperationSource): Promise<void> {
  const { ledger, metrics, logger, clock } = run.deps;
  if (shipment.callerOperationId !== undefined) {
    await run.deps.operations.record(shipment.callerOperationId, { [shipment.id]: outcome });
  }
  // The conditional move is the claim: of several instances one counts.
  const settled = await ledger.update(shipment, { state: 'settled', updatedAtMs: clock.now() });
  run.summary.settled++;
  const attributes = { pipeline: shipment.source, table: `${shipment.database}.${shipment.table}` };
  if (outcome.deadLettered > 0)
    metrics.add('kusto_functions.records.dead_lettered', outcome.deadLettered, attributes);
  else if (outcome.state !== 'failed')
    metrics.add('kusto_functions.records.settled', shipment.rows, attributes);
  logger.info('shipment.settled', {
    id: shipment.id,
    ...attributes,
    rows: shipment.rows,
    deadLettered: outcome.deadLettered,
    outcome: outcome.state,
  });
  await clear(run, settled);
}

/** Deletes the blobs and then the row of a settled shipment. */
export async function clear(run: SettleRun, shipment: Shipment): Promise<void> {
  const { blobs, ledger } = run.deps;
  if (shipment.container !== '') {
    await Promise.all([
      blobs.delete(shipment.container, shipment.blob),
      ...(shipment.originsBlob === undefined ? [] : [blobs.delete(shipment.container, shipment.originsBlob)]),
    ]);
  }
  await ledger.remove(shipment);
}

/** Brings every record of a shipment in `failed` to the dead letters, then settles it. */
export async function deadLetterAll(run: SettleRun, shipment: Shipment): Promise<void> {
  const written =
    shipment.container === '' ? reportOnly(run, shipment) : await lettersOrReport(run, shipment);
  run.summary.deadLetteredRecords += written;
  await finish(run, shipment, {
    state: 'failed',
    rows: shipment.rows,
    deadLettered: written,
    ...(shipment.errorCode === undefined ? {} : { errorCode: shipment.errorCode }),
  });
}

/** A blob that somebody removed cannot be brought back: said loudly, once, instead of being tried for ever. */
async function lettersOrReport(run: SettleRun, shipment: Shipment): Promise<number> {
  try {
    return await writeLetters(run, shipment);
  } catch (error) {
    if (error instanceof KfError && error.code === 'STORAGE_NOT_FOUND') return reportOnly(run, shipment);
    throw error;
  }
}

/** Blobs in the service's containers cannot be read again (`staging: service`): the loss is reported, no more. */
function reportOnly(run: SettleRun, shipment: Shipment): number {
  run.deps.metrics.add('kusto_functions.records.refused_unrecoverable', shipment.rows, {
    source: shipment.source,
  });
  run.deps.logger.error('shipment.refusedUnrecoverable', {
    id: shipment.id,
    source: shipment.source,
    table: `${shipment.database}.${shipment.table}`,
    rows: shipment.rows,
    code: shipment.errorCode,
    message: shipment.errorMessage,
  });
  return 0;
}

async function writeLetters(run: SettleRun, shipment: Shipment): Promise<number> {
  const { letters, blobs } = run.deps;
  if (!isSplittable(shipment)) {
    await letters.write([await wholeLetter(run, shipment)], run.signal);
    return Math.max(1, shipment.rows);
  }
  let page: DeadLetter[] = [];
  let pageBytes = 0;
  let written = 0;
  const flush = async (): Promise<void> => {
    if (page.length > 0) await letters.write(page, run.signal);
    written += page.length;
    page = [];
    pageBytes = 0;
  };
  for await (const record of (await readBlobRecords(blobs, shipment)).records) {
    page.push(letterOf(run, shipment, record));
    pageBytes += record.bytes.length;
    if (page.length >= LETTERS_PER_WRITE || pageBytes >= LETTER_BYTES_PER_WRITE) await flush();
  }
  await flush();
  return written;
}

function reasonOf(run: SettleRun, shipment: Shipment) {
  const isService = shipment.errorCode !== undefined && shipment.errorCode !== 'INGESTION_UNKNOWN';
  return {
    kind: 'delivery' as const,
    source: shipment.source,
    database: shipment.database,
    table: shipment.table,
    format: shipment.format,
    code: isService ? 'INGESTION_REFUSED' : 'INGESTION_UNKNOWN',
    ...(isService ? { serviceCode: shipment.errorCode as string } : {}),
    message: shipment.errorMessage ?? 'The service gave no reason',
    attempts: shipment.attempts,
    timeMs: run.deps.clock.now(),
  };
}

function letterOf(run: SettleRun, shipment: Shipment, { bytes, origin }: BlobRecord): DeadLetter {
  const { length: _length, form, body, properties = {}, ...place } = origin;
  const record = bytes.at(-1) === 0x0a ? bytes.subarray(0, bytes.length - 1) : bytes;
  return {
    ...place,
    ...reasonOf(run, shipment),
    id: letterId({ ...place, source: shipment.source }),
    properties,
    body: body === undefined ? record : Buffer.from(body, 'base64'),
    bodyForm: form,
  };
}

/** One letter for a blob that cannot be taken apart. */
async function wholeLetter(run: SettleRun, shipment: Shipment): Promise<DeadLetter> {
  const {
    length: _length,
    form,
    properties = {},
    body: _body,
    ...place
  } = computedOrigin(shipment, 0, shipment.sizeBytes);
  const id = letterId({ ...place, source: shipment.source });
  const letter = { ...place, ...reasonOf(run, shipment), id, bodyForm: form };
  if (shipment.sizeBytes <= MAX_LETTER_BODY_BYTES) {
    return {
      ...letter,
      properties,
      body: await run.deps.blobs.get(shipment.container, shipment.blob, MAX_LETTER_BODY_BYTES),
    };
  }
  const name = `blobs/${shipment.blob}`;
  await copyBlob(run, shipment, name);
  return {
    ...letter,
    body: new Uint8Array(0),
    properties: { ...properties, bodyBlob: `${run.deps.deadLetterContainer}/${name}` },
  };
}

async function copyBlob(run: SettleRun, shipment: Shipment, name: string): Promise<void> {
  const { blobs, deadLetterContainer } = run.deps;
  const writer = blobs.open(deadLetterContainer, name, { signal: run.signal });
  try {
    for await (const chunk of blobs.stream(shipment.container, shipment.blob, run.signal))
      await writer.write(chunk);
    await writer.commit();
  } catch (thrown) {
    await writer.abort();
    throw asKfError(thrown, 'STORAGE_TRANSIENT', `copy of ${shipment.blob}`);
  }
}
