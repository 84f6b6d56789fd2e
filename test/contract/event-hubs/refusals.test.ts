import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventHubConsumerClient } from '@azure/event-hubs';
import rhea from 'rhea';
import { receive, sendTo, withServer } from './helpers.js';

const LIMIT_BYTES = 1_048_576;

test('unknown hub, partition and consumer group are not found', () =>
  withServer(
    async (bench) => {
      const missing = { code: 'MessagingEntityNotFoundError' };
      await assert.rejects(bench.producer('nope').sendBatch([{ body: 1 }]), missing);
      await assert.rejects(bench.producer('nope').getEventHubProperties(), missing);
      await assert.rejects(sendTo(bench.producer(), '9', [1]), missing);
      await assert.rejects(bench.producer().getPartitionProperties('9'), missing);
      await assert.rejects(receive(bench.consumer(), { partition: '9', count: 1 }), missing);
      await assert.rejects(
        receive(bench.consumer('events', 'undeclared'), { partition: '0', count: 1 }),
        missing,
      );
      await sendTo(bench.producer(), '0', ['x']);
      for (const group of ['declared', '$Default']) {
        const events = await receive(bench.consumer('events', group), { partition: '0', count: 1 });
        assert.equal(events.length, 1);
      }
    },
    { hubs: 'events:2:declared;more' },
  ));

test('a link tells its size limit and a larger message is refused', () =>
  withServer(async (bench) => {
    const batch = await bench.producer().createBatch();
    assert.equal(batch.maxSizeInBytes, LIMIT_BYTES);
    const outcome = await new Promise((resolve, reject) => {
      const connection = rhea.connect({ host: '127.0.0.1', port: bench.server.port, reconnect: false });
      connection.open_sender('events/Partitions/0');
      connection.once('sendable', (context) =>
        context.sender?.send({ body: rhea.message.data_section(Buffer.alloc(LIMIT_BYTES)) }),
      );
      connection.once('rejected', (context) => {
        resolve(context.delivery?.remote_state?.['error']?.condition);
        connection.close();
      });
      connection.on('disconnected', reject);
    });
    assert.equal(outcome, 'amqp:link:message-size-exceeded');
  }));

test('a plain message outside a batch is stored as it came', () =>
  withServer(async (bench) => {
    await new Promise<void>((resolve, reject) => {
      const connection = rhea.connect({ host: '127.0.0.1', port: bench.server.port, reconnect: false });
      connection.open_sender('events/Partitions/0');
      connection.once('sendable', (context) =>
        context.sender?.send({
          body: rhea.message.data_section(Buffer.from('"plain"')),
          message_annotations: { 'x-opt-partition-key': 'k', 'x-opt-offset': '77' },
          application_properties: { a: 1 },
        }),
      );
      connection.once('accepted', () => {
        connection.close();
        resolve();
      });
      connection.on('disconnected', reject);
    });
    const [event] = await receive(bench.consumer(), { partition: '0', count: 1 });
    assert.equal(event?.body, 'plain');
    assert.equal(event?.partitionKey, 'k');
    assert.equal(event?.offset, '0');
    assert.deepEqual(event?.properties, { a: 1 });
  }));

test('sending beyond the memory limit is refused and what is stored stays', () =>
  withServer(
    async (bench) => {
      const body = Buffer.alloc(400_000);
      await sendTo(bench.producer(), '0', [body]);
      await assert.rejects(sendTo(bench.producer(), '0', [body]), /--memory-mb/);
      assert.equal((await receive(bench.consumer(), { partition: '0', count: 1 })).length, 1);
    },
    { hubs: 'events:1', retention: { maxBytes: 700_000 } },
  ));

interface Watched {
  readonly receiving: Promise<void>;
  readonly failed: Promise<Error>;
}

function watch(client: EventHubConsumerClient, ownerLevel?: number): Watched {
  let began: () => void;
  let fail: (error: Error) => void;
  const receiving = new Promise<void>((resolve) => {
    began = resolve;
  });
  const failed = new Promise<Error>((resolve) => {
    fail = resolve;
  });
  client.subscribe(
    '0',
    {
      processEvents: async (events) => {
        if (events.length > 0) began();
      },
      processError: async (error) => fail(error),
    },
    {
      startPosition: { offset: '-1' },
      maxWaitTimeInSeconds: 1,
      ...(ownerLevel === undefined ? {} : { ownerLevel }),
    },
  );
  return { receiving, failed };
}

test('a reader with a higher owner level takes the partition from the others', () =>
  withServer(async (bench) => {
    await sendTo(bench.producer(), '0', ['x']);
    const shared = watch(bench.consumer());
    await shared.receiving;
    const low = watch(bench.consumer(), 1);
    await low.receiving;
    const high = watch(bench.consumer(), 2);
    await high.receiving;
    for (const loser of [shared, low]) {
      assert.equal(((await loser.failed) as { code?: string }).code, 'ReceiverDisconnectedError');
    }
  }));

test('a reader with a lower or no owner level does not get in', () =>
  withServer(async (bench) => {
    await sendTo(bench.producer(), '0', ['x']);
    await watch(bench.consumer(), 5).receiving;
    for (const level of [4, undefined]) {
      const error = (await watch(bench.consumer(), level).failed) as { code?: string };
      assert.equal(error.code, 'ReceiverDisconnectedError');
    }
    const equal = watch(bench.consumer(), 5);
    await equal.receiving;
  }));

test('at most five readers without an owner level share a partition in a group', () =>
  withServer(async (bench) => {
    await sendTo(bench.producer(), '0', ['x']);
    for (let count = 0; count < 5; count++) await watch(bench.consumer()).receiving;
    const error = (await watch(bench.consumer()).failed) as { code?: string };
    assert.equal(error.code, 'QuotaExceededError');
    await watch(bench.consumer('events', 'another')).receiving;
  }));
