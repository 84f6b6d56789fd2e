import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventHubConsumerClient, earliestEventPosition, type ReceivedEventData } from '@azure/event-hubs';
import { createHubForwarder } from '../../../src/deadletter/hub.azure.js';
import type { DeadLetter } from '../../../src/deadletter/ports.js';
import { KfError } from '../../../src/runtime/errors.js';
import { type HubsReady, startPart } from '../../helpers/stack.js';

const letter = (n: number, body: Uint8Array): DeadLetter => ({
  id: `id-${n}`,
  kind: 'delivery',
  body,
  bodyForm: 'original',
  properties: {},
  source: 'sensors',
  partition: '0',
  offset: String(n),
  sequenceNumber: n,
  database: 'D',
  table: 'T',
  format: 'json',
  code: 'INGESTION_REFUSED',
  serviceCode: 'Stream_X',
  message: 'no',
  attempts: 1,
  timeMs: 0,
});

test('letters reach their hub with body and reason; one too large for a message stays behind', async (t) => {
  const hubs = await startPart<HubsReady>('local/event-hubs/main.js', [
    '--port',
    '0',
    '--json',
    '--hubs',
    'letters:1',
  ]);
  t.after(() => hubs.child.stop());
  const { connectionString } = hubs.ready;
  const forwarder = createHubForwarder({ connectionString, eventHub: 'letters' });
  t.after(() => forwarder.close());
  const bodies = [Buffer.from('{"a":1}'), Buffer.alloc(3 * 1024 * 1024), Buffer.from([0, 255])];
  await forwarder.forward(bodies.map((body, n) => letter(n, body)));
  const consumer = new EventHubConsumerClient('$Default', connectionString, 'letters');
  const received: ReceivedEventData[] = [];
  await new Promise<void>((resolve, reject) => {
    const subscription = consumer.subscribe(
      {
        processEvents: async (events) => {
          received.push(...events);
          if (received.length >= 2) resolve();
        },
        processError: async (error) => reject(error),
      },
      { startPosition: earliestEventPosition },
    );
    t.after(async () => {
      await subscription.close();
      await consumer.close();
    });
  });
  // The SDK's consumer parses what looks like JSON.
  assert.deepEqual(received[0]?.body, { a: 1 });
  assert.deepEqual(Buffer.from(received[1]?.body as Uint8Array), bodies[2]);
  assert.equal(received[0]?.properties?.['deadLetterServiceCode'], 'Stream_X');
  assert.equal(received[1]?.properties?.['deadLetterOffset'], '2');
});

test('a hub that is not there is a passing failure without the key in its message', async () => {
  const connectionString =
    'Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=n;SharedAccessKey=the-secret-key=;UseDevelopmentEmulator=true';
  const forwarder = createHubForwarder({ connectionString, eventHub: 'gone' });
  await assert.rejects(
    forwarder.forward([letter(1, Buffer.from('x'))], AbortSignal.timeout(2_000)),
    (error: unknown) => {
      assert.ok(error instanceof KfError);
      assert.doesNotMatch(error.message, /the-secret-key/);
      return error.retryable;
    },
  );
  await forwarder.close();
});
