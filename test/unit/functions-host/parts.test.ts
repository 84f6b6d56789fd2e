import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createChannel } from '../../../local/functions-host/framing.js';
import { readHostConfig } from '../../../local/functions-host/host-config.js';
import { formatCookie } from '../../../local/functions-host/http/buffered.js';
import {
  comparePrecedence,
  matchRoute,
  parseRouteTemplate,
} from '../../../local/functions-host/http/route-template.js';
import { minimumLevel } from '../../../local/functions-host/log.js';
import { readRetryPolicy, retryDelayMs } from '../../../local/functions-host/retry-policy.js';
import { connectionString, createSettings } from '../../../local/functions-host/settings.js';
import { parseTimeSpan } from '../../../local/functions-host/timespan.js';
import { parseSchedule } from '../../../local/functions-host/triggers/schedule.js';
import { decodeMessage } from '../../../local/functions-host/triggers/storage-queue.js';
import { globToRegExp } from '../../../local/functions-host/worker/app-files.js';

test('time spans are read as .NET writes them', () => {
  const cases: [string, number | undefined][] = [
    ['00:00:01', 1000],
    ['1.02:03:04.5', ((26 * 60 + 3) * 60 + 4) * 1000 + 500],
    ['00:30', 30 * 60_000],
    ['00:00:00.05', 50],
    ['24:00:00', undefined],
    ['00:60:00', undefined],
    ['five', undefined],
  ];
  for (const [text, ms] of cases) assert.equal(parseTimeSpan(text), ms, text);
});

describe('route templates', () => {
  const match = (template: string, path: string) =>
    matchRoute(parseRouteTemplate(template), path === '' ? [] : path.split('/'));

  test('match as ASP.NET routing does', () => {
    const cases: [string, string, Record<string, string> | undefined][] = [
      ['items/{id}', 'ITEMS/5', { id: '5' }],
      ['items/{id}', 'items', undefined],
      ['items/{id?}', 'items', {}],
      ['items/{id=7}', 'items', { id: '7' }],
      ['items/{id:int}', 'items/x', undefined],
      ['items/{id:int:min(3)}', 'items/2', undefined],
      ['items/{id:range(1,9)}', 'items/9', { id: '9' }],
      ['x/{a:length(2,3)}', 'x/abcd', undefined],
      ['x/{a:regex(^\\d{{2}}$)}', 'x/12', { a: '12' }],
      ['x/{a:regex(^\\d{{2}}$)}', 'x/123', undefined],
      ['x/{a:guid}', 'x/0f8fad5b-d9cb-469f-a165-70867728950e', { a: '0f8fad5b-d9cb-469f-a165-70867728950e' }],
      ['f/{*rest}', 'f/a/b', { rest: 'a/b' }],
      ['f/{*rest}', 'f', {}],
      ['f/{**rest}', 'f/a', { rest: 'a' }],
      ['f/{name}.{ext?}', 'f/a.b.txt', { name: 'a.b', ext: 'txt' }],
      ['f/{name}.{ext?}', 'f/a', { name: 'a' }],
      ['v{version:int}/x', 'v2/x', { version: '2' }],
      ['', '', {}],
      ['a', 'a/b', undefined],
    ];
    for (const [template, path, expected] of cases)
      assert.deepEqual(match(template, path), expected, `${template} ← ${path}`);
  });

  test('the more specific comes first', () => {
    const order = ['a/{*r}', 'a/{x}', 'a/b', 'a/{x:int}'].map(parseRouteTemplate).sort(comparePrecedence);
    assert.deepEqual(
      order.map(({ text }) => text),
      ['a/b', 'a/{x:int}', 'a/{x}', 'a/{*r}'],
    );
  });

  test('broken templates are refused with their text', () => {
    for (const template of ['a/{x', 'a/{x:nope}', '{*r}/a', 'a/{}', 'a/{x:length(b)}']) {
      assert.throws(
        () => parseRouteTemplate(template),
        (error: Error) => error.message.includes(template),
      );
    }
  });
});

