import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, describe, test } from 'node:test';
import { type AppFiles, eventually, runToEnd, startHostProcess, writeApp } from './app-host.js';
import { lines, RECORDER } from './recorder.js';

describe('function app', () => {
  const cleanups: (() => unknown)[] = [];
  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  async function run(app: AppFiles, env: Record<string, string> = {}) {
    const written = writeApp(app);
    const host = await startHostProcess(written.folder, { env });
    cleanups.push(written.remove, () => host.process.exitCode ?? host.kill());
    return { host, folder: written.folder };
  }

  test('a CommonJS app with a glob as main loads every file', async () => {
    const file = (name: string) => `
      const { app } = require('@azure/functions');
      app.http('${name}', { handler: async () => ({ body: '${name}' }) });`;
    const { host } = await run({
      packageJson: { type: 'commonjs', main: 'src/{index,functions/*}.js' },
      files: {
        'src/index.js': '',
        'src/functions/a.js': file('a'),
        'src/functions/b.js': file('b'),
        'src/other.js': 'throw 1',
      },
    });
    assert.equal(await (await fetch(`${host.url}/api/a`)).text(), 'a');
    assert.equal(await (await fetch(`${host.url}/api/b`)).text(), 'b');
  });

  test('settings come from Values, the environment wins, and a function can be disabled', async () => {
    const { host } = await run(
      {
        hostJson: { extensions: { http: { routePrefix: 'v1' } } },
        values: { FROM_FILE: 'file', BOTH: 'file', ROUTE: 'place', 'AzureWebJobs.off.Disabled': 'true' },
        files: {
          'app.js': `
            import { app } from '@azure/functions';
            app.http('values', { route: '%ROUTE%/x', handler: () => ({ jsonBody: [process.env.FROM_FILE, process.env.BOTH, process.env.WEBSITE_HOSTNAME, process.cwd()] }) });
            app.http('off', { handler: () => ({}) });`,
        },
      },
      { BOTH: 'environment' },
    );
    const [fromFile, both, hostname] = (await (await fetch(`${host.url}/v1/place/x`)).json()) as string[];
    assert.deepEqual([fromFile, both, hostname], ['file', 'environment', new URL(host.url).host]);
    assert.equal((await fetch(`${host.url}/v1/off`)).status, 404);
    const list = (await (await fetch(`${host.admin}/functions`)).json()) as {
      name: string;
      isDisabled: boolean;
    }[];
    assert.deepEqual(
      list.map(({ name, isDisabled }) => [name, isDisabled]),
      [
        ['values', false],
        ['off', true],
      ],
    );
  });

  test('hooks run in order, share data and can replace inputs and results', async () => {
    const { host, folder } = await run({
      files: {
        'recorder.js': RECORDER,
        'app.js': `
          import { app } from '@azure/functions';
          import { record } from './recorder.js';
          app.hook.appStart(() => record('start'));
          app.hook.appTerminate(() => record('end'));
          app.hook.preInvocation((hook) => { hook.hookData.seen = 'yes'; const inner = hook.functionHandler;
            hook.functionHandler = async (...all) => ({ body: 'wrapped ' + (await inner(...all)).body }); });
          app.hook.postInvocation((hook) => { record(hook.hookData.seen); hook.result.headers = { 'x-post': '1' }; });
          app.hook.log((hook) => { if (hook.category === 'user') hook.message = '<' + hook.message + '>'; });
          app.http('hooked', { handler: (request, context) => { context.warn('careful', 1); return { body: 'inner' }; } });`,
      },
    });
    const response = await fetch(`${host.url}/api/hooked`);
    assert.equal(await response.text(), 'wrapped inner');
    assert.equal(response.headers.get('x-post'), '1');
    assert.ok(host.log.some((line) => line.endsWith('[warning] Function.hooked.User: <careful 1>')));
    assert.equal(await host.stop(), 0);
    assert.deepEqual(lines(folder), ['start', 'yes', 'end']);
  });

  test('an unsupported binding is named, and the other functions run', async () => {
    const { host } = await run({
      files: {
        'app.js': `
          import { app, trigger } from '@azure/functions';
          app.generic('reader', { trigger: trigger.generic({ type: 'kafkaTrigger', topic: 't' }), handler: () => {} });
          app.eventHub('homeless', { connection: 'NOWHERE', eventHubName: 'x', handler: () => {} });
          app.http('fine', { handler: () => ({ body: 'fine' }) });`,
      },
    });
    const status = await host.status();
    assert.equal(status.state, 'Error');
    assert.match(status.errors.join('\n'), /"reader": binding type "kafkaTrigger"/);
    assert.match(status.errors.join('\n'), /"homeless": connection "NOWHERE" is not set/);
    assert.equal(await (await fetch(`${host.url}/api/fine`)).text(), 'fine');
    assert.equal(await host.stop(), 0);
  });

  test('an app that cannot be loaded leaves the host up with the reason', async () => {
    const { host } = await run({ files: { 'app.js': `throw new Error('broken at start');` } });
    const status = await host.status();
    assert.equal(status.state, 'Error');
    assert.match(status.errors.join(), /broken at start/);
    assert.deepEqual(status.workers, []);
    assert.equal((await fetch(`${host.url}/api/x`)).status, 404);
  });

  test('registering a function after start-up fails', async () => {
    const { host } = await run({
      files: {
        'app.js': `
          import { app } from '@azure/functions';
          app.http('late', { handler: () => { app.http('later', { handler: () => ({}) }); return {}; } });`,
      },
    });
    assert.equal((await fetch(`${host.url}/api/late`)).status, 500);
    assert.ok(host.log.some((line) => line.includes('after app start-up')));
  });

  test('the worker ends when its host is killed', async () => {
    const { host } = await run({
      files: { 'app.js': `import { app } from '@azure/functions'; app.http('x', { handler: () => ({}) });` },
    });
    const [worker] = (await host.status()).workers;
    await host.kill();
    await eventually('the end of the worker', () => {
      try {
        process.kill(worker?.pid ?? 0, 0);
        return false;
      } catch {
        return true;
      }
    });
  });

  test('a graceful stop answers the running request first', async () => {
    const { host } = await run({
      files: {
        'app.js': `
          import { app } from '@azure/functions';
          app.http('slow', { handler: async () => { await new Promise((done) => setTimeout(done, 700)); return { body: 'done' }; } });`,
      },
    });
    const answer = fetch(`${host.url}/api/slow`).then((response) => response.text());
    await eventually('the start', () => host.log.some((line) => line.includes("Executing 'Functions.slow'")));
    const code = host.stop();
    assert.equal(await answer, 'done');
    assert.equal(await code, 0);
  });
});

describe('command line', () => {
  test('--help prints the options and ends with 0', async () => {
    const { code, stdout } = await runToEnd(['--help']);
    assert.equal(code, 0);
    assert.match(stdout, /--drain-seconds/);
  });

  test('a taken port, a missing app and a wrong host.json end with 2 and say why', async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const app = writeApp({ files: { 'app.js': '' } });
    const wrong = writeApp({ hostJson: { extensions: { eventHubs: { maxEventBatchSize: 0 } } }, files: {} });
    try {
      const results = await Promise.all([
        runToEnd(['--app', app.folder, '--port', port]),
        runToEnd(['--app', '/nowhere', '--port', '0']),
        runToEnd(['--app', wrong.folder, '--port', '0']),
        runToEnd(['--prot', '1']),
      ]);
      assert.deepEqual(
        results.map(({ code }) => code),
        [2, 2, 2, 2],
      );
      assert.match(results[0]?.stderr ?? '', new RegExp(`port ${port} is in use`));
      assert.match(results[1]?.stderr ?? '', /no folder \/nowhere/);
      assert.match(results[2]?.stderr ?? '', /extensions\.eventHubs\.maxEventBatchSize is 0/);
    } finally {
      server.close();
      app.remove();
      wrong.remove();
    }
  });
});
