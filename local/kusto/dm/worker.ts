import { randomUUID } from 'node:crypto';
import type { AppendOptions, Catalog, Table } from '../catalog/types.js';
import type { EngineClock, FaultHit, Faults } from '../faults/types.js';
import { badData, transientFailure } from '../ingest/errors.js';
import type { Decoded } from '../ingest/types.js';
import { inSlices } from '../slices.js';
import { concatRowsSteps, inRuns } from '../store/row-set.js';
import type { RowSet } from '../store/types.js';
import type { Batch } from './batcher.js';
import { contentOf } from './content.js';
import { FIRST_RETRY_MS, MAX_ATTEMPTS, PARALLEL_DOWNLOADS } from './limits.js';
import { exhausted, type Failure, failureOf } from './outcome.js';
import { decodeSource, requireTable, type SourceReader } from './read-source.js';
import type { Reporter } from './reporter.js';
import { type IngestionSource, publicPath } from './source.js';

export interface WorkerParts extends SourceReader {
  readonly clock: EngineClock;
  readonly faults: Faults;
  readonly reporter: Reporter;
  /** Takes a source for another attempt. */
  again(source: IngestionSource): void;
  /** Nothing more will be done about the source. */
  settled(source: IngestionSource): Promise<void>;
  log(line: string): void;
}

interface Loaded {
  readonly source: IngestionSource;
  readonly decoded: Decoded;
  /** A fault asks for the work to be done twice, or for its report to be lost. */
  readonly fault: FaultHit['action'] | undefined;
}

function sleep(clock: EngineClock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}

type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/** A failed download must not hide the fault that was asked for. */
function outcomeOf<T>(work: Promise<T>): Promise<Outcome<T>> {
  return work.then(
    (value) => ({ ok: true, value }),
    (error: unknown) => ({ ok: false, error }),
  );
}

/** @throws KustoError for the faults that are errors */
function throwFault({ action, code, message }: FaultHit): void {
  const text = message ?? `Fault '${action}' was asked for`;
  if (action === 'throttle') throw transientFailure(code ?? 'General_ThrottledIngestion', text);
  if (action === 'transient') throw transientFailure(code ?? 'General_InternalServerError', text);
  if (action === 'permanent' || action === 'fail') throw badData(code ?? 'General_BadRequest', text);
  if (action === 'forbid') throw badData(code ?? 'Download_Forbidden', text);
}

function tagged(catalog: Catalog, source: IngestionSource): boolean {
  const wanted = source.properties.ingestIfNotExists.map((value) =>
    value.startsWith('ingest-by:') ? value : `ingest-by:${value}`,
  );
  const extents = catalog.table(source.database, source.table)?.extents ?? [];
  return extents.some((extent) => extent.tags.some((tag) => wanted.includes(tag)));
}

/** Turns closed batches into extents and tells what became of each source. */
export class BatchWorker {
  private readonly parts: WorkerParts;

  constructor(parts: WorkerParts) {
    this.parts = parts;
  }

