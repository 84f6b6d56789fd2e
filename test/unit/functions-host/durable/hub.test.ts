import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { toFilter } from '../../../../local/functions-host/durable/client.js';
import { readDurableConfig } from '../../../../local/functions-host/durable/config.js';
import { partitionOf } from '../../../../local/functions-host/durable/hub.js';
import { toKey } from '../../../../local/functions-host/durable/instance.js';
import { fairShare, livingHosts } from '../../../../local/functions-host/durable/leases.js';
import { readFailureDetails } from '../../../../local/functions-host/durable/run-function.js';

describe('task hub', () => {
  test('each partition belongs to exactly one living host', () => {
    const hosts = ['a', 'b', 'c'];
    const shares = hosts.map((self) => fairShare(hosts, self, 4));
    assert.deepEqual(shares, [[0, 3], [1], [2]]);
    assert.deepEqual(fairShare(hosts, 'stranger', 4), []);
  });

  test('a host that was not seen lately, or whose process has ended, is not counted', () => {
    const host = (id: string, seenMs: number) => ({ id, machine: 'm', pid: 1, seenMs });
    const living = livingHosts(
      [host('b', 99_000), host('a', 98_000), host('old', 1_000), host('dead', 99_000)],
      { ms: 100_000, expiryMs: 15_000, runsHere: ({ id }) => id !== 'dead' },
    );
    assert.deepEqual(
      living.map(({ id }) => id),
      ['a', 'b'],
    );
  });

  test('instances spread over all partitions and stay where they are', () => {
    const places = Array.from({ length: 400 }, (_, n) => partitionOf(`instance-${n}`, 4));
    for (let index = 0; index < 4; index += 1) {
      assert.ok(places.filter((place) => place === index).length > 50);
    }
    assert.equal(partitionOf('same', 4), partitionOf('same', 4));
  });

  test('any instance id is a valid table key, and none looks like another', () => {
    assert.equal(toKey('@counter@a'), '@counter@a');
    assert.equal(toKey('a/b#c?d\\e^f\n'), 'a^2fb^23c^3fd^5ce^5ef^0a');
    assert.notEqual(toKey('a/b'), toKey('a^2fb'));
  });

  test('a query leaves entities out and quotes what the caller gives', () => {
    const filter = toFilter({ prefix: "o'b", statuses: ['Failed', 'Running'] });
    assert.match(filter, /PartitionKey ge 'o''b'/);
    assert.match(filter, /\(status eq 'Failed' or status eq 'Running'\)/);
    assert.match(filter, /PartitionKey lt '@' or PartitionKey ge 'A'/);
  });

  test('settings have the defaults of the extension, wrong ones are named, others listed as not applied', () => {
    const config = readDurableConfig({});
    assert.deepEqual(
      [config.hubName, config.partitionCount, config.maxConcurrentActivityFunctions],
      ['TestHubName', 4, 10],
    );
    const more = readDurableConfig({
      hubName: 'Hub',
      tracing: {},
      storageProvider: { partitionCount: 2, useLegacyPartitionManagement: true },
    });
    assert.deepEqual([more.hubName, more.partitionCount], ['Hub', 2]);
    assert.deepEqual(more.notApplied, [
      'extensions.durableTask.tracing',
      'extensions.durableTask.storageProvider.useLegacyPartitionManagement',
    ]);
    assert.throws(() => readDurableConfig({ hubName: 'a b' }), /extensions\.durableTask\.hubName/);
    assert.throws(
      () => readDurableConfig({ storageProvider: { type: 'mssql' } }),
      /storageProvider\.type .*AzureStorage/,
    );
  });

  test('structured failures are read from the message, plain ones are not', () => {
    assert.equal(readFailureDetails('plain'), undefined);
    assert.equal(readFailureDetails('{"a":1}'), undefined);
    assert.equal(readFailureDetails('{broken'), undefined);
    const details = readFailureDetails(
      JSON.stringify({ errorType: 'E', errorMessage: 'm', properties: { code: 7 }, isNonRetriable: true }),
    );
    assert.deepEqual(
      [details?.ErrorType, details?.Properties, details?.IsNonRetriable],
      ['E', { code: 7 }, true],
    );
  });
});
