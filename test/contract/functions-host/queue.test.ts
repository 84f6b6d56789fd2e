import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { QueueServiceClient } from '@azure/storage-queue';
import { type Azurite, startAzurite } from '../../../local/shared/azurite.js';
import { eventually, type RunningHost, startHostProcess, writeApp } from './app-host.js';
import { lines, RECORDER } from './recorder.js';

describe('storage queue trigger', () => {
  let storage: Azurite;
  const cleanups: (() => unknown)[] = [];
  before(async () => {
    storage = await startAzurite();
  });
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    await storage.stop();
  });

  async function run(
    source: string,
    queues: Record<string, unknown> = {},
  ): Promise<{ host: RunningHost; folder: string }> {
    const app = writeApp({
      hostJson: { extensions: { queues: { maxPollingInterval: '00:00:00.2', ...queues } } },
      values: { AzureWebJobsStorage: storage.connectionString, QUEUE_NAME: 'named' },
      files: { 'recorder.js': RECORDER, 'app.js': source },
    });
    const host = await startHostProcess(app.folder);
    cleanups.push(app.remove, () => host.process.exitCode ?? host.kill());
    return { host, folder: app.folder };
  }

  async function queueNamed(name: string) {
    const queue = QueueServiceClient.fromConnectionString(storage.connectionString).getQueueClient(name);
    await queue.createIfNotExists();
    return queue;
  }

  const base64 = (text: string) => Buffer.from(text).toString('base64');

  test('a message arrives parsed, with its metadata, and is deleted', async () => {
    const queue = await queueNamed('named');
    const { host, folder } = await run(`
      import { app } from '@azure/functions';
      import { record } from './recorder.js';
      app.storageQueue('named', { queueName: '%QUEUE_NAME%', connection: 'AzureWebJobsStorage',
        handler: (message, context) => record({ message, meta: context.triggerMetadata }) });`);
    const sent = await queue.sendMessage(base64('{"Name":"x","n":1}'));
    const [line] = await eventually('the message', () => {
      const found = lines<{ message: unknown; meta: Record<string, unknown> }>(folder);
      return found.length > 0 ? found : undefined;
    });
    assert.deepEqual(line?.message, { Name: 'x', n: 1 });
    assert.equal(line?.meta['id'], sent.messageId);
    assert.equal(line?.meta['dequeueCount'], 1);
    assert.deepEqual(line?.meta['queueTrigger'], { name: 'x', n: 1 });
    assert.equal(line?.meta['name'], 'x');
    assert.match(String(line?.meta['insertionTime']), /^\d{4}-.*\+00:00$/);
    await eventually('deletion', async () => (await queue.getProperties()).approximateMessagesCount === 0);
    assert.equal(await host.stop(), 0);
  });

  test('a message that always fails ends in the poison queue', async () => {
    const queue = await queueNamed('bad');
    const { folder } = await run(
      `import { app } from '@azure/functions';
       import { record } from './recorder.js';
       app.storageQueue('bad', { queueName: 'bad', connection: 'AzureWebJobsStorage',
         handler: (message, context) => { record(context.triggerMetadata.dequeueCount); throw new Error('no'); } });`,
      { maxDequeueCount: 2, messageEncoding: 'none' },
    );
    await queue.sendMessage('hello');
    const poison = await queueNamed('bad-poison');
    const message = await eventually('the poison message', async () => {
      const { receivedMessageItems } = await poison.receiveMessages();
      return receivedMessageItems[0];
    });
    assert.equal(message.messageText, 'hello');
    assert.deepEqual(lines(folder), [1, 2]);
  });

  test('a message that is not base64 goes to the poison queue without a call', async () => {
    const queue = await queueNamed('raw');
    await queue.sendMessage('not base64!');
    const { folder } = await run(`
      import { app } from '@azure/functions';
      import { record } from './recorder.js';
      app.storageQueue('raw', { queueName: 'raw', connection: 'AzureWebJobsStorage', handler: (message) => record(message) });`);
    const poison = await queueNamed('raw-poison');
    await eventually(
      'the poison message',
      async () => (await poison.receiveMessages()).receivedMessageItems[0],
    );
    assert.deepEqual(lines(folder), []);
  });
});
