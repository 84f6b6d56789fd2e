import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { RunningHost } from './app-host.js';
import { DURABLE_APP } from './durable-app.js';
import { type DurableWorld, durableWorld, start, untilStatus } from './durable-world.js';

describe('durable functions', () => {
  let world: DurableWorld;
  let host: RunningHost;
  before(async () => {
    world = await durableWorld(DURABLE_APP);
    host = await world.startHost();
  });
  after(() => world.stop());

  test('activities run one after the other with each result given back', async () => {
    const status = await untilStatus(host, await start(host, 'chain'));
    assert.equal(status.runtimeStatus, 'Completed', JSON.stringify(status));
    assert.deepEqual(status.output, ['Hello Tokyo', 'Hello Seattle', 'Hello London']);
    assert.equal(status.name, 'chain');
  });

  test('a timer fires no earlier than asked and the clock of the orchestration moves on', async () => {
    const status = await untilStatus(host, await start(host, 'sleepy', { input: 1500 }));
    assert.equal(status.runtimeStatus, 'Completed', JSON.stringify(status));
    assert.ok(Number(status.output) >= 1500 && Number(status.output) < 10_000, String(status.output));
  });

  test('an HTTP function starts an orchestration and answers with its addresses', async () => {
    const response = await fetch(`${host.url}/api/orchestrators/chain`, {
      method: 'POST',
      body: '["Oslo"]',
    });
    assert.equal(response.status, 202);
    const links = (await response.json()) as Record<string, string>;
    assert.equal(response.headers.get('location'), links['statusQueryGetUri']);
    const status = await untilStatus(host, links['id'] ?? '');
    assert.deepEqual(status.output, ['Hello Oslo']);
    const final = await fetch(links['statusQueryGetUri'] ?? '');
    assert.equal(final.status, 200);
  });

  test('a caller that waits gets the output', async () => {
    const response = await fetch(`${host.url}/api/wait/fan`, { method: 'POST', body: '{"count":12}' });
    assert.equal(response.status, 200);
    assert.equal(await response.json(), 506);
  });
});
