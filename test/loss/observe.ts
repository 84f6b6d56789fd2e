import { kustoQuery, type Stack } from '../helpers/stack.js';
import { poisonCode } from './faults.js';
import { keyOf, type Observation } from './oracle.js';
import { database, table } from './pipeline.js';
import { paddingLength, type Sent, witness } from './records.js';

interface Letter {
  readonly bodyBase64: string;
  readonly serviceCode?: string;
}

/** Reads every row and every dead letter of a run. */
export async function observe(stack: Stack, run: string, sent: Sent): Promise<Observation> {
  const text = `set notruncation; ${table} | project run, p, n, h, strlen(pad)`;
  const rows = await kustoQuery(stack, database, text);
  const letters = await readLetters(stack);
  return {
    accepted: sent.accepted,
    poison: sent.poison,
    poisonCode,
    rows: rows.map(([rowRun, p, n, h, padding]) => ({
      key: keyOf(Number(p), Number(n)),
      intact: rowRun === run && h === witness(run, Number(p), Number(n)) && padding === paddingLength,
    })),
    letters: letters.map((letter) => {
      const body = JSON.parse(Buffer.from(letter.bodyBase64, 'base64').toString('utf8')) as {
        readonly p: number;
        readonly n: number;
      };
      return { key: keyOf(body.p, body.n), serviceCode: letter.serviceCode };
    }),
  };
}

async function getJson<T>(stack: Stack, address: string): Promise<T> {
  const answer = await fetch(new URL(address, stack.hosts[0]?.ready.url));
  if (!answer.ok) {
    throw new Error(`GET ${address} answered ${answer.status}: ${await answer.text()}`);
  }
  return (await answer.json()) as T;
}

async function readLetters(stack: Stack): Promise<Letter[]> {
  const letters: Letter[] = [];
  let continuation: string | undefined;
  do {
    const next = continuation === undefined ? '' : `&continuation=${encodeURIComponent(continuation)}`;
    const address = `/api/dead-letters?limit=1000${next}`;
    const page = await getJson<{ letters: Letter[]; continuation?: string }>(stack, address);
    letters.push(...page.letters);
    continuation = page.continuation;
  } while (continuation !== undefined);
  return letters;
}

/** Shipments that are not settled, by state. */
export async function openShipments(stack: Stack): Promise<Readonly<Record<string, number>>> {
  const { shipments } = await getJson<{ shipments: { state: string }[] }>(stack, '/api/shipments');
  const byState: Record<string, number> = {};
  for (const { state } of shipments) {
    byState[state] = (byState[state] ?? 0) + 1;
  }
  return byState;
}
