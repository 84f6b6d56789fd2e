import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { type CheckReport, failed, passed, report } from '../../../src/checks/codes.js';
import { createNetworkProbe } from '../../../src/checks/network.js';
import { createReadiness } from '../../../src/checks/readiness.js';

const good = report([passed('a')]);
const bad = report([failed('a', 'TABLE_MISSING', { message: 'gone' })]);

function scripted(reports: readonly CheckReport[]) {
  let nowMs = 0;
  let runs = 0;
  const readiness = createReadiness({
    validate: true,
    clock: { now: () => nowMs },
    run: async () => reports[Math.min(runs++, reports.length - 1)] as CheckReport,
  });
  return { readiness, runs: () => runs, pass: (ms: number) => (nowMs += ms) };
}

test('a good report is kept, however old', async () => {
  const { readiness, runs, pass } = scripted([good]);
  await readiness.current();
  pass(10 * 86_400_000);
  assert.equal(await readiness.current(), good);
  assert.equal(runs(), 1);
});

test('a failed report holds for 30 seconds, then the checks run again', async () => {
  const { readiness, runs, pass } = scripted([bad, good]);
  assert.equal((await readiness.current()).ok, false);
  pass(29_999);
  assert.equal((await readiness.current()).ok, false);
  assert.equal(runs(), 1);
  pass(1);
  assert.equal((await readiness.current()).ok, true);
});

test('doctor runs the checks at once, and what it finds counts', async () => {
  const { readiness } = scripted([good, bad]);
  await readiness.current();
  assert.equal((await readiness.refresh()).ok, false);
  assert.equal((await readiness.current()).ok, false);
});

test('many callers share one run', async () => {
  const { readiness, runs } = scripted([good]);
  await Promise.all(Array.from({ length: 20 }, () => readiness.refresh()));
  assert.equal(runs(), 1);
});

test('with validation off nothing is asked', async () => {
  const readiness = createReadiness({
    validate: false,
    clock: { now: () => 0 },
    run: () => assert.fail('asked'),
  });
  assert.deepEqual(await readiness.current(), { ok: true, checks: [] });
});

test('warnings alone leave the report good', () => {
  assert.ok(report([failed('a', 'BATCHING_DEFAULT', { message: 'm', warning: true })]).ok);
});

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('a host that listens is reached, a closed port is told as such', async () => {
  const server = createServer();
  const port = await listening(server);
  assert.ok((await createNetworkProbe().reach(`http://127.0.0.1:${port}`)).ok);
  server.close();
  await once(server, 'close');
  const check = await createNetworkProbe().reach(`http://127.0.0.1:${port}`);
  assert.equal(check.code, 'TCP_FAILED');
  assert.match(check.message, /ECONNREFUSED/);
});

test('a name that does not exist is told as such', async () => {
  const probe = createNetworkProbe(async (host) => {
    throw new Error(`getaddrinfo ENOTFOUND ${host}`);
  });
  const check = await probe.reach('https://gone.example');
  assert.equal(check.code, 'DNS_FAILED');
  assert.match(check.message, /ENOTFOUND/);
});

test('a server that speaks no TLS is told as such', async () => {
  const server = createServer((socket) => socket.end('hello\n'));
  const port = await listening(server);
  assert.equal((await createNetworkProbe().reach(`https://127.0.0.1:${port}`)).code, 'TLS_FAILED');
  server.close();
});

test('the proxy is asked for the host, and its refusal is told', async () => {
  const asked: string[] = [];
  const target = createServer();
  const targetPort = await listening(target);
  const proxy = createHttpServer();
  proxy.on('connect', (request, socket) => {
    asked.push(request.url ?? '');
    socket.end(asked.length === 1 ? 'HTTP/1.1 200 OK\r\n\r\n' : 'HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  const proxyUrl = `http://127.0.0.1:${await listening(proxy)}`;
  const probe = createNetworkProbe();
  assert.equal(
    (await probe.reach(`http://127.0.0.1:${targetPort}`, proxyUrl)).message,
    'reached through the proxy',
  );
  const refused = await probe.reach(`http://127.0.0.1:${targetPort}`, proxyUrl);
  assert.equal(refused.code, 'PROXY_FAILED');
  assert.match(refused.message, /403/);
  assert.deepEqual(asked, [`127.0.0.1:${targetPort}`, `127.0.0.1:${targetPort}`]);
  target.close();
  proxy.close();
});
