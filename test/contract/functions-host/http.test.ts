import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type RunningHost, startHostProcess, writeApp } from './app-host.js';

const ESM_APP = `
import { app } from '@azure/functions';
app.http('echo', {
  methods: ['POST', 'GET'], route: 'echo/{kind:alpha}/{id:int?}',
  handler: async (request, context) => ({
    status: 201,
    headers: { 'x-kind': request.params.kind },
    cookies: [{ name: 'a', value: 'b', path: '/', httpOnly: true, sameSite: 'Lax' }],
    jsonBody: { body: await request.text(), id: request.params.id ?? null, query: request.query.get('q'),
      agent: request.headers.get('x-agent'), url: request.url, method: request.method,
      metadata: context.triggerMetadata ?? null, trace: context.traceContext.traceParent,
      functionName: context.functionName, hasId: context.invocationId.length === 36 },
  }),
});
app.http('literal', { route: 'echo/fixed', handler: () => ({ body: 'fixed' }) });
app.http('rest', { route: 'files/{*path}', handler: (request) => ({ body: request.params.path ?? '' }) });
app.http('fails', { handler: () => { throw new Error('broken on purpose'); } });
app.http('nothing', { handler: () => undefined });
app.http('bytes', { methods: ['POST'], handler: async (request) => ({ body: Buffer.from(await request.arrayBuffer()) }) });
`;

describe('buffered HTTP in an ES module app', () => {
  let host: RunningHost;
  const app = writeApp({ files: { 'app.js': ESM_APP } });
  before(async () => {
    host = await startHostProcess(app.folder);
  });
  after(async () => {
    await host.stop();
    app.remove();
  });

  test('request and answer pass whole', async () => {
    const response = await fetch(`${host.url}/api/ECHO/abc/12?q=x%20y`, {
      method: 'POST',
      body: 'héllo',
      headers: { 'x-agent': 'me', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get('x-kind'), 'abc');
    assert.equal(response.headers.get('set-cookie'), 'a=b; Path=/; HttpOnly; SameSite=Lax');
    const body = (await response.json()) as Record<string, unknown>;
    assert.match(String(body['trace']), /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    assert.deepEqual(
      { ...body, trace: undefined },
      {
        body: 'héllo',
        id: '12',
        query: 'x y',
        agent: 'me',
        url: `${host.url}/api/ECHO/abc/12?q=x%20y`,
        method: 'POST',
        metadata: null,
        trace: undefined,
        functionName: 'echo',
        hasId: true,
      },
    );
  });

  test('binary bodies arrive unchanged', async () => {
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_value, index) => index % 256));
    const response = await fetch(`${host.url}/api/bytes`, { method: 'POST', body: bytes });
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
  });

  test('the more specific route wins and catch-alls take the rest', async () => {
    assert.equal(await (await fetch(`${host.url}/api/echo/fixed`)).text(), 'fixed');
    assert.equal(await (await fetch(`${host.url}/api/files/a/b%20c/d`)).text(), 'a/b c/d');
  });

  test('wrong method, broken constraint and unknown path are 404 as in Azure', async () => {
    const answers = await Promise.all([
      fetch(`${host.url}/api/bytes`),
      fetch(`${host.url}/api/echo/abc/notanumber`),
      fetch(`${host.url}/api/unknown`),
      fetch(`${host.url}/echo/abc`),
    ]);
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [404, 404, 404, 404],
    );
  });

  test('a throwing function answers 500 and one without a result 204', async () => {
    assert.equal((await fetch(`${host.url}/api/fails`)).status, 500);
    assert.equal((await fetch(`${host.url}/api/nothing`)).status, 204);
    assert.ok(
      host.log.some(
        (line) =>
          line.includes('[error] Function.fails') && line.includes("Executed 'Functions.fails' (Failed"),
      ),
    );
  });

  test('the admin API lists functions with their bindings', async () => {
    const list = (await (await fetch(`${host.admin}/functions`)).json()) as {
      name: string;
      config: { bindings: { type: string }[] };
    }[];
    assert.deepEqual(list.map(({ name }) => name).sort(), [
      'bytes',
      'echo',
      'fails',
      'literal',
      'nothing',
      'rest',
    ]);
    assert.deepEqual(
      list[0]?.config.bindings.map(({ type }) => type),
      ['httpTrigger', 'http'],
    );
    assert.equal((await fetch(`${host.admin}/host/ping`)).status, 200);
    assert.equal((await host.status()).state, 'Running');
  });
});
