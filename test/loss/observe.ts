import { kustoQuery, type Stack } from '../helpers/stack.js';
import { keyOf, type Observation } from './oracle.js';
import { type Sent, witness } from './records.js';

interface Letter {
  readonly bodyBase64: string;
  readonly serviceCode?: string;
}

/** Reads every row and every dead letter of a run. */
export async function observe(stack: Stack, run: string, sent: Sent): Promise<Observation> {
  const rows = await kustoQuery(
    stack,
    'Loss',
    'set notruncation; Events | project run, p, n, h, strlen(pad)',
  );
  const letters: Letter[] = await readLetters(stack);
  return {
    accepted: sent.accepted,
    poison: sent.poison,
    rows: rows.map(([rowRun, p, n, h, padding]) => ({
      key: keyOf(Number(p), Number(n)),
      intact: rowRun === run && h === witness(run, Number(p), Number(n)) && padding === 80,
    })),
    letters: letters.map((letter) => {
      const record = JSON.parse(Buffer.from(letter.bodyBase64, 'base64').toString('utf8')) as {
        p: number;
        n: number;
      };
      return { key: keyOf(record.p, record.n), serviceCode: letter.serviceCode };
    }),
  };
}

export async function readLetters(stack: Stack): Promise<Letter[]> {
  const letters: Letter[] = [];
  let continuation: string | undefined;
  do {
    const address = new URL('/api/dead-letters?limit=1000', stack.hosts[0]?.ready.url);
    if (continuation !== undefined) {
      address.searchParams.set('continuation', continuation);
    }
    const answer = await fetch(address);
    if (!answer.ok) {
      throw new Error(`GET /api/dead-letters answered ${answer.status}: ${await answer.text()}`);
    }
    const page = (await answer.json()) as { letters: Letter[]; continuation?: string };
    letters.push(...page.letters);
    continuation = page.continuation;
  } while (continuation !== undefined);
  return letters;
}

export async function openShipments(stack: Stack): Promise<number> {
  const answer = await fetch(new URL('/api/shipments', stack.hosts[0]?.ready.url));
  if (!answer.ok) {
    throw new Error(`GET /api/shipments answered ${answer.status}`);
  }
  return ((await answer.json()) as { shipments: unknown[] }).shipments.length;
}

/** Distinct records in the table. */
export async function distinctRows(stack: Stack): Promise<number> {
  const rows = await kustoQuery(stack, 'Loss', 'Events | summarize by p, n | count');
  return Number(rows[0]?.[0] ?? 0);
}
