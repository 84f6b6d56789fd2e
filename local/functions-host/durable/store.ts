import { odata, TableClient, type TableEntityResult, type TransactionAction } from '@azure/data-tables';
import { fromKey, fromRow, type Instance, type Row, STATE_ROW, toKey, toRow } from './instance.js';
import { hasStatus, type LargeTexts, type PackedText } from './large-texts.js';
import type { HistoryEvent, Outgoing } from './types.js';

/** Most rows one transaction takes. */
const MAX_TRANSACTION_ROWS = 100;
/** Reads of a state that changes meanwhile, so that its long texts are gone, before that is an error. */
const MAX_READS = 5;

/** A stored change: what is to be sent after it. */
export interface OutboxRow {
  rowKey: string;
  instanceId: string;
  outgoing: Outgoing;
  blob?: string;
}

/** One page of instances. */
export interface InstancePage {
  instances: Instance[];
  continuation?: string;
}

/** What a change writes, in one transaction. */
export interface Change {
  instance: Instance;
  events?: readonly HistoryEvent[];
  outgoing?: Outgoing;
}

/** Someone else changed the instance first. */
export class ConflictError extends Error {}

/** Instances, their histories and what they still have to send. One partition of the table per instance. */
export interface InstanceStore {
  prepare(): Promise<void>;
  load(instanceId: string): Promise<Instance | undefined>;
  history(instance: Instance): Promise<HistoryEvent[]>;
  /**
   * Writes state, new history and outbox at once, or nothing.
   * @throws ConflictError when the stored state is not the one this change is based on
   */
  commit(change: Change): Promise<OutboxRow | undefined>;
  sent(row: OutboxRow): Promise<void>;
  /** Outbox rows that were not marked as sent. */
  unsent(): Promise<OutboxRow[]>;
  /** Removes the history of earlier generations. */
  dropEarlier(instance: Instance): Promise<void>;
  /** Removes everything; false when there was nothing. */
  purge(instanceId: string): Promise<boolean>;
  page(filter: string, top: number, continuation?: string): Promise<InstancePage>;
}

const padded = (value: number) => String(value).padStart(8, '0');

interface Context {
  table: TableClient;
  texts: LargeTexts;
  newId(): string;
}

async function packedRow(context: Context, keys: { instanceId: string; rowKey: string }, value: unknown) {
  const { text, blob } = await context.texts.pack(keys.instanceId, JSON.stringify(value));
  return {
    partitionKey: toKey(keys.instanceId),
    rowKey: keys.rowKey,
    ...(text === undefined ? {} : { text }),
    ...(blob === undefined ? {} : { blob }),
  };
}

async function commit(context: Context, change: Change): Promise<OutboxRow | undefined> {
  const { instance, events = [], outgoing } = change;
  const { instanceId } = instance;
  const actions: TransactionAction[] = [];
  if (events.length > 0) {
    const rowKey = `h:${padded(instance.generation)}:${padded(instance.rows)}`;
    instance.rows += 1;
    actions.push(['upsert', await packedRow(context, { instanceId, rowKey }, events), 'Replace']);
  }
  let outbox: OutboxRow | undefined;
  if (outgoing && outgoing.control.length + outgoing.work.length > 0) {
    const rowKey = `o:${context.newId()}`;
    const row = await packedRow(context, { instanceId, rowKey }, outgoing);
    outbox = { rowKey, instanceId, outgoing, blob: row.blob };
    actions.push(['create', row]);
  }
  await writeState(context, instance, actions);
  return outbox;
}

/** Writes the state with what belongs to it, then removes the long texts it held before and holds no more. */
async function writeState(context: Context, instance: Instance, actions: TransactionAction[]): Promise<void> {
  const { etag, instanceId, blobs: before = [] } = instance;
  const { row, blobs } = await toRow(context.texts, instance);
  actions.push(etag ? ['update', row, 'Replace', { etag }] : ['create', row]);
  try {
    const answer = await context.table.submitTransaction(actions);
    instance.etag = answer.getResponseForEntity(STATE_ROW)?.etag ?? (await etagOf(context, instanceId));
  } catch (error) {
    if (!hasStatus(error, 404, 409, 412)) throw error;
    throw new ConflictError(`instance "${instanceId}" was changed by someone else`, { cause: error });
  }
  instance.blobs = blobs;
  for (const blob of before) if (!blobs.includes(blob)) await context.texts.remove(blob);
}

/** A row as it was listed; read anew when its long texts went with a change. */
async function read(context: Context, listed: TableEntityResult<Row>): Promise<Instance | undefined> {
  let row: TableEntityResult<Row> | undefined = listed;
  for (let reads = 1; row; reads += 1) {
    try {
      return await fromRow(context.texts, row);
    } catch (error) {
      if (reads >= MAX_READS || !hasStatus(error, 404)) throw error;
      row = await stateRow(context, fromKey(String(row.partitionKey)));
    }
  }
  return undefined;
}

