import type { Catalog } from '../catalog/types.js';
import { KustoError } from '../errors.js';
import { badData } from '../ingest/errors.js';
import type { Decode, Decoded } from '../ingest/types.js';
import type { StreamingIngestRequest } from '../server/types.js';
import { concatRows, rowSetFromRows } from '../store/row-set.js';
import type { ColumnSchema, RowSet } from '../store/types.js';
import type { BlobDoor } from './download.js';
import { MAX_STREAMING_BYTES } from './limits.js';
import { Bag } from './properties.js';
import { requireTable, resolveMapping } from './read-source.js';
import { publicPath } from './source.js';

const ANSWER = [
  { name: 'ConsumedRecordsCount', type: 'long' },
  { name: 'UpdatePolicyStatus', type: 'string' },
  { name: 'UpdatePolicyFailureCode', type: 'string' },
  { name: 'UpdatePolicyFailureReason', type: 'string' },
] as const;

/** Extents of one level that are joined into one of the next. */
const EXTENTS_PER_LEVEL = 32;
/** Larger extents are left as they are. */
const MAX_JOINED_ROWS = 1_000_000;

interface Waiting {
  readonly decoded: Decoded;
  /** The table's when the request was decoded. */
  readonly schema: readonly ColumnSchema[];
  done(): void;
  failed(error: unknown): void;
}

/** Rows on their way into one table: requests that come while others are being stored share the next extent. */
class TableLane {
  private readonly catalog: Catalog;
  private readonly database: string;
  private readonly table: string;
  private waiting: Waiting[] = [];
  private busy = false;
  /** Ids of this lane's extents, small ones first. */
  private levels: string[][] = [];

  constructor(catalog: Catalog, database: string, table: string) {
    this.catalog = catalog;
    this.database = database;
    this.table = table;
  }

  add(decoded: Decoded, schema: readonly ColumnSchema[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ decoded, schema, done: resolve, failed: reject });
      if (!this.busy) this.drain().catch(reject);
    });
  }

  private async drain(): Promise<void> {
    this.busy = true;
    // Requests of the same turn of the event loop come together.
    await new Promise(setImmediate);
    while (this.waiting.length > 0) {
      const group = this.waiting;
      this.waiting = [];
      await this.storeGroup(group);
    }
    this.busy = false;
  }

  /** When rows of one request do not fit (the table was altered meanwhile), the others must not suffer. */
  private async storeGroup(group: readonly Waiting[]): Promise<void> {
    const first = group[0]!.schema;
    const together = group.every(({ schema }) => schema === first);
    const parts = together ? [group] : group.map((one) => [one]);
    for (const part of parts) {
      try {
        await this.store(part.map(({ decoded }) => decoded));
        for (const { done } of part) done();
      } catch (error) {
        for (const { failed } of part) failed(error);
      }
    }
    await this.join();
  }

  private async store(parts: readonly Decoded[]): Promise<void> {
    const { schema } = parts[0]!.rows;
    const rows = concatRows(
      schema,
      parts.map((part) => part.rows),
    );
    const originalSize = parts.reduce((sum, part) => sum + part.rawSizeBytes, 0);
    const extents = await this.catalog.append(this.database, this.table, [rows], { originalSize });
    for (const { id, rowCount } of extents) this.remember(0, id, rowCount);
  }

  private remember(level: number, id: string, rowCount: number): void {
    if (rowCount >= MAX_JOINED_ROWS) return;
    this.levels[level] ??= [];
    this.levels[level].push(id);
  }

  /** Keeps the number of extents near the logarithm of the requests, each row being copied once per level. */
  private async join(): Promise<void> {
    if (this.catalog.mergeExtents === undefined) {
      this.levels = [];
      return;
    }
    for (let level = 0; level < this.levels.length; level++) {
      const ids = this.levels[level]!;
      if (ids.length < EXTENTS_PER_LEVEL) continue;
      this.levels[level] = [];
      const merged = await this.catalog.mergeExtents(this.database, this.table, ids).catch(() => undefined);
      if (merged !== undefined) this.remember(level + 1, merged.id, merged.rowCount);
    }
  }
}

export interface StreamingParts {
  readonly catalog: Catalog;
  readonly blobs: BlobDoor;
  readonly decode: Decode;
}

function policyOff(database: string, table: string): KustoError {
  return new KustoError(
    `Streaming ingestion policy is not enabled: streaming ingestion is disabled for table '${database}'.'${table}'`,
    {
      status: 400,
      code: 'BadRequest_StreamingIngestionPolicyNotEnabled',
      type: 'Kusto.DataNode.Exceptions.StreamingIngestionPolicyNotEnabledException',
    },
  );
}

function tooLarge(): KustoError {
  return badData(
    'Stream_InputStreamTooLarge',
    `The input stream is too large: it exceeds the maximum allowed size of ${MAX_STREAMING_BYTES} bytes`,
  );
}

function sourceUri(body: Uint8Array): string {
  let uri: string | undefined;
  try {
    uri = new Bag(JSON.parse(Buffer.from(body).toString('utf8'))).text('sourceUri');
  } catch {
    uri = undefined;
  }
  if (uri === undefined) throw badData('BadRequest_EmptyBlobUri', 'The request names no sourceUri');
  return uri;
}

/** Streaming ingestion: rows are in their table before the answer is given. */
export class StreamingIngestion {
  private readonly parts: StreamingParts;
  private readonly lanes = new Map<string, TableLane>();

  constructor(parts: StreamingParts) {
    this.parts = parts;
  }

  async ingest(request: StreamingIngestRequest): Promise<RowSet> {
    const { database, table, mappingName } = request;
    const target = requireTable(this.parts.catalog, database, table);
    if (!this.parts.catalog.streamingEnabled(database, table)) throw policyOff(database, table);
    const format = (request.format ?? 'csv').toLowerCase();
    const named = mappingName === undefined || mappingName === '' ? {} : { mappingReference: mappingName };
    const mapping = resolveMapping(this.parts.catalog, target, { format, ...named });
    const { body, sourcePath } = await this.source(request);
    const decoded = await this.parts.decode(body, {
      format,
      schema: target.schema,
      sourcePath,
      ...(mapping !== undefined && { mapping }),
    });
    if (decoded.rawSizeBytes > MAX_STREAMING_BYTES) throw tooLarge();
    await this.lane(database, table).add(decoded, target.schema);
    return rowSetFromRows(ANSWER, [[BigInt(decoded.rows.rowCount), 'Inactive', 'Unknown', '']]);
  }

  private async source(request: StreamingIngestRequest): Promise<{ body: Uint8Array; sourcePath: string }> {
    if (request.sourceKind === 'stream') {
      if (request.body.length > MAX_STREAMING_BYTES) throw tooLarge();
      return { body: request.body, sourcePath: '' };
    }
    const uri = sourceUri(request.body);
    const body = await this.parts.blobs.read(uri, MAX_STREAMING_BYTES).catch((error: unknown) => {
      throw error instanceof KustoError && error.code === 'BadRequest_FileTooLarge' ? tooLarge() : error;
    });
    return { body, sourcePath: publicPath(uri) };
  }

  private lane(database: string, table: string): TableLane {
    const key = JSON.stringify([database, table]);
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      lane = new TableLane(this.parts.catalog, database, table);
      this.lanes.set(key, lane);
    }
    return lane;
  }
}
