import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import { eventually, type RunningHost, startHostProcess, writeApp } from './app-host.js';
import { lines, RECORDER } from './recorder.js';
import { type Services, sendTo, startServices } from './services.js';

function trigger(options: Record<string, unknown>): string {
  return JSON.stringify({ connection: 'HUBS', ...options });
}

const FAST = { loadBalancingUpdateInterval: '00:00:00.5', partitionOwnershipExpirationInterval: '00:00:03' };

describe('Event Hubs trigger', () => {
  let services: Services;
  const cleanups: (() => unknown)[] = [];
  before(async () => {
    services = await startServices(
      'shapes:1,strings:1,single:1,retry:1,failing:1,minimum:1,shared:4,graceful:1,timeout:1,frequency:1,held:1,late:1',
    );
  });
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    await services.stop();
  });

  async function run(
    source: string,
    options: {
      eventHubs?: Record<string, unknown>;
      hostJson?: Record<string, unknown>;
      folder?: string;
    } = {},
  ): Promise<{ host: RunningHost; folder: string }> {
    const app = writeApp({
      hostJson: { extensions: { eventHubs: { ...FAST, ...options.eventHubs } }, ...options.hostJson },
      values: services.values,
      files: { 'recorder.js': RECORDER, 'app.js': source },
    });
    const folder = options.folder ?? app.folder;
    const host = await startHostProcess(app.folder, { env: { OUT: join(folder, 'out.jsonl') } });
    cleanups.push(app.remove, () => host.process.exitCode ?? host.kill());
    return { host, folder };
  }

  async function checkpointOf(hub: string, partitionId: string): Promise<Record<string, string> | undefined> {
    const container = BlobServiceClient.fromConnectionString(
      services.storage.connectionString,
    ).getContainerClient('azure-webjobs-eventhub');
    for await (const blob of container.listBlobsFlat({ includeMetadata: true })) {
      if (blob.name.endsWith(`/${hub}/$default/checkpoint/${partitionId}`)) return blob.metadata;
    }
    return undefined;
  }

  test('a binary batch arrives with bytes and metadata as the extension sends them', async () => {
    const { folder } = await run(
      `
      import { app, trigger } from '@azure/functions';
      import { record } from './recorder.js';
      app.generic('shapes', {
        trigger: trigger.generic(${trigger({ type: 'eventHubTrigger', eventHubName: '%HUB%', cardinality: 'many', dataType: 'binary' })}),
        handler: (events, context) => record({ bodies: events.map((e) => e.toString('hex')), meta: context.triggerMetadata }),
      });`.replace('%HUB%', 'shapes'),
      {
        eventHubs: { maxEventBatchSize: 3 },
      },
    );
    await sendTo(services, { hub: 'shapes', partitionId: '0' }, [
      { body: Buffer.from([0xff, 0x00, 0x80]), properties: { Table: 'Logs', count: 3 } },
      { body: Buffer.from('{"a":12345678901234567890}') },
    ]);
    const [line] = await eventually('one batch', () => {
      const found = lines<{ bodies: string[]; meta: Record<string, unknown> }>(folder);
      return found.flatMap(({ bodies }) => bodies).length === 2 ? found : undefined;
    });
    assert.deepEqual(line?.bodies, ['ff0080', Buffer.from('{"a":12345678901234567890}').toString('hex')]);
    const meta = line?.meta ?? {};
    assert.deepEqual(meta['propertiesArray'], [{ table: 'Logs', count: 3 }, {}]);
    assert.deepEqual(meta['partitionKeyArray'], []);
    const system = meta['systemPropertiesArray'] as Record<string, unknown>[];
    assert.equal(system.length, 2);
    assert.deepEqual(
      system.map((one) => one['sequenceNumber']),
      meta['sequenceNumberArray'],
    );
    assert.match(String(system[0]?.['enqueuedTimeUtc']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?$/);
    assert.deepEqual(
      system.map((one) => one['enqueuedTimeUtc']),
      meta['enqueuedTimeUtcArray'],
    );
    assert.deepEqual(meta['partitionContext'], {
      fullyQualifiedNamespace: '127.0.0.1',
      eventHubName: 'shapes',
      consumerGroup: '$Default',
      partitionId: '0',
      isCheckpointingAfterInvocation: true,
    });
  });

  test('without dataType each event is parsed JSON or text, and empty ones are dropped', async () => {
    const { folder } = await run(`
      import { app } from '@azure/functions';
      import { record } from './recorder.js';
      app.eventHub('strings', { connection: 'HUBS', eventHubName: 'strings', cardinality: 'many',
        handler: (events) => record(events) });`);
    await sendTo(services, { hub: 'strings', partitionId: '0' }, [
      { body: Buffer.from('{"a":1}') },
      { body: Buffer.from('') },
      { body: Buffer.from('plain') },
      { body: Buffer.from('42') },
    ]);
    await eventually('three events', () => lines<unknown[]>(folder).flat().length >= 3);
    assert.deepEqual(lines<unknown[]>(folder).flat(), [{ a: 1 }, 'plain', 42]);
  });

  test('single events come one by one, with the body merged into the metadata', async () => {
    const { folder } = await run(`
      import { app } from '@azure/functions';
      import { record } from './recorder.js';
      app.eventHub('single', { connection: 'HUBS', eventHubName: 'single', cardinality: 'one',
        handler: (event, context) => record({ event, meta: context.triggerMetadata }) });`);
    await sendTo(services, { hub: 'single', partitionId: '0' }, [
      { body: Buffer.from('{"Device":"d1","sequenceNumber":"mine"}') },
      { body: Buffer.from('text') },
    ]);
    await eventually('two events', () => lines(folder).length === 2);
    const [first, second] = lines<{ event: unknown; meta: Record<string, unknown> }>(folder);
    assert.deepEqual(first?.event, { Device: 'd1', sequenceNumber: 'mine' });
    assert.equal(first?.meta['device'], 'd1');
    assert.equal(first?.meta['sequenceNumber'], 'mine');
    assert.equal(second?.event, 'text');
    assert.equal(second?.meta['sequenceNumber'], 1);
  });

  test('a worker killed in the middle of a batch gets the batch again, and nothing is recorded before', async () => {
    const { host, folder } = await run(`
      import { app } from '@azure/functions';
      import { existsSync, writeFileSync } from 'node:fs';
      import { record } from './recorder.js';
      app.eventHub('retry', { connection: 'HUBS', eventHubName: 'retry', cardinality: 'many',
        retry: { strategy: 'fixedDelay', maxRetryCount: -1, delayInterval: { seconds: 0 } },
        handler: async (events, context) => {
          record({ events, retry: context.retryContext?.retryCount ?? 0, pid: process.pid });
          if (!existsSync('go')) await new Promise(() => {});
        } });`);
    await sendTo(services, { hub: 'retry', partitionId: '0' }, [
      { body: Buffer.from('1') },
      { body: Buffer.from('2') },
    ]);
    const pid = await eventually('the batch', () => lines<{ pid: number }>(folder)[0]?.pid);
    assert.deepEqual((await host.status()).workers, [{ pid }]);
    assert.equal(await checkpointOf('retry', '0'), undefined);
    writeFileSync(join(folder, 'go'), '');
    process.kill(pid, 'SIGKILL');
    await eventually('the batch again', () => lines(folder).length >= 2);
    const seen = lines<{ events: number[]; retry: number; pid: number }>(folder);
    assert.deepEqual(seen[1]?.events, seen[0]?.events);
    assert.equal(seen[1]?.retry, 1);
    assert.notEqual(seen[1]?.pid, pid);
    const checkpoint = await eventually('a checkpoint', () => checkpointOf('retry', '0'));
    assert.equal(checkpoint['sequencenumber'], String((seen[0]?.events.length ?? 0) - 1));
    assert.equal((await host.status()).state, 'Running');
  });

  test('without a retry policy a failed batch is checkpointed and gone, as in Azure', async () => {
    const { host, folder } = await run(`
      import { app } from '@azure/functions';
      import { record } from './recorder.js';
      app.eventHub('failing', { connection: 'HUBS', eventHubName: 'failing', cardinality: 'many',
        handler: (events) => { record(events); throw new Error('no'); } });`);
    await sendTo(services, { hub: 'failing', partitionId: '0' }, [{ body: Buffer.from('1') }]);
    const checkpoint = await eventually('a checkpoint', () => checkpointOf('failing', '0'));
    assert.equal(checkpoint['sequencenumber'], '0');
    assert.equal(await host.stop(), 0);
    assert.deepEqual(lines(folder), [[1]]);
  });

  test('events wait for the least batch size, at most the wait time', async () => {
    const { folder } = await run(
      `import { app } from '@azure/functions';
       import { record } from './recorder.js';
       app.eventHub('minimum', { connection: 'HUBS', eventHubName: 'minimum', cardinality: 'many',
         handler: (events) => record(events.length) });`,
      { eventHubs: { minEventBatchSize: 5, maxEventBatchSize: 8, maxWaitTime: '00:00:02' } },
    );
    const numbered = (count: number) =>
      Array.from({ length: count }, (_value, index) => ({ body: Buffer.from(`${index}`) }));
    await sendTo(services, { hub: 'minimum', partitionId: '0' }, numbered(3));
    await sendTo(services, { hub: 'minimum', partitionId: '0' }, numbered(4));
    await eventually('all events', () => lines<number>(folder).reduce((sum, size) => sum + size, 0) === 7);
    assert.ok((lines<number>(folder)[0] ?? 0) >= 5, `sizes ${lines(folder)}`);
  });

  test('two hosts share the partitions, and the survivor takes all when one is killed', async () => {
    const source = `
      import { app } from '@azure/functions';
      import { record } from './recorder.js';
      app.eventHub('shared', { connection: 'HUBS', eventHubName: 'shared', cardinality: 'many',
        handler: (events, context) => record({ pid: process.ppid, partition: context.triggerMetadata.partitionContext.partitionId, events }) });`;
    const first = await run(source);
    const second = await run(source, { folder: first.folder });
    const owned = async () => {
      const container = BlobServiceClient.fromConnectionString(
        services.storage.connectionString,
      ).getContainerClient('azure-webjobs-eventhub');
      const counts = new Map<string, number>();
      for await (const blob of container.listBlobsFlat({ includeMetadata: true })) {
        if (!blob.name.includes('/shared/$default/ownership/')) continue;
        const owner = blob.metadata?.['ownerid'] ?? '';
        counts.set(owner, (counts.get(owner) ?? 0) + 1);
      }
      return [...counts.values()].sort();
    };
    await eventually('two partitions each', async () => (await owned()).join() === '2,2');
    const sendRound = async (round: number) => {
      for (const partitionId of ['0', '1', '2', '3']) {
        await sendTo(services, { hub: 'shared', partitionId }, [
          { body: Buffer.from(JSON.stringify([round, partitionId])) },
        ]);
      }
    };
    type Line = { pid: number; events: [number, string][] };
    const seen = (round: number) =>
      lines<Line>(first.folder).filter(({ events }) => events.some(([of]) => of === round));
    await sendRound(1);
    await eventually('round 1', () => seen(1).flatMap(({ events }) => events).length >= 4);
    assert.equal(new Set(seen(1).map(({ pid }) => pid)).size, 2);
    await second.host.kill();
    await sendRound(2);
    await eventually(
      'round 2',
      () => new Set(seen(2).flatMap(({ events }) => events.map(([, id]) => id))).size === 4,
    );
    assert.equal(await first.host.stop(), 0);
    assert.deepEqual(await owned(), [4], 'ownership is given up at stop');
  });

  test('a graceful stop lets the running batch finish, records it and starts no other', async () => {
    const source = `
      import { app } from '@azure/functions';
      import { existsSync } from 'node:fs';
      import { record } from './recorder.js';
      app.hook.appTerminate(() => record('terminated'));
      app.eventHub('graceful', { connection: 'HUBS', eventHubName: 'graceful', cardinality: 'one',
        handler: async (event) => { record(event); await new Promise((done) => setTimeout(done, 1500)); record('done ' + event); } });`;
    const { host, folder } = await run(source);
    await sendTo(
      services,
      { hub: 'graceful', partitionId: '0' },
      [1, 2, 3].map((body) => ({ body: Buffer.from(`${body}`) })),
    );
    await eventually('the first event', () => lines(folder).length > 0);
    assert.equal(await host.stop(), 0);
    assert.deepEqual(lines(folder), [1, 'done 1', 'terminated']);
    const again = await run(source, { folder });
    await eventually('the second event', () => lines(folder).length > 3);
    assert.equal(lines(folder)[3], 2);
    await again.host.kill();
  });

  test('a function over its timeout fails, its worker is replaced, and the retry policy goes on', async () => {
    const { host, folder } = await run(
      `import { app } from '@azure/functions';
       import { record } from './recorder.js';
       app.eventHub('timeout', { connection: 'HUBS', eventHubName: 'timeout', cardinality: 'many',
         retry: { strategy: 'fixedDelay', maxRetryCount: 1, delayInterval: { seconds: 0 } },
         handler: async (events, context) => {
           record({ pid: process.pid, exception: context.retryContext?.exception?.message ?? '' });
           if (!context.retryContext) await new Promise(() => {}); } });`,
      { hostJson: { functionTimeout: '00:00:01' } },
    );
    await sendTo(services, { hub: 'timeout', partitionId: '0' }, [{ body: Buffer.from('1') }]);
    await eventually('the retry', () => lines(folder).length === 2);
    const [first, second] = lines<{ pid: number; exception: string }>(folder);
    assert.notEqual(first?.pid, second?.pid);
    assert.match(second?.exception ?? '', /functionTimeout/);
    await eventually('a checkpoint', () => checkpointOf('timeout', '0'));
    assert.ok(host.log.some((line) => line.includes('starting another')));
  });

  test('checkpoints come only every so many batches', async () => {
    const { host, folder } = await run(
      `import { app } from '@azure/functions';
       import { record } from './recorder.js';
       app.eventHub('frequency', { connection: 'HUBS', eventHubName: 'frequency', cardinality: 'many',
         handler: (events, context) => record(context.triggerMetadata.partitionContext.isCheckpointingAfterInvocation) });`,
      { eventHubs: { batchCheckpointFrequency: 2, maxEventBatchSize: 1 } },
    );
    await sendTo(
      services,
      { hub: 'frequency', partitionId: '0' },
      [1, 2, 3].map((body) => ({ body: Buffer.from(`${body}`) })),
    );
    await eventually('three batches', () => lines(folder).length === 3);
    assert.deepEqual(lines(folder), [false, true, false]);
    assert.equal((await checkpointOf('frequency', '0'))?.['sequencenumber'], '1');
    assert.equal(await host.stop(), 0);
    assert.equal((await checkpointOf('frequency', '0'))?.['sequencenumber'], '2', 'written at stop');
  });

  test('a batch held up for long neither loses, repeats nor reorders what comes after it', async () => {
    const { host, folder } = await run(
      `import { app } from '@azure/functions';
       import { existsSync } from 'node:fs';
       import { record } from './recorder.js';
       app.eventHub('held', { connection: 'HUBS', eventHubName: 'held', cardinality: 'many',
         handler: async (events) => { while (!existsSync('go')) await new Promise((next) => setTimeout(next, 20)); record(events); } });`,
      { eventHubs: { maxEventBatchSize: 3 }, hostJson: { logging: { logLevel: { default: 'Debug' } } } },
    );
    const numbered = (from: number) =>
      [0, 1, 2, 3, 4].map((step) => ({ body: Buffer.from(`${from + step}`) }));
    await sendTo(services, { hub: 'held', partitionId: '0' }, numbered(0));
    await eventually('the link given up', () => host.log.some((line) => line.includes('given up meanwhile')));
    await sendTo(services, { hub: 'held', partitionId: '0' }, numbered(5));
    writeFileSync(join(folder, 'go'), '');
    await eventually('all events', () => lines<number[]>(folder).flat().length >= 10);
    assert.deepEqual(lines<number[]>(folder).flat(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('fromEnd skips what was there before, and the admin API starts the function with one text', async () => {
    await sendTo(services, { hub: 'late', partitionId: '0' }, [{ body: Buffer.from('early') }]);
    const { host, folder } = await run(
      `import { app } from '@azure/functions';
       import { record } from './recorder.js';
       app.eventHub('late', { connection: 'HUBS', eventHubName: 'late', cardinality: 'many', handler: (events) => record(events) });`,
      {
        eventHubs: { initialOffsetOptions: { type: 'fromEnd' } },
        hostJson: { logging: { logLevel: { default: 'Debug' } } },
      },
    );
    const started = await fetch(`${host.admin}/functions/late`, {
      method: 'POST',
      body: JSON.stringify({ input: '{"by":"hand"}' }),
    });
    assert.equal(started.status, 202);
    await eventually('the text', () => lines(folder).length === 1);
    await eventually('the partition', () => host.log.some((line) => line.includes('reads partition 0')));
    let sent = 0;
    await eventually('a later event', async () => {
      await sendTo(services, { hub: 'late', partitionId: '0' }, [{ body: Buffer.from(`later ${sent}`) }]);
      sent += 1;
      return lines(folder).length > 1;
    });
    assert.deepEqual(lines<unknown[]>(folder)[0], [{ by: 'hand' }]);
    assert.equal(lines<unknown[]>(folder).flat().includes('early'), false);
  });
});
