import { odata, TableClient, type TableEntityResult, type TransactionAction } from '@azure/data-tables';
import { hasStatus, type LargeTexts, type PackedText } from './large-texts.js';
import type { HistoryEvent, Outgoing, Parent, RuntimeStatus } from './types.js';

/** Row of an instance that holds its state; the rows of its history and outbox stand beside it. */
const STATE_ROW = '!';
/** Most rows one transaction takes. */
const MAX_TRANSACTION_ROWS = 100;

/** State of one orchestration or entity. */
export interface Instance {
  readonly instanceId: string;
  /** Guards each change; undefined = not stored yet. */
  etag?: string;
  name: string;
  executionId: string;
  /** Counts the executions under this id: restarts and `continueAsNew`. */
  generation: number;
  status: RuntimeStatus;
  createdAt: string;
  updatedAt: string;
  /** History rows of this generation. */
  rows: number;
  parent?: Parent;
  /** Ids of the last messages handled, so that a repeated one is known. */
  recent: string[];
  /** JSON texts. */
  input?: string;
  output?: string;
  customStatus?: string;
  /** JSON text: messages put off while suspended, or the state of an entity. */
  extra?: string;
}

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

type Row = Record<string, unknown>;

/** A text that may be a table key; reversible. */
export function toKey(instanceId: string): string {
  return instanceId.replace(
    /[/\\#?%^\p{Cc}]/gu,
    (char) => `^${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function fromKey(key: string): string {
  return key.replace(/\^([0-9a-f]{2})/g, (_whole, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

const LONG_FIELDS = ['input', 'output', 'customStatus', 'extra'] as const;

async function toRow(texts: LargeTexts, instance: Instance): Promise<Row> {
  const row: Row = {
    partitionKey: toKey(instance.instanceId),
    rowKey: STATE_ROW,
    name: instance.name,
    executionId: instance.executionId,
    generation: instance.generation,
    status: instance.status,
    createdAt: instance.createdAt,
    updatedAt: instance.updatedAt,
    rows: instance.rows,
    recent: JSON.stringify(instance.recent),
  };
  if (instance.parent) row['parent'] = JSON.stringify(instance.parent);
  for (const field of LONG_FIELDS) {
    const { text, blob } = await texts.packOnce(instance, instance[field]);
    if (text !== undefined) row[field] = text;
    if (blob !== undefined) row[`${field}Blob`] = blob;
  }
  return row;
}

async function fromRow(texts: LargeTexts, row: TableEntityResult<Row>): Promise<Instance> {
  const text = (field: string) =>
    texts.unpack({
      text: row[field] as string | undefined,
      blob: row[`${field}Blob`] as string | undefined,
    });
  const parent = row['parent'] as string | undefined;
  return {
    instanceId: fromKey(String(row['partitionKey'])),
    etag: row.etag,
    name: String(row['name']),
    executionId: String(row['executionId']),
    generation: Number(row['generation']),
    status: row['status'] as RuntimeStatus,
    createdAt: String(row['createdAt']),
    updatedAt: String(row['updatedAt']),
    rows: Number(row['rows']),
    parent: parent ? (JSON.parse(parent) as Parent) : undefined,
    recent: JSON.parse(String(row['recent'])) as string[],
    input: await text('input'),
    output: await text('output'),
    customStatus: await text('customStatus'),
    extra: await text('extra'),
  };
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
  const state = (await toRow(context.texts, instance)) as { partitionKey: string; rowKey: string };
  actions.push(instance.etag ? ['update', state, 'Replace', { etag: instance.etag }] : ['create', state]);
  try {
    const answer = await context.table.submitTransaction(actions);
    instance.etag = answer.getResponseForEntity(STATE_ROW)?.etag ?? (await etagOf(context, instanceId));
    return outbox;
  } catch (error) {
    if (!hasStatus(error, 404, 409, 412)) throw error;
    throw new ConflictError(`instance "${instanceId}" was changed by someone else`, { cause: error });
  }
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

async function deleteRows(context: Context, partitionKey: string, rowKeys: string[]): Promise<void> {
  for (let at = 0; at < rowKeys.length; at += MAX_TRANSACTION_ROWS) {
    const some = rowKeys.slice(at, at + MAX_TRANSACTION_ROWS);
    await context.table.submitTransaction(some.map((rowKey) => ['delete', { partitionKey, rowKey }]));
  }
}

async function rowKeysOf(context: Context, filter: string): Promise<{ rowKey: string; blob?: string }[]> {
  const found: { rowKey: string; blob?: string }[] = [];
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
  await deleteRows(
    context,
    partitionKey,
    rows.map(({ rowKey }) => rowKey),
  );
  for (const { blob } of rows) if (blob) await context.texts.remove(blob);
}

async function purge(context: Context, instanceId: string): Promise<boolean> {
  const partitionKey = toKey(instanceId);
  const rows = await rowKeysOf(context, odata`PartitionKey eq ${partitionKey}`);
  await deleteRows(
    context,
    partitionKey,
    rows.map(({ rowKey }) => rowKey),
  );
  await context.texts.removeAll(instanceId);
  return rows.length > 0;
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
    const instances = await Promise.all(rows.map((row) => fromRow(context.texts, row)));
    return { instances, continuation: rows.continuationToken };
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
    async load(instanceId) {
      try {
        return await fromRow(options.texts, await table.getEntity<Row>(toKey(instanceId), STATE_ROW));
      } catch (error) {
        if (hasStatus(error, 404)) return undefined;
        throw error;
      }
    },
    history: (instance) => history(context, instance),
    commit: (change) => commit(context, change),
    async sent(row) {
      try {
        await table.deleteEntity(toKey(row.instanceId), row.rowKey);
        if (row.blob) await options.texts.remove(row.blob);
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
      }
    },
    unsent: () => unsent(context),
    dropEarlier: (instance) => dropEarlier(context, instance),
    purge: (instanceId) => purge(context, instanceId),
    page: (filter, top, continuation) => page(context, { filter, top, continuation }),
  };
}
