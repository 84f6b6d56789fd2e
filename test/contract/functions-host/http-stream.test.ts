import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { eventually, type RunningHost, startHostProcess, writeApp } from './app-host.js';

const APP = `
import { app } from '@azure/functions';
app.setup({ enableHttpStream: true });
app.http('echo', { methods: ['POST'], route: 'echo/{name?}', handler: (request) => ({
  status: 202, body: request.body, headers: { 'x-name': request.params.name ?? '', 'x-query': request.query.get('q') ?? '',
    'x-agent': request.headers.get('x-agent') ?? '', 'x-url': request.url }, cookies: [{ name: 'a', value: 'b' }] }) });
app.http('early', { methods: ['POST'], handler: () => ({ status: 413, body: 'too much' }) });
app.http('fails', { methods: ['POST'], handler: () => { throw new Error('no'); } });
app.http('dies', { handler: () => process.kill(process.pid, 'SIGKILL') });
app.http('nothing', { handler: () => undefined });
app.http('get', { handler: (request) => ({ jsonBody: { got: request.query.getAll('x') } }) });
app.http('count', { methods: ['POST'], handler: async (request) => {
  let bytes = 0;
  for await (const chunk of request.body) bytes += chunk.length;
  return { jsonBody: { bytes } };
} });
`;

const MB = 1024 * 1024;

/** Highest resident size of a process so far, in MB. */
function peakMb(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

interface Echo {
  status: number;
  bytes: number;
}

/** Sends `total` bytes with back-pressure and counts what comes back. */
function sendMany(url: string, total: number): Promise<Echo> {
  return new Promise((resolve, reject) => {
    const chunk = Buffer.alloc(MB, 'x');
    const call = request(url, { method: 'POST' }, (response) => {
      let bytes = 0;
      response.on('data', (data: Buffer) => {
        bytes += data.length;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
      response.on('error', reject);
    });
    call.on('error', reject);
    let sent = 0;
    const pump = () => {
      while (sent < total) {
        sent += chunk.length;
        if (!call.write(chunk)) {
          call.once('drain', pump);
          return;
        }
      }
      call.end();
    };
    pump();
  });
}

describe('streamed HTTP', () => {
  let host: RunningHost;
  const app = writeApp({ files: { 'app.js': APP } });
  before(async () => {
    host = await startHostProcess(app.folder);
  });
  after(async () => {
    await host.stop();
    app.remove();
  });

  test('request and answer pass with route values, query, headers and cookies', async () => {
    const response = await fetch(`${host.url}/api/echo/joe?q=1`, {
      method: 'POST',
      body: 'hello',
      headers: { 'x-agent': 'me' },
    });
    assert.equal(response.status, 202);
    assert.deepEqual(
      ['x-name', 'x-query', 'x-agent', 'x-url', 'set-cookie'].map((name) => response.headers.get(name)),
      ['joe', '1', 'me', `${host.url}/api/echo/joe?q=1`, 'a=b'],
    );
    assert.equal(await response.text(), 'hello');
    const got = await (await fetch(`${host.url}/api/get?x=1&x=2`)).json();
    assert.deepEqual(got, { got: ['1', '2'] });
  });

  test('200 MB are echoed in bounded memory', { timeout: 120_000 }, async () => {
    const total = 200 * MB;
    assert.deepEqual(await sendMany(`${host.url}/api/echo`, total), { status: 202, bytes: total });
    const hostMb = peakMb(host.process.pid ?? 0);
    assert.ok(hostMb < 200, `host used ${hostMb} MB`);
  });

  test('an answer sent before the body was read reaches the caller', async () => {
    const { status } = await sendMany(`${host.url}/api/early`, 20 * MB);
    assert.equal(status, 413);
    assert.equal((await sendMany(`${host.url}/api/fails`, 5 * MB)).status, 500);
  });

  test('a function without a result answers 204', async () => {
    assert.equal((await fetch(`${host.url}/api/nothing`)).status, 204);
  });

  test('a worker that dies answers 500, and the next request is served by its successor', async () => {
    const before = (await host.status()).workers[0]?.pid;
    assert.equal((await fetch(`${host.url}/api/dies`)).status, 500);
    assert.equal((await fetch(`${host.url}/api/get`)).status, 200);
    const after = await eventually('another worker', async () => (await host.status()).workers[0]?.pid);
    assert.notEqual(after, before);
  });

  test('a caller that hangs up frees the function', async () => {
    const call = request(`${host.url}/api/count`, { method: 'POST' });
    call.on('error', () => undefined);
    call.write(Buffer.alloc(1000));
    await eventually('the start', () =>
      host.log.some((line) => line.includes("Executing 'Functions.count'")),
    );
    call.destroy();
    await eventually('the end', () =>
      host.log.some((line) => line.includes("Executed 'Functions.count' (Failed")),
    );
  });
});

test('FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is kept for streams too', async () => {
  const app = writeApp({
    values: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1000000' },
    files: { 'app.js': APP },
  });
  const host = await startHostProcess(app.folder);
  try {
    assert.equal((await sendMany(`${host.url}/api/count`, 4 * MB)).status, 413);
  } finally {
    await host.stop();
    app.remove();
  }
});
