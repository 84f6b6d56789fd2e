import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toEnvelopes } from '../../../src/functions/envelopes.js';

const bodies = [Buffer.from('a'), Buffer.from('b')];

test('positions, keys and properties line up with their events', () => {
  const envelopes = toEnvelopes('s', bodies, {
    partitionContext: { partitionId: '3' },
    systemPropertiesArray: [
      { sequenceNumber: 0, offset: '0', partitionKey: 'k', enqueuedTimeUtc: '2026-01-02T03:04:05.678' },
      { sequenceNumber: 1, offset: '64', offsetString: '64x', enqueuedTimeUtc: '2026-01-02T03:04:06Z' },
    ],
    propertiesArray: [{ table: 'T' }, {}],
  });
  assert.deepEqual(envelopes, [
    {
      body: bodies[0],
      key: 'k',
      properties: { table: 'T' },
      source: 's',
      position: { partition: '3', offset: '0', sequenceNumber: 0 },
      enqueuedAt: '2026-01-02T03:04:05.678Z',
    },
    {
      body: bodies[1],
      properties: {},
      source: 's',
      position: { partition: '3', offset: '64x', sequenceNumber: 1 },
      enqueuedAt: '2026-01-02T03:04:06Z',
    },
  ]);
});

test('an array that does not line up is not used', () => {
  const envelopes = toEnvelopes('s', bodies, {
    triggerPartitionContext: { partitionId: '1' },
    systemPropertiesArray: [{ sequenceNumber: 7, offset: '7' }],
    propertiesArray: [{ table: 'Other' }],
  });
  assert.deepEqual(
    envelopes.map((envelope) => [envelope.position, envelope.properties]),
    [
      [{ partition: '1', offset: '', sequenceNumber: -1 }, {}],
      [{ partition: '1', offset: '', sequenceNumber: -1 }, {}],
    ],
  );
});

test('a single invocation without metadata still yields its record', () => {
  assert.equal(toEnvelopes('s', [Buffer.from('{}')], undefined).length, 1);
});