async function stateRow(context: Context, instanceId: string): Promise<TableEntityResult<Row> | undefined> {
  try {
    return await context.table.getEntity<Row>(toKey(instanceId), STATE_ROW);
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

async function load(context: Context, instanceId: string): Promise<Instance | undefined> {
  const row = await stateRow(context, instanceId);
  return row && read(context, row);
}

async function etagOf(context: Context, instanceId: string): Promise<string> {
  return (await context.table.getEntity(toKey(instanceId), STATE_ROW)).etag;
}

async function history(context: Context, instance: Instance): Promise<HistoryEvent[]> {
  const prefix = `h:${padded(instance.generation)}:`;
  const filter = odata`PartitionKey eq ${toKey(instance.instanceId)} and RowKey ge ${prefix} and RowKey lt ${`${prefix}~`}`;
  const events: HistoryEvent[] = [];
  for await (const row of context.table.listEntities<Row>({ queryOptions: { filter } })) {
    events.push(...(JSON.parse((await context.texts.unpack(row as PackedText)) ?? '[]') as HistoryEvent[]));
  }
  return events;
}

async function unsent(context: Context): Promise<OutboxRow[]> {
  const rows: OutboxRow[] = [];
  const filter = odata`RowKey ge ${'o:'} and RowKey lt ${'o;'}`;
  for await (const row of context.table.listEntities<Row>({ queryOptions: { filter } })) {
    const text = await context.texts.unpack(row as PackedText).catch((error: unknown) => {
      // Sent and removed since the row was read.
      if (hasStatus(error, 404)) return undefined;
      throw error;
    });
    if (text === undefined) continue;
    rows.push({
      rowKey: String(row.rowKey),
      instanceId: fromKey(String(row.partitionKey)),
      outgoing: JSON.parse(text) as Outgoing,
      blob: row['blob'] as string | undefined,
    });
  }
  return rows;
}

/** Removes rows, the last ones first. Rows that are gone already are no error. */
async function deleteRows(context: Context, partitionKey: string, rows: readonly FoundRow[]): Promise<void> {
  for (let end = rows.length; end > 0; end -= MAX_TRANSACTION_ROWS) {
    const some = rows.slice(Math.max(0, end - MAX_TRANSACTION_ROWS), end);
    try {
      await context.table.submitTransaction(some.map(({ rowKey }) => ['delete', { partitionKey, rowKey }]));
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
      for (const { rowKey } of some) await deleteRow(context, partitionKey, rowKey);
    }
  }
}

async function deleteRow(context: Context, partitionKey: string, rowKey: string): Promise<void> {
  try {
    await context.table.deleteEntity(partitionKey, rowKey);
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
  }
}

interface FoundRow {
  rowKey: string;
  blob?: string;
}

async function rowKeysOf(context: Context, filter: string): Promise<FoundRow[]> {
  const found: FoundRow[] = [];
  const queryOptions = { filter, select: ['RowKey', 'rowKey', 'blob'] };
  for await (const row of context.table.listEntities<Row>({ queryOptions })) {
    found.push({ rowKey: String(row.rowKey), blob: row['blob'] as string | undefined });
  }
  return found;
}

async function dropEarlier(context: Context, instance: Instance): Promise<void> {
  const partitionKey = toKey(instance.instanceId);
  const end = `h:${padded(instance.generation)}:`;
  const filter = odata`PartitionKey eq ${partitionKey} and RowKey ge ${'h:'} and RowKey lt ${end}`;
  const rows = await rowKeysOf(context, filter);
  await deleteRows(context, partitionKey, rows);
  for (const { blob } of rows) if (blob) await context.texts.remove(blob);
}

async function purge(context: Context, instanceId: string): Promise<boolean> {
  const partitionKey = toKey(instanceId);
  const rows = await rowKeysOf(context, odata`PartitionKey eq ${partitionKey}`);
  // What is still to be sent goes on its way: a parent may wait for it.
  const unsent = rows.filter(({ rowKey }) => rowKey.startsWith('o:'));
  // The state has the first key and goes last: a new life of this id must not find rows of the former one.
  const others = rows.filter((row) => !unsent.includes(row));
  await deleteRows(context, partitionKey, others);
  await context.texts.removeAll(
    instanceId,
    unsent.flatMap(({ blob }) => blob ?? []),
  );
  return others.length > 0;
}

async function page(
  context: Context,
  request: { filter: string; top: number; continuation?: string },
): Promise<InstancePage> {
  const { filter, top, continuation: continuationToken } = request;
  const whole = `RowKey eq '${STATE_ROW}'${filter ? ` and ${filter}` : ''}`;
  const pages = context.table
    .listEntities<Row>({ queryOptions: { filter: whole } })
    .byPage({ maxPageSize: top, continuationToken });
  for await (const rows of pages) {
    const found = await Promise.all(rows.map((row) => read(context, row)));
    return { instances: found.flatMap((one) => one ?? []), continuation: rows.continuationToken };
  }
  return { instances: [] };
}

/** Opens the table `<hub>Instances` in the storage account. */
export function createInstanceStore(options: {
  storage: string;
  hubName: string;
  texts: LargeTexts;
  newId(): string;
}): InstanceStore {
  const table = TableClient.fromConnectionString(options.storage, `${options.hubName}Instances`, {
    allowInsecureConnection: true,
  });
  const context: Context = { table, texts: options.texts, newId: options.newId };
  return {
    prepare: () => table.createTable(),
    load: (instanceId) => load(context, instanceId),
    history: (instance) => history(context, instance),
    commit: (change) => commit(context, change),
    async sent(row) {
      await deleteRow(context, toKey(row.instanceId), row.rowKey);
      if (row.blob) await options.texts.remove(row.blob);
    },
    unsent: () => unsent(context),
    dropEarlier: (instance) => dropEarlier(context, instance),
    purge: (instanceId) => purge(context, instanceId),
    page: (filter, top, continuation) => page(context, { filter, top, continuation }),
  };
}
