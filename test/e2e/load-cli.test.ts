import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { type CliOutcome, runCli } from '../helpers/cli.js';
import { passBatchingTime } from '../helpers/kusto-admin.js';
import {
  api,
  csvRows,
  leftovers,
  makeTable,
  numbersIn,
  putBlobs,
  startLoadStack,
} from '../helpers/load-stack.js';
import { kustoCommand, type Stack, until } from '../helpers/stack.js';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

describe('loads from the command line, through the host', () => {
  let stack: Stack;
  let folder: string;
  let pump: NodeJS.Timeout;
  before(async () => {
    stack = await startLoadStack();
    folder = await mkdtemp(join(tmpdir(), 'kusto-functions-load-cli-'));
    // The service's batching time passes at once for whatever waits for it.
    pump = setInterval(() => passBatchingTime(stack).catch(() => undefined), 500);
  });
  after(async () => {
    clearInterval(pump);
    await rm(folder, { recursive: true });
    await stack.stop();
  });

  const env = (): Record<string, string> => ({ KUSTO_FUNCTIONS_URL: stack.hosts[0]?.ready.url ?? '' });
  const cli = (...args: string[]): Promise<CliOutcome> => runCli(args, env());
  const file = async (name: string, content: string | Buffer): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  };
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

  test('two CSV files and a Parquet file arrive whole, and nothing is left behind', async () => {
    await makeTable(stack, 'Files');
    const header = 'n,name\n';
    const first = await file('first.csv', header + csvRows(0, 1_000));
    const second = await file('second.csv', header + csvRows(1_000, 500));
    const csv = await cli(
      ...['load', first, second, '--table', 'Samples.Files', '--ignore-first-record'],
      ...['--request-id', 'cli-csv', '--ingest-by', 'day-1', '--expected-rows', '1500'],
    );
    assert.deepEqual([csv.code, csv.err.includes('LOAD_')], [0, false], csv.out + csv.err);
    assert.match(csv.out, /^rows +1500 expected, 1500 staged, 1500 committed$/m);
    const parquet = await file(
      'third.parquet',
      Buffer.from(
        parquetWriteBuffer({
          columnData: [
            { name: 'n', data: numbers(250).map((n) => BigInt(1_500 + n)), type: 'INT64' },
            { name: 'name', data: numbers(250).map((n) => `row ${1_500 + n}`), type: 'STRING' },
          ],
        }),
      ),
    );
    const third = await cli('load', parquet, '--table', 'Samples.Files', '--json');
    assert.equal(third.code, 0, third.err);
    assert.deepEqual(JSON.parse(third.out).rows, { expected: 250, staged: 250, committed: 250 });
    assert.deepEqual(await numbersIn(stack, 'Files'), numbers(1_750));
    assert.deepEqual(await leftovers(stack), []);
    const again = await cli('load', first, '--table', 'Samples.Files', '--ingest-if-not-exists', 'day-1');
    assert.equal(again.code, 0, again.err);
    assert.match(again.out, /^state +skipped$/m);
    assert.match(again.out, /^skipped by +ingest-by:day-1$/m);
  });

  test('a corrupt file ends with 1, its code and the next command, and leaves nothing', async () => {
    await makeTable(stack, 'Spoilt');
    const good = await file('good.csv', csvRows(0, 100));
    const corrupt = await file('corrupt.csv', `${csvRows(100, 10)}110,"never closed\n111,x\n`);
    const { code, out, err } = await cli('load', good, corrupt, '--table', 'Samples.Spoilt');
    assert.equal(code, 1, out + err);
    assert.match(out, /^state +rolledBack$/m);
    assert.match(err, /LOAD_SOURCE_INVALID: upload .*RECORD_UNBALANCED_QUOTE/);
    assert.match(err, /^ {2}file +.*corrupt\.csv$/m);
    const next = /^ {2}next +kusto-functions (diagnose \S+)$/m.exec(err)?.[1] ?? '';
    assert.deepEqual(await numbersIn(stack, 'Spoilt'), []);
    assert.deepEqual(await leftovers(stack), []);
    const diagnosis = await cli(...next.split(' '));
    assert.equal(diagnosis.code, 0, diagnosis.err);
    for (const number of [1, 2, 3, 4, 5, 6]) {
      assert.match(diagnosis.out, new RegExp(`^${number}\\. .+: .+`, 'm'));
    }
    assert.doesNotMatch(diagnosis.out, /could not be asked/);
    assert.match(diagnosis.out, /the load ended before its commit/);
  });

  test('a blob that the service refuses is named by list, show and diagnose', async () => {
    await makeTable(stack, 'Refused');
    const [good = '', odd = ''] = await putBlobs(stack, {
      'refused/a.csv': csvRows(0, 10),
      'refused/b.csv': '1,a\n2,b,c\n3\n',
    });
    const args = ['load', good, odd, '--table', 'Samples.Refused', '--request-id', 'cli-refused'];
    const { code, err } = await cli(...args);
    assert.equal(code, 1, err);
    assert.match(err, /^LOAD_SOURCE_REFUSED/m);
    assert.match(err, /^ {2}source +http.*refused\/b\.csv$/m);
    assert.deepEqual(await numbersIn(stack, 'Refused'), []);
    const shown = await cli('load', 'show', 'cli-refused', '--sources');
    assert.equal(shown.code, 1);
    assert.match(shown.out, /failed .*refused\/b\.csv/);
    const listed = await cli('load', 'list', '--state', 'rolledBack');
    assert.match(listed.out, /^cli-refused +rolledBack .*LOAD_SOURCE_REFUSED$/m);
    const diagnosis = await cli('diagnose', 'cli-refused');
    assert.match(diagnosis.out, /^5\. ingestion failures: 1, the newest: /m);
    const [failures = ''] =
      /^\.show ingestion failures .*$/m.exec(diagnosis.out.replaceAll(/^ +/gm, '')) ?? [];
    assert.equal((await kustoCommand(stack, 'Samples', failures)).length, 1);
  });

  test('every blob below an address that ends with a slash is loaded', async () => {
    await makeTable(stack, 'Below');
    const [first = ''] = await putBlobs(stack, {
      'below/2026/a.csv': csvRows(0, 10),
      'below/2026/11/b.csv.gz': csvRows(10, 10),
      'below/2025/c.csv': csvRows(20, 10),
    });
    const folderUrl = first.replace(/a\.csv$/, '');
    const { code, err } = await cli('load', folderUrl, '--table', 'Samples.Below', '--format', 'csv');
    assert.equal(code, 0, err);
    assert.deepEqual(await numbersIn(stack, 'Below'), numbers(20));
  });

  test('a hidden staging table of nobody is listed with the command that drops it', async () => {
    const none = await cli('load', 'orphans');
    assert.match(none.out, /There are none/);
    const { json } = await api(stack, 'GET /loads/cli-refused/diagnosis');
    const points = json['points'] as { readonly number: number; readonly command: string }[];
    const prefix = /"(kf_load_[0-9a-f]+_)"/.exec(
      points.find(({ number }) => number === 4)?.command ?? '',
    )?.[1];
    const name = `${prefix}Lost_0123456789abcdef_0`;
    await kustoCommand(stack, 'Samples', `.create table ${name} (n: long) with (hidden=true)`);
    const { code, out } = await cli('load', 'orphans');
    assert.equal(code, 0);
    const drop = /^ {2}(\.drop table .*)$/m.exec(out)?.[1] ?? '';
    assert.ok(drop.includes(name), out);
    await kustoCommand(stack, 'Samples', drop);
    assert.deepEqual(await leftovers(stack), []);
  });

  test('Ctrl-C ends the command and not the load, which can then be cancelled', async () => {
    clearInterval(pump);
    await makeTable(stack, 'Stopped');
    const [url = ''] = await putBlobs(stack, { 'stopped/a.csv': csvRows(0, 10) });
    const args = [main, 'load', url, '--table', 'Samples.Stopped', '--request-id', 'cli-stopped'];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...env() },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let err = '';
    child.stderr.on('data', (chunk) => {
      err += chunk;
    });
    await until(
      async () => err,
      (text) => /^wait:/m.test(text),
    );
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    assert.equal(code, 1);
    assert.match(err, /load cli-stopped goes on without this command/);
    assert.equal((await api(stack, 'GET /loads/cli-stopped')).json.state, 'running');
    const cancelled = await cli('load', 'cancel', 'cli-stopped', '--wait');
    assert.equal(cancelled.code, 0, cancelled.err);
    assert.match(cancelled.out, /^state +cancelled$/m);
    assert.deepEqual(await numbersIn(stack, 'Stopped'), []);
    assert.deepEqual(await leftovers(stack), []);
  });
});
