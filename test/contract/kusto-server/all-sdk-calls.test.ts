import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startNodeChild } from '../../../local/shared/child.js';
import { type KustoReady, startPart } from '../../helpers/stack.js';

const CLIENT = fileURLToPath(new URL('./sdk-client.js', import.meta.url));

interface Run {
  readonly ready: KustoReady;
  /** The line that the client printed. */
  readonly seen: Record<string, unknown>;
}

/** The local Kusto as `npm run kusto` starts it, and the official clients in a process of their own. */
async function runClients(t: TestContext, flags: readonly string[], report: 'queue' | 'table'): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'kusto-sdk-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const kusto = await startPart<KustoReady>('local/kusto/main.js', ['--port', '0', '--json', ...flags]);
  t.after(() => kusto.child.stop());
  const { ready } = kusto;
  assert.deepEqual(Object.keys(ready), ['engine', 'dm', 'blob', 'queue', 'table', 'admin', 'cert']);
  const lines: string[] = [];
  const client = startNodeChild({
    script: CLIENT,
    args: [ready.engine, ready.dm, folder, report],
    env: { ...process.env, ...(ready.cert !== null && { NODE_EXTRA_CA_CERTS: ready.cert }) },
    onStdoutLine: (line) => lines.push(line),
  });
  t.after(() => client.stop());
  assert.equal(await client.exited, 0, client.outputTail());
  kusto.child.process.kill('SIGTERM');
  assert.equal(await kusto.child.exited, 0);
  return { ready, seen: JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
}

/** What does not depend on how the client is told of the outcome. */
function assertRows({ seen }: Run): void {
  assert.deepEqual(seen['asked'], ['Q', 3, 4, true]);
  assert.deepEqual(seen['rows'], [1, 2, 3]);
  assert.deepEqual(seen['byStream'], [1, 2, 3]);
  assert.deepEqual(seen['on'], [1, 2]);
  assert.deepEqual(seen['off'], [1, 2]);
  // Where streaming is off the client tries three times for each before it goes by the queue.
  assert.deepEqual(seen['streams'], [2, 6]);
}

// Most of the time is the clients' own waiting.
describe('official clients', { concurrency: 2 }, () => {
  test('over http they query, manage, stream, queue and hear of each source by queue', async (t) => {
    const run = await runClients(t, [], 'queue');
    assert.equal(run.ready.cert, null);
    assert.match(run.ready.engine, /^http:/);
    assertRows(run);
    assert.deepEqual(run.seen['statuses'], [
      ...['Q', 'Q', 'Q'].map((table) => [table, '']),
      ['F', 'BadRequest_MappingReferenceWasNotFound'],
    ]);
  });

  test('over https they do the same and read each status from the table', async (t) => {
    const run = await runClients(t, ['--tls'], 'table');
    const { cert, ...addresses } = run.ready;
    assert.match(addresses.table, /^https:/);
    assert.match(addresses.engine, /^https:/);
    await assert.rejects(readFile(String(cert)), 'the certificate goes with the server that made it');
    assertRows(run);
    assert.deepEqual(run.seen['statuses'], [
      ...['Q', 'Q', 'Q'].map((table) => ['Succeeded', table, '']),
      ['Failed', 'F', 'BadRequest_MappingReferenceWasNotFound'],
    ]);
  });
});
