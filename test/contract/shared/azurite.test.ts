import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { startAzurite } from '../../../local/shared/azurite.js';
import { LocalError } from '../../../local/shared/errors.js';

test('a blob and a queue message come back through the official clients', async () => {
  const azurite = await startAzurite();
  try {
    const container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(
      'files',
    );
    await container.create();
    await container.getBlockBlobClient('a/b').uploadData(Buffer.from('text'));
    assert.equal((await container.getBlockBlobClient('a/b').downloadToBuffer()).toString(), 'text');
    const queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(
      'messages',
    );
    await queue.create();
    await queue.sendMessage('hello');
    const received = await queue.receiveMessages();
    assert.equal(received.receivedMessageItems[0]?.messageText, 'hello');
  } finally {
    await azurite.stop();
  }
  assert.throws(() => process.kill(azurite.pid, 0), 'the process is gone after stop');
});

test('a taken port is named with its service and the option that changes it', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port } = holder.address() as { port: number };
  try {
    await assert.rejects(startAzurite({ queuePort: port }), (error: unknown) => {
      assert.ok(error instanceof LocalError);
      assert.equal(error.code, 'PORT_TAKEN');
      assert.match(error.message, new RegExp(`port ${port} for storage \\(queue\\)`));
      assert.match(error.fix ?? '', /--port-storage/);
      return true;
    });
  } finally {
    holder.close();
  }
});