describe('retry policy', () => {
  test('a fixed delay is kept and counted', () => {
    const policy = readRetryPolicy({
      retryStrategy: 'fixedDelay',
      maxRetryCount: 2,
      delayInterval: { seconds: 3 },
    });
    assert.ok(policy);
    assert.deepEqual(
      [1, 2, 3].map((retry) => retryDelayMs(policy, retry, 0.5)),
      [3000, 3000, undefined],
    );
  });

  test('exponential delays stay between both ends and -1 never ends', () => {
    const policy = readRetryPolicy({
      retryStrategy: 'exponentialBackoff',
      maxRetryCount: -1,
      minimumInterval: { seconds: 1 },
      maximumInterval: { seconds: 60 },
    });
    assert.ok(policy);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (retry, random) => {
          const delay = retryDelayMs(policy, retry, random) ?? Number.NaN;
          assert.ok(delay >= 1000 && delay <= 60_000);
        },
      ),
    );
    assert.equal(retryDelayMs(policy, 3, 0.5), 4000);
  });
});

describe('schedules', () => {
  const next = (schedule: string, after: string, tz?: string) =>
    new Date(parseSchedule(schedule, tz).nextMs(Date.parse(after))).toISOString();

  test('NCRONTAB, five fields, intervals and time zones', () => {
    assert.equal(next('*/10 * * * * *', '2026-01-01T00:00:01Z'), '2026-01-01T00:00:10.000Z');
    assert.equal(next('*/5 * * * *', '2026-01-01T00:00:01Z'), '2026-01-01T00:05:00.000Z');
    assert.equal(next('0 30 9 * * Mon-Fri', '2026-01-02T10:00:00Z'), '2026-01-05T09:30:00.000Z');
    assert.equal(next('00:15:00', '2026-01-01T00:00:01Z'), '2026-01-01T00:15:01.000Z');
    assert.equal(next('0 0 9 * * *', '2026-01-01T00:00:00Z', 'America/New_York'), '2026-01-01T14:00:00.000Z');
  });

  test('both day fields must fit, as in NCRONTAB', () => {
    assert.equal(next('0 0 0 13 * 5', '2026-01-01T00:00:00Z'), '2026-02-13T00:00:00.000Z');
    assert.equal(next('0 0 12 13 * Fri', '2026-02-13T12:00:00Z'), '2026-03-13T12:00:00.000Z');
  });

  test('other dialects and nonsense are refused', () => {
    for (const text of ['0 0 0 L * *', '0 0 0 * * ?', '* * *', 'hello', '0 0 25 * * *', '00:00:00']) {
      assert.throws(() => parseSchedule(text), /schedule/, text);
    }
  });
});

describe('settings', () => {
  const settings = createSettings(
    { A: 'env' },
    { A: 'file', 'Section:Key': 'v', Conn__fullyQualifiedNamespace: 'x' },
  );

  test('the environment wins, names match in any case, and placeholders are filled', () => {
    assert.equal(settings.get('a'), 'env');
    assert.equal(settings.get('section__key'), 'v');
    assert.equal(settings.resolve('x-%A%-%Section:Key%'), 'x-env-v');
    assert.throws(() => settings.resolve('%MISSING%'), /MISSING/);
  });

  test('identity-based connections are refused by name', () => {
    assert.throws(() => connectionString(settings, 'Conn'), /identity based/);
    assert.throws(() => connectionString(settings, 'Other'), /"Other" is not set/);
  });
});

