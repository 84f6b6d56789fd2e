import assert from 'node:assert/strict';
import { type ChildProcessByStdio, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readSampleTwice } from '../helpers/sample-oracle.js';

const MAIN = fileURLToPath(new URL('../../local/stack/main.js', import.meta.url));
const ANY_PORTS = ['functions', 'kusto', 'event-hubs', 'storage'].flatMap((part) => [`--port-${part}`, '0']);
const GIB = 1024 ** 3;
const GONE_TIMEOUT_MS = 30_000;
/** What a laptop may take from start to the last row. */
const LONGEST_SAMPLE_MS = 120_000;

interface Report {
  readonly tables: readonly {
    readonly table: string;
    readonly sent: number;
    readonly queryable: number;
    readonly deadLettered: number;
    readonly rowsPerSecond: number;
  }[];
  readonly loads: readonly {
    readonly id: string;
    readonly table: string;
    readonly state: string;
    readonly rows: number;
    readonly staged: number | null;
    readonly stagingTables: number | null;
    readonly elapsedMs: number;
    readonly commit: { readonly operationId: string } | null;
    readonly error: { readonly code: string; readonly source: string; readonly nextCommand: string } | null;
    readonly wrong: readonly string[];
  }[];
  readonly endpoints: Readonly<Record<string, string>>;
  readonly peakRssBytes: number;
  readonly elapsedMs: number;
}

type Start = ChildProcessByStdio<null, Readable, Readable>;

function start(...args: string[]): Start {
  return spawn(process.execPath, [MAIN, ...ANY_PORTS, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function query(report: Report, csl: string): Promise<unknown[][]> {
  const answer = await fetch(new URL('v1/rest/query', `${report.endpoints['kusto']}/`), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ db: 'Samples', csl }),
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${csl}: ${text}`);
  return (JSON.parse(text) as { Tables: { Rows: unknown[][] }[] }).Tables[0]?.Rows ?? [];
}

function descendants(rootPid: number): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const entries = lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const found: number[] = [];
  const open = [rootPid];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    const children = entries.filter(([, ppid]) => ppid === parent).map(([pid]) => pid);
    found.push(...children);
    open.push(...children);
  }
  return found;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function stillAliveAfterWaiting(pids: readonly number[]): Promise<number[]> {
  const deadline = Date.now() + GONE_TIMEOUT_MS;
  while (pids.some(alive) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 100));
  return pids.filter(alive);
}

/** Resolves at a line of stderr that contains the text; stderr keeps flowing afterwards. */
async function untilLine(child: Start, text: string): Promise<void> {
  const seen: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stderr).on('line', (line) => {
      seen.push(line);
      if (line.includes(text)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${seen.join('\n')}`)));
  });
}

/** One load is committed as a whole; nothing is visible of the other, whose blob is corrupt. */
async function checkLoads(report: Report): Promise<void> {
  const [good, bad] = report.loads;
  assert.ok(good !== undefined && bad !== undefined);
  assert.deepEqual([good.id, good.table, good.state], ['sample-flights', 'FlightsLoaded', 'committed']);
  assert.deepEqual([good.rows, good.staged, good.error, good.wrong], [3_000_000, 3_000_000, null, []]);
  assert.ok(good.commit?.operationId, 'the commit is one operation');
  assert.deepEqual([bad.id, bad.table, bad.state], ['sample-zipcodes', 'ZipCodesLoaded', 'rolledBack']);
  assert.deepEqual([bad.rows, bad.commit, bad.stagingTables, bad.wrong], [0, null, 0, []]);
  assert.equal(bad.error?.code, 'LOAD_SOURCE_REFUSED');
  assert.match(bad.error?.source ?? '', /\/loads\/zipcodes\/part-3\.csv\.gz$/);
  assert.match(bad.error?.nextCommand ?? '', /sample-zipcodes/);
  for (const { elapsedMs } of report.loads) assert.ok(elapsedMs > 0 && elapsedMs < LONGEST_SAMPLE_MS);
  assert.deepEqual(await query(report, 'ZipCodesLoaded | count'), [[0]]);
  const shown = await fetch(new URL('api/loads/sample-zipcodes', `${report.endpoints['functions']}/`));
  assert.equal(((await shown.json()) as { state: string }).state, 'rolledBack');
}

test('npm start accounts for every row of the sample, commits one load and takes the other back, and Ctrl-C ends every process', async (t) => {
  const child = start('--json');
  t.after(() => child.kill('SIGKILL'));
  const log: string[] = [];
  createInterface(child.stderr).on('line', (line) => log.push(line));
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([first]) => first as string),
    once(child, 'exit').then(([code]) => assert.fail(`ended with ${code}:\n${log.join('\n')}`)),
  ]);
  const pids = descendants(child.pid!);
  const report = JSON.parse(line) as Report;
  assert.deepEqual(
    report.tables.map(({ table, sent }) => [table, sent]),
    [
      ['Flights', 200_000],
      ['ZipCodes', 42_049],
      ['Movies', 3_201],
      ['Flights3M', 3_000_000],
    ],
  );
  for (const { table, sent, queryable, deadLettered, rowsPerSecond } of report.tables) {
    assert.equal(queryable + deadLettered, sent, table);
    assert.ok(rowsPerSecond > 0, table);
  }
  assert.ok(report.peakRssBytes <= 2 * GIB, `${report.peakRssBytes} bytes`);
  assert.ok(report.elapsedMs < LONGEST_SAMPLE_MS, `${report.elapsedMs} ms`);
  assert.deepEqual(Object.keys(report), ['tables', 'loads', 'endpoints', 'peakRssBytes', 'elapsedMs']);
  await checkLoads(report);
  const health = await fetch(new URL('api/health', `${report.endpoints['functions']}/`));
  assert.equal(health.status, 200);
  assert.deepEqual(await query(report, 'Flights | summarize by partition, sequenceNumber | count'), [
    [200_000],
  ]);
  assert.deepEqual(await query(report, 'Flights | summarize sum(delay), sum(distance)'), [
    [1_500_159, 145_847_125],
  ]);
  const twice = await readSampleTwice((text) => query(report, text));
  assert.deepEqual(twice.tables, twice.files, 'the tables hold what another reader finds in the files');
  assert.ok(pids.length >= 4);
  child.kill('SIGINT');
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0);
  assert.deepEqual(await stillAliveAfterWaiting(pids), []);
});

test('no process outlives a stack that is killed outright', async () => {
  const child = start('--json', '--once');
  await untilLine(child, 'sending the sample');
  const pids = descendants(child.pid!);
  assert.ok(pids.length >= 4);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.deepEqual(await stillAliveAfterWaiting(pids), []);
});

test('a taken port ends with 2, starts nothing and says which option changes it', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as { port: number };
  for (const flag of ['--port-functions', '--port-kusto', '--port-event-hubs', '--port-storage']) {
    const { status, stderr } = await run([...ANY_PORTS, flag, String(port), '--once']);
    assert.equal(status, 2);
    assert.match(stderr, new RegExp(`PORT_TAKEN: port ${port} .*[\\s\\S]*${flag} N`));
  }
  holder.close();
});

test('--help lists every option', () => {
  const { status, stdout } = spawnSync(process.execPath, [MAIN, '--help'], { encoding: 'utf8' });
  assert.equal(status, 0);
  for (const flag of ['--once', '--json', '--only', '--port-functions', '--port-storage']) {
    assert.ok(stdout.includes(flag), flag);
  }
});

async function run(args: readonly string[]): Promise<{ status: number; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [status] = (await once(child, 'close')) as [number];
  return { status, stderr };
}
