import { readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type RecordedHistory, recordHistory } from '../helpers/history-replay.js';
import { addFault, removeFaults } from '../helpers/kusto-admin.js';
import { api, csvRows, endOf, load, makeTable, putBlobs, startLoadStack } from '../helpers/load-stack.js';
import type { Stack } from '../helpers/stack.js';

/**
 * `npm run record-histories`: runs loads of every kind and keeps the histories of their orchestrations in a new file
 * of test/replay. Run it when the orchestrator of loads changes on purpose; the older files stay for as long as
 * instances that began under them may be running.
 */
const folder = fileURLToPath(new URL('../../../test/replay/', import.meta.url));
const POLL_MS = 10;

interface Scenario {
  readonly id: string;
  readonly body: (urls: Readonly<Record<string, string>>) => Record<string, unknown>;
  /** Done as soon as it was started. */
  readonly also?: (stack: Stack, id: string) => Promise<unknown>;
  readonly fault?: Readonly<Record<string, unknown>>;
}

const tags = { ingestBy: ['once'], ingestIfNotExists: ['once'] };
const good = (urls: Readonly<Record<string, string>>) => ({ table: 'R', sources: [{ url: urls['good'] }] });

const scenarios: readonly Scenario[] = [
  { id: 'committed', body: (urls) => ({ ...good(urls), tags }) },
  { id: 'skipped', body: (urls) => ({ ...good(urls), tags }) },
  { id: 'refused', body: (urls) => ({ table: 'R', sources: [{ url: urls['bad'] }] }) },
  { id: 'no-table', body: (urls) => ({ ...good(urls), table: 'None' }) },
  { id: 'mismatch', body: (urls) => ({ ...good(urls), expectedRows: 11 }) },
  { id: 'cancelled', body: good, also: (stack, id) => api(stack, `DELETE /loads/${id}`) },
  { id: 'queued', body: (urls) => ({ ...good(urls), writeMode: 'Queued' }) },
  { id: 'late', body: (urls) => ({ ...good(urls), timeoutMs: 1_000 }) },
  {
    id: 'commit-again',
    body: good,
    fault: { target: 'operation', match: 'ExtentsMove', action: 'transient', times: 2 },
  },
  {
    id: 'throttled',
    body: (urls) => ({ ...good(urls), table: 'Slow' }),
    fault: { target: 'engine', match: '/create table .*kf_load_.*_Slow_/', action: 'throttle', times: 1 },
  },
];

/** Every generation of the orchestration, in its longest form seen. */
async function follow(stack: Stack, id: string, isOver: () => boolean): Promise<RecordedHistory[]> {
  const url = stack.hosts[0]?.ready.url ?? '';
  const seen = new Map<number, RecordedHistory>();
  for (let last = false; ; last = isOver()) {
    const recorded = await recordHistory(url, `load-${id}`).catch(() => undefined);
    const before = recorded === undefined ? undefined : seen.get(recorded.generation);
    if (recorded !== undefined && (before?.history.length ?? 0) <= recorded.history.length) {
      seen.set(recorded.generation, recorded);
    }
    if (last) return [...seen.values()].sort((a, b) => a.generation - b.generation);
    await new Promise((next) => setTimeout(next, POLL_MS));
  }
}

async function record(stack: Stack, scenario: Scenario, urls: Readonly<Record<string, string>>) {
  const { id, body, also, fault } = scenario;
  const faultId = fault === undefined ? undefined : await addFault(stack, fault);
  let isOver = false;
  const { status, json } = await load(stack, { requestId: id, ...body(urls) });
  if (status !== 202) throw new Error(`${id}: ${status} ${JSON.stringify(json)}`);
  const histories = follow(stack, id, () => isOver);
  await also?.(stack, id);
  const { state } = await endOf(stack, id);
  await new Promise((next) => setTimeout(next, 500));
  isOver = true;
  if (faultId !== undefined) await removeFaults(stack, faultId);
  const found = await histories;
  console.log(`${id}: ${state}, ${found.length} generations`);
  return found;
}

const stack = await startLoadStack();
try {
  for (const table of ['R', 'Slow']) await makeTable(stack, table);
  const [goodUrl = '', badUrl = ''] = await putBlobs(stack, {
    'good.csv': csvRows(0, 10),
    'bad.csv': '1,a\n2\n3,b,c\n',
  });
  const histories: RecordedHistory[] = [];
  for (const scenario of scenarios) {
    histories.push(...(await record(stack, scenario, { good: goodUrl, bad: badUrl })));
  }
  const number = readdirSync(folder).filter((name) => /^load-\d+\.jsonl$/.test(name)).length + 1;
  const lines = histories.map((history) => JSON.stringify(history));
  writeFileSync(`${folder}load-${number}.jsonl`, `${lines.join('\n')}\n`);
  console.log(`load-${number}.jsonl: ${histories.length} histories`);
} finally {
  await stack.stop();
}
