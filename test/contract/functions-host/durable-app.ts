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
/*MORE*/
`;
