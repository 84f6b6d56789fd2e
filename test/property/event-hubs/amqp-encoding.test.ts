import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import rhea from 'rhea';
import {
  annotationsSection,
  batchMessages,
  MalformedMessage,
  splitMessage,
} from '../../../local/event-hubs/amqp-encoding.js';

const key = fc.stringMatching(/^x-[a-z]{1,8}$/);
const value = fc.oneof(fc.string(), fc.integer({ min: -2_000_000, max: 2_000_000 }), fc.boolean());
const message = fc.record(
  {
    durable: fc.boolean(),
    delivery_annotations: fc.dictionary(key, value, { noNullPrototype: true }),
    message_annotations: fc.dictionary(key, value, { maxKeys: 30, noNullPrototype: true }),
    message_id: fc.string(),
    application_properties: fc.dictionary(fc.string(), value, { noNullPrototype: true }),
    body: fc.uint8Array({ maxLength: 600 }).map((bytes) => rhea.message.data_section(Buffer.from(bytes))),
  },
  { requiredKeys: ['body'] },
);

interface Decoded {
  body?: unknown;
  message_annotations?: Record<string, unknown>;
  application_properties?: Record<string, unknown>;
  message_id?: unknown;
  delivery_annotations?: unknown;
}

function decode(bytes: Buffer): Decoded {
  return rhea.message.decode(bytes) as unknown as Decoded;
}

function encode(content: object): Buffer {
  return rhea.message.encode(content as Parameters<typeof rhea.message.encode>[0]);
}

test('a stored message is the one that was sent, with the place of the event added', () => {
  const place = fc.record({
    sequenceNumber: fc.nat(),
    offset: fc.nat(Number.MAX_SAFE_INTEGER),
    enqueuedMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  });
  fc.assert(
    fc.property(message, place, (sent, at) => {
      const bytes = encode(sent);
      const split = splitMessage(bytes);
      const stored = decode(Buffer.concat([annotationsSection(at, split), split.bare]));
      const original = decode(bytes);
      assert.deepEqual(stored.body, original.body);
      assert.deepEqual(stored.application_properties, original.application_properties);
      assert.equal(stored.message_id, original.message_id);
      assert.equal(stored.delivery_annotations, undefined);
      const {
        'x-opt-sequence-number': sequence,
        'x-opt-offset': offset,
        ...rest
      } = stored.message_annotations!;
      const { 'x-opt-enqueued-time': time, ...own } = rest;
      assert.equal(Number(sequence), at.sequenceNumber);
      assert.equal(offset, String(at.offset));
      assert.equal(new Date(time as Date).getTime(), at.enqueuedMs);
      assert.deepEqual(own, { ...original.message_annotations });
    }),
  );
});

test('a batch gives the messages that were put into it', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), (sent) => {
      const encoded = sent.map(encode);
      const sections = rhea.message.data_sections as unknown as (parts: Buffer[]) => unknown;
      const batch = batchMessages(splitMessage(encode({ body: sections(encoded) })));
      assert.deepEqual(batch, encoded);
    }),
  );
});

test('bytes that are no message are refused, never read past their end', () => {
  const refuseOrRead = (bytes: Buffer) => {
    try {
      batchMessages(splitMessage(bytes));
    } catch (error) {
      assert.ok(error instanceof MalformedMessage, String(error));
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => refuseOrRead(Buffer.from(bytes))));
  fc.assert(
    fc.property(message, fc.nat(), fc.nat(255), (sent, where, byte) => {
      const bytes = Buffer.from(encode(sent));
      bytes[where % bytes.length] = byte;
      refuseOrRead(bytes);
      refuseOrRead(bytes.subarray(0, where % bytes.length));
    }),
  );
  refuseOrRead(Buffer.alloc(1_000_000));
});
