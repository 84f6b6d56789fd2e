import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createHttpClient } from '../../../src/kusto/http.js';
import { createKustoSession } from '../../../src/kusto/session.azure.js';
import { KfError } from '../../../src/runtime/errors.js';

test('a token goes to hosts that kusto.trustedHosts lists, and to no look-alike', async () => {
  const server = createServer((_request, response) => response.writeHead(404).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const session = createKustoSession({
    http: createHttpClient(),
    clock: { now: () => 0 },
    kusto: {
      engineUrl: url,
      ingestUrl: url,
      auth: { kind: 'accessToken', token: 'abc' },
      resourceCacheMs: 1,
      trustedHosts: ['*.corp.example', 'kusto.other.example'],
    },
  });
  for (const host of ['a.corp.example', 'kusto.other.example', 'c.kusto.windows.net']) {
    assert.deepEqual(await session.authorize(`https://${host}`), { authorization: 'Bearer abc' });
  }
  for (const host of ['corp.example', 'acorp.example', 'a.kusto.other.example', 'a.corp.example.net']) {
    await assert.rejects(
      session.authorize(`https://${host}`),
      (error) => error instanceof KfError && error.code === 'CONFIG_INVALID',
      host,
    );
  }
  server.close();
});
