import { randomUUID } from 'node:crypto';
import type { Catalog } from '../catalog/types.js';
import { formatDatetime } from '../values/datetime.js';
import { REPORT_ATTEMPTS } from './limits.js';
import type { MessageOrigin } from './message.js';
import type { Operations, SourceChange } from './operations.js';
import type { Failure } from './outcome.js';
import type { OwnStorage } from './own-storage.js';
import { type IngestionSource, publicPath, type ReportWish } from './source.js';

export interface ReporterParts {
  readonly catalog: Catalog;
  readonly operations: Operations;
  /** Absent where there is no storage; then only the REST form reports. */
  readonly storage: OwnStorage | undefined;
  log(line: string): void;
}

/** The service's code for a source whose table has a tag of `ingestIfNotExists`. */
const SKIPPED = 'Skipped_IngestByTagAlreadyExists';

/** A source, or as much of one as a bad message tells. */
export type Reported = Omit<MessageOrigin, 'report'> & {
  readonly report?: ReportWish;
  readonly operationId?: string;
  readonly propertiesText?: string;
};

type Fields = Readonly<Record<string, unknown>>;

/** Tells clients what became of their sources, where they asked to be told. */
export class Reporter {
  private readonly parts: ReporterParts;

  constructor(parts: ReporterParts) {
    this.parts = parts;
  }

  private now(): string {
    return formatDatetime(this.parts.catalog.now());
  }

  /** The batch that holds the source was closed, or the source waits for one. */
  async queued(source: IngestionSource): Promise<void> {
    await this.track(source, { status: 'Queued' });
  }

  async succeeded(source: IngestionSource, operationId: string): Promise<void> {
    await this.track(source, { status: 'Succeeded' });
    const { report } = source;
    if (report?.level !== 'FailuresAndSuccesses') return;
    if (report.toQueue) await this.successMessage(source, operationId);
    if (report.toTable) await this.status(source, report, { Status: 'Succeeded', OperationId: operationId });
  }

  /** Not ingested because its table has the tag that `ingestIfNotExists` names. */
  async skipped(source: IngestionSource, operationId: string): Promise<void> {
    const details = 'Skipped: the table holds data with a tag of ingestIfNotExists';
    await this.track(source, { status: 'Skipped', errorCode: SKIPPED, details });
    const { report } = source;
    if (report?.level !== 'FailuresAndSuccesses') return;
    if (report.toQueue) await this.successMessage(source, operationId);
    if (report.toTable) {
      const fields = { Status: 'Skipped', OperationId: operationId, ErrorCode: SKIPPED, Details: details };
      await this.status(source, report, fields);
    }
  }

  async failed(source: Reported, failure: Failure, operationId: string = randomUUID()): Promise<void> {
    this.record(source, failure, operationId);
    const { code: errorCode, status: failureStatus, message: details } = failure;
    await this.track(source, { status: 'Failed', errorCode, failureStatus, details });
    const { report } = source;
    if (report === undefined || report.level === 'None') return;
    if (report.toQueue) await this.failureMessage(source, failure, operationId);
    if (report.toTable) {
      await this.status(source, report, {
        Status: 'Failed',
        OperationId: operationId,
        ErrorCode: errorCode,
        FailureStatus: failureStatus,
        Details: details,
        OriginatesFromUpdatePolicy: false,
      });
    }
  }

  private record(source: Reported, failure: Failure, operationId: string): void {
    this.parts.catalog.recordIngestionFailure({
      operationId,
      database: source.database,
      table: source.table,
      failedOn: this.parts.catalog.now(),
      ingestionSourcePath: publicPath(source.blob),
      details: failure.message,
      failureKind: failure.status === 'Transient' ? 'Transient' : 'Permanent',
      rootActivityId: operationId,
      operationKind: 'DataIngestPull',
      errorCode: failure.code,
      shouldRetry: failure.status !== 'Permanent',
      ingestionProperties: source.propertiesText ?? '',
    });
  }

  private async track(source: Reported, change: SourceChange): Promise<void> {
    if (source.operationId === undefined) return;
    await this.parts.operations.change(source.operationId, source.sourceId, change);
  }

  private successMessage(source: Reported, operationId: string): Promise<void> {
    const message = { OperationId: operationId, ...this.common(source), SucceededOn: this.now() };
    return this.attempt(() => this.parts.storage?.reportSuccess(JSON.stringify(message)));
  }

  private failureMessage(source: Reported, failure: Failure, operationId: string): Promise<void> {
    const message = {
      OperationId: operationId,
      ...this.common(source),
      FailedOn: this.now(),
      Details: failure.message,
      ErrorCode: failure.code,
      FailureStatus: failure.status,
      RootActivityId: operationId,
      OriginatesFromUpdatePolicy: false,
      ShouldRetry: failure.status !== 'Permanent',
    };
    return this.attempt(() => this.parts.storage?.reportFailure(JSON.stringify(message)));
  }

  private common(source: Reported): Fields {
    return {
      Database: source.database,
      Table: source.table,
      IngestionSourceId: source.sourceId,
      IngestionSourcePath: publicPath(source.blob),
    };
  }

  private status(source: Reported, report: ReportWish, fields: Fields): Promise<void> {
    const { partitionKey, rowKey } = report;
    const entity = { partitionKey, rowKey, ...this.common(source), UpdatedOn: this.now(), ...fields };
    return this.attempt(() => this.parts.storage?.mergeStatus(entity));
  }

  /** A report that cannot be written must not undo what was ingested. */
  private async attempt(write: () => Promise<void> | undefined): Promise<void> {
    for (let left = REPORT_ATTEMPTS; left > 0; left--) {
      try {
        await write();
        return;
      } catch (error) {
        if (left === 1)
          this.parts.log(`an ingestion report could not be written: ${(error as Error).message}`);
      }
    }
  }
}