  /** Never rejects: every source ends settled, waiting for another attempt, or (by fault) forgotten. */
  async work(batch: Batch): Promise<void> {
    const operationId = randomUUID();
    const wanted = await this.notSkipped(batch.sources, operationId);
    const loaded: Loaded[] = [];
    const queue = [...wanted];
    const take = async (): Promise<void> => {
      for (let source = queue.shift(); source !== undefined; source = queue.shift()) {
        const one = await this.load(source, operationId);
        if (one !== undefined) loaded.push(one);
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL_DOWNLOADS, queue.length) }, take));
    if (loaded.length > 0) await this.store(loaded, operationId);
  }

  private async notSkipped(
    sources: readonly IngestionSource[],
    operationId: string,
  ): Promise<readonly IngestionSource[]> {
    const skipped = sources.filter(
      (source) => source.properties.ingestIfNotExists.length > 0 && tagged(this.parts.catalog, source),
    );
    for (const source of skipped) {
      await this.parts.reporter.skipped(source, operationId);
      await this.parts.settled(source);
    }
    return sources.filter((source) => !skipped.includes(source));
  }

  private async load(source: IngestionSource, operationId: string): Promise<Loaded | undefined> {
    const { database, table, blob } = source;
    try {
      const place = `DataIngestPull ${database}.${table} ${publicPath(blob)}`;
      const body = await outcomeOf(this.parts.blobs.read(blob));
      const hit = this.parts.faults.check('operation', place, () =>
        body.ok ? contentOf(body.value) : undefined,
      );
      if (hit?.action === 'hang' || (hit?.action === 'vanish' && hit.work === 'undone')) return undefined;
      if (hit?.action === 'slow') await sleep(this.parts.clock, hit.delayMs);
      if (hit !== undefined) throwFault(hit);
      if (!body.ok) throw body.error;
      return { source, decoded: await decodeSource(this.parts, source, body.value), fault: hit?.action };
    } catch (error) {
      await this.failed(source, failureOf(error), operationId);
      return undefined;
    }
  }

  private async store(loaded: readonly Loaded[], operationId: string): Promise<void> {
    try {
      await this.append(loaded, { sources: loaded.map(({ source }) => source.workId) });
      const twice = loaded.filter(({ fault }) => fault === 'duplicate');
      if (twice.length > 0) await this.append(twice, {});
    } catch (error) {
      for (const { source } of loaded) await this.failed(source, failureOf(error), operationId);
      return;
    }
    for (const { source, fault } of loaded) {
      if (fault !== 'loseAnswer' && fault !== 'vanish')
        await this.parts.reporter.succeeded(source, operationId);
      await this.clear(source);
    }
  }

  /** What is left to do for a source whose rows an earlier run of the engine stored. Never rejects. */
  async finish(source: IngestionSource): Promise<void> {
    await this.parts.reporter.succeeded(source, randomUUID());
    await this.clear(source);
  }

  private async clear(source: IngestionSource): Promise<void> {
    await this.delete(source);
    await this.parts.settled(source);
  }

  private async append(
    loaded: readonly Loaded[],
    { sources = [] }: Pick<AppendOptions, 'sources'>,
  ): Promise<void> {
    const { database, table, properties } = loaded[0]!.source;
    const { schema } = requireTable(this.parts.catalog, database, table);
    const same = loaded.every(({ decoded }) => sameSchema(decoded.rows.schema, schema));
    if (!same) {
      throw transientFailure(
        'General_TransientSchemaMismatch',
        `The schema of table '${table}' changed meanwhile`,
      );
    }
    const parts = await this.extentsOf(
      schema,
      loaded.map(({ decoded }) => decoded.rows),
      this.parts.catalog.extentRows(database, table),
    );
    const originalSize = loaded.reduce((sum, { decoded }) => sum + decoded.rawSizeBytes, 0);
    await this.parts.catalog.append(database, table, parts, {
      ...{ tags: properties.tags, originalSize, sources },
      ...(properties.creationTime !== undefined && { createdOn: BigInt(properties.creationTime) }),
    });
  }

  private async extentsOf(
    schema: Table['schema'],
    rows: readonly RowSet[],
    maxRows: number,
  ): Promise<readonly RowSet[]> {
    const extents: RowSet[] = [];
    for (const run of inRuns(rows, maxRows)) extents.push(await inSlices(concatRowsSteps(schema, run)));
    return extents;
  }

  private async delete(source: IngestionSource): Promise<void> {
    if (!source.deleteOnSuccess) return;
    try {
      await this.parts.blobs.delete(source.blob);
    } catch (error) {
      this.parts.log(`${publicPath(source.blob)} was ingested but not deleted: ${(error as Error).message}`);
    }
  }

  private async failed(source: IngestionSource, failure: Failure, operationId: string): Promise<void> {
    const attempts = source.attempts + 1;
    if (failure.status === 'Transient' && attempts < MAX_ATTEMPTS) {
      const pauseMs = FIRST_RETRY_MS * 2 ** source.attempts;
      this.parts.clock.after(pauseMs, () => this.parts.again({ ...source, attempts }));
      return;
    }
    const last = failure.status === 'Transient' ? exhausted(failure, attempts) : failure;
    await this.parts.reporter.failed(source, last, operationId);
    await this.parts.settled(source);
  }
}

type Schema = readonly { readonly name: string; readonly type: string }[];

function sameSchema(a: Schema, b: Schema): boolean {
  return a.length === b.length && a.every(({ name, type }, i) => name === b[i]!.name && type === b[i]!.type);
}
