import { kustoQuery, type Stack } from '../helpers/stack.js';
import type { EventCase } from './case.js';
import { database, ownTable } from './pipeline.js';

export interface Letter {
  readonly code: string;
  readonly source: string;
  readonly partition: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly index?: number;
  readonly bodyBase64: string;
}

export interface Observation {
  /** Rows by case: the columns that hold content. */
  readonly rows: ReadonlyMap<string, readonly (readonly string[])[]>;
  readonly letters: readonly Letter[];
  readonly openShipments: number;
}

/** The operation whose body a letter is of; the whole of a blob is named by the operation and the blob's index. */
export function operationOf({ partition }: Letter): string | undefined {
  return partition.split('/')[0];
}

async function get<T>(stack: Stack, path: string): Promise<T> {
  const answer = await fetch(new URL(path, stack.hosts[0]?.ready.url));
  if (!answer.ok) {
    throw new Error(`GET ${path} answered ${answer.status}: ${await answer.text()}`);
  }
  return (await answer.json()) as T;
}

async function readLetters(stack: Stack): Promise<Letter[]> {
  const letters: Letter[] = [];
  let continuation: string | undefined;
  do {
    const next = continuation === undefined ? '' : `&continuation=${encodeURIComponent(continuation)}`;
    const page = await get<{ letters: Letter[]; continuation?: string }>(
      stack,
      `/api/dead-letters?limit=1000${next}`,
    );
    letters.push(...page.letters);
    continuation = page.continuation;
  } while (continuation !== undefined);
  return letters;
}

const shared = ['JsonRows', 'CsvRows', 'AvroRows', 'HttpRows'];

async function readRows(stack: Stack, cases: readonly EventCase[]): Promise<Map<string, string[][]>> {
  const rows = new Map<string, string[][]>();
  const add = (id: string, columns: string[]): void => {
    const known = rows.get(id);
    known === undefined ? rows.set(id, [columns]) : known.push(columns);
  };
  for (const table of shared) {
    for (const [id, ...columns] of await kustoQuery(stack, database, `set notruncation; ${table}`)) {
      add(String(id), columns as string[]);
    }
  }
  for (const [value] of await kustoQuery(stack, database, 'set notruncation; HttpLines')) {
    add('http/txt-naughty-strings', [String(value)]);
  }
  const own = cases.filter(({ ownColumns }) => ownColumns !== undefined);
  for (const one of own) {
    for (const columns of await kustoQuery(stack, database, `set notruncation; ${ownTable(one)}`)) {
      add(one.id, columns as string[]);
    }
  }
  return rows;
}

export async function observe(stack: Stack, cases: readonly EventCase[]): Promise<Observation> {
  const { shipments } = await get<{ shipments: unknown[] }>(stack, '/api/shipments');
  return {
    openShipments: shipments.length,
    rows: await readRows(stack, cases),
    letters: await readLetters(stack),
  };
}
