/** Orchestrations for what the documentation says beside its patterns: endings, events, locks, HTTP calls. */
export const BEHAVIOUR_APP = `
import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { existsSync } from 'node:fs';
import { record } from './recorder.js';

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const later = (context, ms) => new Date(context.df.currentUtcDateTime.getTime() + ms);

df.app.activity('slow', { handler: async (ms) => { record({ began: ms }); await wait(ms); record({ slept: ms }); return ms; } });
df.app.activity('atGate', { handler: async () => { while (!existsSync('gate')) await wait(10); record({ passed: true }); } });
df.app.activity('echo', { handler: (value) => value });
df.app.activity('measure', { handler: (text) => text.length });

// A timer against an event, over many generations
df.app.orchestration('listener', function* (context) {
  const { turns, heard } = context.df.getInput();
  const tick = context.df.createTimer(later(context, 5));
  const poke = context.df.waitForExternalEvent('Poke');
  const winner = yield context.df.Task.any([tick, poke]);
  if (winner === poke) { tick.cancel(); heard.push(poke.result); }
  if (turns <= 0) return heard;
  context.df.continueAsNew({ turns: turns - 1, heard });
});

// The same in one generation
df.app.orchestration('loop', function* (context) {
  const heard = [];
  while (!heard.includes('stop')) {
    const tick = context.df.createTimer(later(context, 40));
    const poke = context.df.waitForExternalEvent('Poke');
    const winner = yield context.df.Task.any([poke, tick]);
    if (winner === poke) { tick.cancel(); heard.push(poke.result); }
  }
  return heard;
});

df.app.orchestration('twoEvents', function* (context) {
  yield context.df.callActivity('echo', 'first');
  const first = yield context.df.waitForExternalEvent('E');
  const second = yield context.df.waitForExternalEvent('E');
  return [first, second];
});

// Endings
df.app.orchestration('firstOfTwo', function* (context) {
  const winner = yield context.df.Task.any([context.df.callActivity('echo', 'quick'), context.df.callActivity('atGate')]);
  return winner.result;
});
df.app.orchestration('forgottenTimer', function* (context) {
  const due = context.df.createTimer(later(context, context.df.getInput().ms));
  const done = context.df.callActivity('echo', 'quick');
  yield context.df.Task.any([done, due]);
  if (context.df.getInput().cancel) due.cancel();
  return 'over';
});
df.app.orchestration('asleep', function* (context) {
  const slept = yield context.df.callActivity('slow', 300);
  yield context.df.createTimer(later(context, 100));
  return slept;
});
df.app.orchestration('patient', function* (context) { return yield context.df.waitForExternalEvent('Go'); });
df.app.orchestration('parentOf', function* (context) {
  const { id, name } = context.df.getInput();
  try { return yield context.df.callSubOrchestrator(name, 'by parent', id); }
  catch (error) { return { caught: error.message }; }
});

// Long texts
df.app.orchestration('longWay', function* (context) {
  const { text, turns } = context.df.getInput();
  context.df.setCustomStatus(turns + text);
  const length = yield context.df.callActivity('measure', text);
  if (turns === 0) return length;
  context.df.continueAsNew({ text: text + turns, turns: turns - 1 });
});
df.app.entity('Text', (context) => context.df.setState('x'.repeat(context.df.getInput())));

// Locks
df.app.entity('Door', (context) => context.df.return(context.df.isNewlyConstructed));
df.app.orchestration('holder', function* (context) {
  const lock = yield context.df.lock(new df.EntityId('Door', 'a'), new df.EntityId('Door', 'b'));
  context.df.setCustomStatus('inside');
  yield context.df.waitForExternalEvent('Leave');
  lock.release();
  return 'left';
});

// HTTP calls
df.app.orchestration('request', function* (context) {
  try {
    const { statusCode, headers, content } = yield context.df.callHttp(context.df.getInput());
    return { statusCode, content, kind: headers['x-kind'] ?? null };
  } catch (error) { return { caught: error.message }; }
});
app.http('answer', { route: 'answer/{status}', methods: ['GET', 'PUT'], handler: async (request) => ({
  status: Number(request.params.status),
  headers: { 'x-kind': request.headers.get('x-ask') ?? 'none', location: '/api/answer/200' },
  body: request.method + ' ' + (await request.text()),
}) });
`;

/** An app that only calls the hub. */
export const CALLER_APP = `
import * as df from 'durable-functions';
df.app.client.http('raise', { route: 'raise/{id}/{name}', methods: ['POST'], handler: async (request, client) => {
  await client.raiseEvent(request.params.id, request.params.name, await request.json());
  return { status: 202 };
} });
`;
