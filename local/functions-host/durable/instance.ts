import type { TableEntityResult } from '@azure/data-tables';
import type { LargeTexts } from './large-texts.js';
import type { RecentIds } from './recent.js';
import type { Parent, RuntimeStatus } from './types.js';

/** Row of an instance that holds its state; the rows of its history and outbox stand beside it. */
export const STATE_ROW = '!';

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
  recent: RecentIds;
  /** Blobs that hold long texts of the stored state. */
  blobs?: string[];
  /** JSON texts. */
  input?: string;
  output?: string;
  customStatus?: string;
  /** JSON text: messages put off while suspended, or the state of an entity. */
  extra?: string;
}

/** A table row. */
export type Row = Record<string, unknown>;

/** A text that may be a table key; reversible. */
export function toKey(instanceId: string): string {
  return instanceId.replace(
    /[/\\#?%^\p{Cc}]/gu,
    (char) => `^${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** The text a table key stands for. */
export function fromKey(key: string): string {
  return key.replace(/\^([0-9a-f]{2})/g, (_whole, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

const LONG_FIELDS = ['input', 'output', 'customStatus', 'extra'] as const;

/** The table row of an instance, and the blobs its long texts went to. */
export async function toRow(
  texts: LargeTexts,
  instance: Instance,
): Promise<{ row: Row & { partitionKey: string; rowKey: string }; blobs: string[] }> {
  const row: Row & { partitionKey: string; rowKey: string } = {
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
  const blobs: string[] = [];
  for (const field of LONG_FIELDS) {
    const { text, blob } = await texts.packOnce(instance, instance[field]);
    if (text !== undefined) row[field] = text;
    if (blob === undefined) continue;
    row[`${field}Blob`] = blob;
    blobs.push(blob);
  }
  return { row, blobs };
}

/** An instance from its table row. */
export async function fromRow(texts: LargeTexts, row: TableEntityResult<Row>): Promise<Instance> {
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
    blobs: LONG_FIELDS.flatMap((field) => (row[`${field}Blob`] as string | undefined) ?? []),
    input: await text('input'),
    output: await text('output'),
    customStatus: await text('customStatus'),
    extra: await text('extra'),
  };
}