test('host.json has the defaults of the extensions and names wrong values', () => {
  const config = readHostConfig({
    version: '2.0',
    extensions: { eventHubs: { prefetchCount: 9, webProxy: 'p' } },
  });
  assert.equal(config.functionTimeoutMs, 1_800_000);
  assert.equal(config.eventHubs.maxEventBatchSize, 100);
  assert.equal(config.eventHubs.prefetchCount, 9);
  assert.equal(config.queues.newBatchThreshold, 8);
  assert.deepEqual(config.notApplied, ['extensions.eventHubs.webProxy']);
  assert.equal(readHostConfig({ version: '2.0', functionTimeout: '-1' }).functionTimeoutMs, undefined);
  const wrong: [unknown, RegExp][] = [
    [{}, /version/],
    [{ version: '2.0', functionTimeout: 'soon' }, /functionTimeout/],
    [{ version: '2.0', extensions: { eventHubs: { minEventBatchSize: 200 } } }, /minEventBatchSize/],
    [
      { version: '2.0', extensions: { eventHubs: { initialOffsetOptions: { type: 'fromEnqueuedTime' } } } },
      /enqueuedTimeUtc/,
    ],
    [{ version: '2.0', extensions: { queues: { messageEncoding: 'hex' } } }, /messageEncoding/],
    [{ version: '2.0', logging: { logLevel: { default: 'loud' } } }, /logLevel\.default/],
  ];
  for (const [document, path] of wrong) assert.throws(() => readHostConfig(document), path);
});

test('messages of any size and cut arrive whole and in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }),
      fc.integer({ min: 1, max: 50 }),
      async (bodies, cut) => {
        const wire = new PassThrough();
        const far = new PassThrough();
        const received: Uint8Array[] = [];
        createChannel<{ bytes: Uint8Array }, never>(far).onMessage(({ bytes }) =>
          received.push(Buffer.from(bytes)),
        );
        const sender = createChannel<never, { bytes: Uint8Array }>(wire);
        const sent: Buffer[] = [];
        wire.removeAllListeners('data');
        wire.on('data', (chunk: Buffer) => sent.push(chunk));
        for (const bytes of bodies) sender.send({ bytes: Buffer.from(bytes) });
        await new Promise(setImmediate);
        const all = Buffer.concat(sent);
        for (let at = 0; at < all.length; at += cut) far.write(all.subarray(at, at + cut));
        await new Promise(setImmediate);
        assert.deepEqual(
          received,
          bodies.map((bytes) => Buffer.from(bytes)),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test('globs of package.json main match as the worker matches them', () => {
  const cases: [string, string, boolean][] = [
    ['dist/src/functions/*.js', 'dist/src/functions/a.js', true],
    ['dist/src/functions/*.js', 'dist/src/functions/b/a.js', false],
    ['src/**/*.js', 'src/a.js', true],
    ['src/**/*.js', 'src/a/b/c.js', true],
    ['src/{index,functions/*}.js', 'src/functions/x.js', true],
    ['src/{index,functions/*}.js', 'src/other.js', false],
    ['a?.js', 'ab.js', true],
    ['a.js', 'axjs', false],
  ];
  for (const [glob, path, expected] of cases)
    assert.equal(globToRegExp(glob).test(path), expected, `${glob} ${path}`);
});

test('cookies are written with all their attributes', () => {
  assert.equal(
    formatCookie({
      name: 'n',
      value: 'a b',
      domain: { value: 'd' },
      path: { value: '/' },
      expires: { value: { seconds: 0 } },
      maxAge: { value: 5 },
      secure: { value: true },
      httpOnly: { value: true },
      sameSite: 'explicitNone',
    }),
    'n=a%20b; Domain=d; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=5; Secure; HttpOnly; SameSite=None',
  );
});

test('queue bodies are decoded as host.json says', () => {
  assert.equal(decodeMessage('aGk=', 'base64')?.toString(), 'hi');
  assert.equal(decodeMessage('hi!', 'base64'), undefined);
  assert.equal(decodeMessage('aGk=', 'none')?.toString(), 'aGk=');
});

test('the longest category prefix decides the log level', () => {
  const levels = { default: 'warning', Function: 'error', 'Function.a': 'debug' } as const;
  assert.equal(minimumLevel(levels, 'Function.a.User'), 'debug');
  assert.equal(minimumLevel(levels, 'Function.ab'), 'error');
  assert.equal(minimumLevel(levels, 'Host.X'), 'warning');
  assert.equal(minimumLevel({}, 'x'), 'information');
});
