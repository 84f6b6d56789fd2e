import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import { startAzurite } from '../../../local/shared/azurite.js';
import { eventually, startHostProcess, writeApp } from './app-host.js';
import { lines, RECORDER } from './recorder.js';

describe('timer trigger', () => {
  const cleanups: (() => unknown)[] = [];
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  async function run(source: string, values: Record<string, string> = {}) {
    const app = writeApp({ values, files: { 'recorder.js': RECORDER, 'app.js': source } });
    const host = await startHostProcess(app.folder);
    cleanups.push(app.remove, () => host.process.exitCode ?? host.kill());
    return { host, folder: app.folder };
  }

  test('a slow timer never overlaps with itself', async () => {
    const { host, folder } = await run(
      `
      import { app } from '@azure/functions';
      import { record } from './recorder.js';
      app.timer('slow', { schedule: '%EVERY%', handler: async () => {
        record('in'); await new Promise((done) => setTimeout(done, 300)); record('out'); } });`,
      { EVERY: '00:00:00.05' },
    );
    await eventually('three runs', () => lines(folder).length >= 6);
    await host.stop();
    const seen = lines<string>(folder);
    assert.ok(
      seen.every((line, index) => line === (index % 2 === 0 ? 'in' : 'out')),
      seen.join(),
    );
    assert.equal(seen.at(-1), 'out', 'the running invocation finished before the stop');
  });

  test('runOnStartup and the admin API start it at once, with its schedule', async () => {
    const { host, folder } = await run(`
      import { app } from '@azure/functions';
      import { record } from './recorder.js';
      app.timer('yearly', { schedule: '0 0 0 1 1 *', runOnStartup: true, handler: (timer, context) => record({ timer, meta: context.triggerMetadata ?? null }) });`);
    await eventually('the first run', () => lines(folder).length === 1);
    const response = await fetch(`${host.admin}/functions/yearly`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input: '' }),
    });
    assert.equal(response.status, 202);
    await eventually('the second run', () => lines(folder).length === 2);
    const [first, second] = lines<{
      timer: { scheduleStatus: { last: string; next: string }; isPastDue: boolean };
      meta: null;
    }>(folder);
    assert.equal(first?.meta, null);
    assert.equal(first?.timer.isPastDue, false);
    assert.equal(first?.timer.scheduleStatus.last, '0001-01-01T00:00:00');
    assert.match(first?.timer.scheduleStatus.next ?? '', /^\d{4}-01-01T00:00:00\+00:00$/);
    assert.notEqual(second?.timer.scheduleStatus.last, '0001-01-01T00:00:00');
  });

  test('a retry policy repeats a failed run with the exception', async () => {
    const { folder } = await run(`
      import { app } from '@azure/functions';
      import { record } from './recorder.js';
      app.timer('again', { schedule: '0 0 0 1 1 *', runOnStartup: true,
        retry: { strategy: 'fixedDelay', maxRetryCount: 2, delayInterval: 0 },
        handler: (timer, context) => { record(context.retryContext ?? null); throw new Error('no ' + (context.retryContext?.retryCount ?? 0)); } });`);
    await eventually('three runs', () => lines(folder).length === 3);
    const [first, second, third] = lines<{
      retryCount: number;
      maxRetryCount: number;
      exception: { message: string };
    } | null>(folder);
    assert.equal(first, null);
    assert.equal(second?.retryCount, 1);
    assert.equal(second?.exception.message, 'no 0');
    assert.deepEqual([third?.retryCount, third?.maxRetryCount], [2, 2]);
  });

  test('with storage one host runs the timer, another takes over, and a missed run is made up for', async () => {
    const storage = await startAzurite();
    cleanups.push(() => storage.stop());
    const app = writeApp({
      values: { AzureWebJobsStorage: storage.connectionString },
      files: {
        'recorder.js': RECORDER,
        'app.js': `
          import { app } from '@azure/functions';
          import { record } from './recorder.js';
          app.timer('often', { schedule: '00:00:00.1', handler: () => record(process.ppid) });
          app.timer('missed', { schedule: '0 0 0 1 1 *', handler: (timer) => record({ isPastDue: timer.isPastDue }) });`,
      },
    });
    cleanups.push(app.remove);
    const first = await startHostProcess(app.folder);
    cleanups.push(() => first.process.exitCode ?? first.kill());
    await eventually('runs', () => lines(app.folder).length > 2);
    const second = await startHostProcess(app.folder);
    cleanups.push(() => second.process.exitCode ?? second.kill());
    const before = lines(app.folder).length;
    await eventually('more runs', () => lines(app.folder).length > before + 5);
    assert.deepEqual(new Set(lines(app.folder)), new Set([first.process.pid]));
    const container = BlobServiceClient.fromConnectionString(storage.connectionString).getContainerClient(
      'azure-webjobs-hosts',
    );
    for await (const { name } of container.listBlobsFlat({ prefix: 'timers/' })) {
      const status = JSON.stringify({
        Last: '2020-01-01T00:00:00Z',
        Next: '2021-01-01T00:00:00Z',
        LastUpdated: '2020-01-01T00:00:00Z',
      });
      await container.getBlockBlobClient(name).upload(status, status.length);
    }
    assert.equal(await first.stop(), 0);
    await eventually('the other host', () => lines(app.folder).includes(second.process.pid));
    await eventually('the missed run', () =>
      lines<{ isPastDue?: boolean }>(app.folder).some((line) => line.isPastDue),
    );
  });
});
