/** A function app in the style of the durable-functions documentation; plain use of the library, nothing host-specific. */
export const DURABLE_APP = `
import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { record } from './recorder.js';

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// Chaining
df.app.activity('sayHello', { handler: (city) => { record({ hello: city }); return 'Hello ' + city; } });
df.app.orchestration('chain', function* (context) {
  const outputs = [];
  for (const city of context.df.getInput() ?? ['Tokyo', 'Seattle', 'London']) outputs.push(yield context.df.callActivity('sayHello', city));
  return outputs;
});

// Timers
df.app.orchestration('sleepy', function* (context) {
  const before = context.df.currentUtcDateTime;
  yield context.df.createTimer(new Date(before.getTime() + context.df.getInput()));
  return context.df.currentUtcDateTime.getTime() - before.getTime();
});

// Fan-out, fan-in
df.app.activity('square', { handler: async ({ n, ms }) => { record({ square: n, at: Date.now() }); await wait(ms ?? 0); record({ squared: n, at: Date.now() }); return n * n; } });
df.app.orchestration('fan', function* (context) {
  const { count, ms } = context.df.getInput();
  const tasks = [];
  for (let n = 0; n < count; n += 1) tasks.push(context.df.callActivity('square', { n, ms }));
  const squares = yield context.df.Task.all(tasks);
  return squares.reduce((sum, one) => sum + one, 0);
});

// Async HTTP API
app.http('start', { route: 'orchestrators/{name}', methods: ['POST'], extraInputs: [df.input.durableClient()], handler: async (request, context) => {
  const client = df.getClient(context);
  const text = await request.text();
  const id = await client.startNew(request.params.name, { instanceId: request.query.get('id') ?? undefined, input: text ? JSON.parse(text) : undefined });
  return client.createCheckStatusResponse(request, id);
} });
df.app.client.http('startAndWait', { route: 'wait/{name}', methods: ['POST'], handler: async (request, client) => {
  const text = await request.text();
  const id = await client.startNew(request.params.name, { input: text ? JSON.parse(text) : undefined });
  return client.waitForCompletionOrCreateCheckStatusResponse(request, id, { timeoutInMilliseconds: Number(request.query.get('timeout') ?? 20000), retryIntervalInMilliseconds: 50 });
} });
df.app.client.http('client', { route: 'client/{method}', methods: ['POST'], handler: async (request, client) => {
  try { return { jsonBody: { value: await client[request.params.method](...(await request.json()).map(revive)) ?? null } }; }
  catch (error) { return { status: 400, jsonBody: { message: error.message } }; }
} });
const revive = (value) => {
  if (typeof value?.createdTimeFrom === 'string') value.createdTimeFrom = new Date(value.createdTimeFrom);
  return value;
};

// Monitor
let looks = 0;
df.app.activity('lookUp', { handler: () => { looks += 1; return looks >= 3 ? 'ready' : 'working'; } });
df.app.orchestration('monitor', function* (context) {
  const end = new Date(context.df.currentUtcDateTime.getTime() + 60_000);
  while (context.df.currentUtcDateTime < end) {
    const state = yield context.df.callActivity('lookUp');
    context.df.setCustomStatus({ state });
    if (state === 'ready') return 'done';
    yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + 50));
  }
  return 'late';
});

// Human interaction
df.app.orchestration('approval', function* (context) {
  const { ms } = context.df.getInput();
  yield context.df.callActivity('sayHello', 'approver');
  const due = context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + ms));
  const approval = context.df.waitForExternalEvent('Approval');
  context.df.setCustomStatus('waiting');
  const winner = yield context.df.Task.any([approval, due]);
  if (winner === approval) { due.cancel(); return { approved: approval.result }; }
  return 'escalated';
});
df.app.orchestration('twoEvents', function* (context) {
  yield context.df.callActivity('sayHello', 'first');
  const first = yield context.df.waitForExternalEvent('E');
  const second = yield context.df.waitForExternalEvent('E');
  return [first, second];
});

// Sub-orchestrations and retries
const attempts = new Map();
df.app.activity('flaky', { handler: ({ key, times }) => {
  const attempt = (attempts.get(key) ?? 0) + 1;
  attempts.set(key, attempt);
  record({ flaky: key, attempt, at: Date.now() });
  if (attempt <= times) throw new Error('attempt ' + attempt + ' of ' + key);
  return attempt;
} });
df.app.orchestration('child', function* (context) {
  record({ child: context.df.instanceId, parent: context.df.parentInstanceId });
  return yield context.df.callActivity('flaky', context.df.getInput());
});
df.app.orchestration('parent', function* (context) {
  const { key, times, max } = context.df.getInput();
  const retry = new df.RetryOptions(20, max);
  retry.backoffCoefficient = 2;
  const answer = yield context.df.callSubOrchestratorWithRetry('child', retry, { key, times });
  const after = yield context.df.callActivity('sayHello', 'after');
  return [answer, after];
});
df.app.orchestration('retries', function* (context) {
  const retry = new df.RetryOptions(20, 3);
  const id = context.df.instanceId;
  const tasks = [
    context.df.callActivityWithRetry('flaky', retry, { key: id + 'a', times: 2 }),
    context.df.callActivityWithRetry('flaky', retry, { key: id + 'b', times: 1 }),
    context.df.callActivity('sayHello', 'between'),
  ];
  const all = yield context.df.Task.all(tasks);
  let caught = '';
  try { yield context.df.callActivityWithRetry('flaky', retry, { key: id + 'c', times: 9 }); }
  catch (error) { caught = error.message; }
  const after = yield context.df.callActivity('sayHello', 'after');
  return { all, caught, after };
});
df.app.orchestration('shortRetry', function* (context) {
  const retry = new df.RetryOptions(100, 50);
  retry.retryTimeoutInMilliseconds = 250;
  try { yield context.df.callActivityWithRetry('flaky', retry, { key: context.df.instanceId, times: 99 }); }
  catch (error) { const after = yield context.df.callActivity('sayHello', 'after'); return after; }
});
df.app.orchestration('broken', function* (context) {
  yield context.df.callActivity('sayHello', 'before');
  context.df.setCustomStatus('going to fail');
  throw new Error('on purpose');
});
df.app.orchestration('family', function* (context) {
  const kids = [1, 2, 3].map((n) => context.df.callSubOrchestrator('grandchild', 'k' + n, context.df.instanceId + '-' + n));
  return yield context.df.Task.all(kids);
});
df.app.orchestration('grandchild', function* (context) {
  return (yield context.df.callActivity('sayHello', context.df.getInput())) + ' ' + context.df.parentInstanceId;
});
let mended = false;
df.app.activity('mend', { handler: () => { mended = true; } });
df.app.activity('untilMended', { handler: (name) => { record({ untilMended: name }); if (!mended) throw new Error('not mended'); return 'ok ' + name; } });
df.app.orchestration('mender', function* (context) { yield context.df.callActivity('mend'); });
df.app.orchestration('rewindChild', function* (context) { return yield context.df.callActivity('untilMended', 'child'); });
df.app.orchestration('rewindable', function* (context) {
  const first = yield context.df.callActivity('sayHello', 'rewind');
  const [a, b] = yield context.df.Task.all([context.df.callActivity('untilMended', 'own'), context.df.callSubOrchestrator('rewindChild')]);
  const last = yield context.df.callActivity('sayHello', 'end');
  return [first, a, b, last];
});

// Eternal
df.app.orchestration('eternal', function* (context) {
  const { turn, heard } = context.df.getInput();
  const event = yield context.df.waitForExternalEvent('Next');
  if (turn >= 2) return [...heard, event];
  context.df.continueAsNew({ turn: turn + 1, heard: [...heard, event] });
});
df.app.orchestration('countDown', function* (context) {
  const text = context.df.getInput();
  if (text === 'xxx') return text;
  yield context.df.callActivity('sayHello', text);
  context.df.continueAsNew(text + 'x');
});

// Entities
df.app.entity('Counter', (context) => {
  const value = context.df.getState(() => 0);
  switch (context.df.operationName) {
    case 'add': context.df.setState(value + context.df.getInput()); break;
    case 'reset': context.df.setState(0); break;
    case 'get': context.df.return(value); break;
    case 'delete': context.df.destructOnExit(); break;
    case 'fail': throw new Error('no such thing');
    case 'tell': context.df.signalEntity(new df.EntityId('Counter', context.df.getInput()), 'add', value); break;
  }
});
df.app.orchestration('counting', function* (context) {
  const counter = new df.EntityId('Counter', context.df.getInput());
  context.df.signalEntity(counter, 'add', 2);
  context.df.signalEntity(counter, 'add', 3);
  const before = yield context.df.callActivity('sayHello', 'counter');
  const value = yield context.df.callEntity(counter, 'get');
  let failed = false;
  try { yield context.df.callEntity(counter, 'fail'); } catch { failed = true; }
  return [before, value, failed];
});
df.app.orchestration('transfer', function* (context) {
  const { from, to, amount } = context.df.getInput();
  const source = new df.EntityId('Counter', from), target = new df.EntityId('Counter', to);
  const lock = yield context.df.lock(source, target);
  let moved = 0;
  const value = yield context.df.callEntity(source, 'get');
  if (value >= amount) {
    yield context.df.callEntity(source, 'add', -amount);
    yield context.df.callActivity('sayHello', 'in between');
    yield context.df.callEntity(target, 'add', amount);
    moved = amount;
  }
  lock.release();
  yield context.df.callActivity('sayHello', 'end');
  return moved;
});

// HTTP calls
df.app.orchestration('httpCall', function* (context) {
  const { url } = context.df.getInput();
  const answer = yield context.df.callHttp({ method: 'POST', url, body: { a: 1 }, headers: { 'x-test': 'y' } });
  const after = yield context.df.callActivity('sayHello', 'after');
  return [answer.statusCode, answer.content, after];
});
app.http('slow', { handler: async (request) => {
  if (request.method === 'POST') return { status: 202, headers: { location: '/api/slow?left=2', 'retry-after': '0' } };
  const left = Number(request.query.get('left'));
  if (left > 0) return { status: 202, headers: { location: '/api/slow?left=' + (left - 1), 'retry-after': '0' } };
  return { status: 200, body: 'finished' };
} });

// Large payloads
df.app.activity('big', { handler: (size) => 'x'.repeat(size) });
df.app.orchestration('large', function* (context) {
  const text = yield context.df.callActivity('big', 200_000);
  const again = yield context.df.callActivity('measure', text);
  return { again, given: context.df.getInput().length, text };
});
df.app.activity('measure', { handler: (text) => text.length });
df.app.setExceptionPropertiesProvider({ getExceptionProperties: (error) => error.code ? { code: error.code } : undefined });
df.app.activity('coded', { handler: () => { throw Object.assign(new TypeError('bad thing'), { code: 42 }); } });
df.app.orchestration('details', function* (context) {
  try { yield context.df.callActivity('coded'); }
  catch (error) { return { name: error.name, type: error.failureDetails.errorType, text: error.failureDetails.errorMessage, code: error.failureDetails.properties.code }; }
});
df.app.activity('echo', { handler: (value) => value });
df.app.orchestration('guids', function* (context) {
  const ids = [context.df.newGuid(context.df.instanceId), context.df.newGuid(context.df.instanceId)];
  const told = yield context.df.callActivity('echo', ids);
  return { same: told.join() === ids.join(), different: ids[0] !== ids[1] };
});
df.app.orchestration('versioned', function* (context) { yield context.df.callActivity('echo', 1); return context.df.version; });
df.app.orchestration('values', function* (context) {
  const out = [];
  for (const value of ['text', '123', '', 0, 12.5, true, null, [1, 'a'], { deep: { er: 1 } }, '{"a":1}']) out.push(yield context.df.callActivity('echo', value));
  out.push((yield context.df.callActivity('echo')) ?? 'nothing');
  return out;
});
`;
