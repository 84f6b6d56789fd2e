/**
 * Stands for the work of the activities and for the world outside. An activity lasts until the test lets it through
 * (a line in gates.txt), and each run of it has a result of its own.
 */
export const DOCS_WORK = `
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { record } from './recorder.js';

const read = (file) => { try { return readFileSync(file, 'utf8').split('\\n'); } catch { return []; } };
export const happened = (what) => read('gates.txt').some((line) => line === '*' || line === what);

export async function work(name) {
  const run = randomBytes(4).toString('hex');
  record({ begun: name, run });
  while (!happened(name)) await wait(10);
  record({ ended: name, run });
  return { name, run };
}

/** Fails the first time it is asked. */
export function failOnce(name) {
  if (read('out.jsonl').some((line) => line.includes('"refused":' + JSON.stringify(name)))) return;
  record({ refused: name });
  throw new Error(name + ' is busy');
}
`;

/** The eight patterns of the documentation of durable-functions, written as there. */
export const DOCS_APP = `
import { app } from '@azure/functions';
import * as df from 'durable-functions';
import { failOnce, happened, work } from './work.js';

const secondsFrom = (date, seconds) => new Date(date.getTime() + seconds * 1000);

// 1. Function chaining
df.app.activity('sayHello', { handler: (city) => work('sayHello ' + city) });
df.app.orchestration('helloSequence', function* (context) {
  const outputs = [];
  outputs.push(yield context.df.callActivity('sayHello', 'Tokyo'));
  outputs.push(yield context.df.callActivity('sayHello', 'Seattle'));
  outputs.push(yield context.df.callActivity('sayHello', 'Cairo'));
  return outputs;
});

// 2. Fan-out, fan-in
df.app.activity('getFileList', { handler: async (root) => ({ ...(await work('list ' + root)), files: ['a', 'b', 'c', 'd', 'e', 'f'] }) });
df.app.activity('copyFileToBlob', { handler: async (file) => ({ ...(await work('copy ' + file)), bytes: 10 }) });
df.app.orchestration('backupSiteContent', function* (context) {
  const rootDirectory = context.df.getInput();
  if (!rootDirectory) throw new Error('A directory path is required as an input.');
  const list = yield context.df.callActivity('getFileList', rootDirectory);
  const tasks = [];
  for (const file of list.files) tasks.push(context.df.callActivity('copyFileToBlob', file));
  const results = yield context.df.Task.all(tasks);
  const totalBytes = results.reduce((sum, { bytes }) => sum + bytes, 0);
  return { list, results, totalBytes };
});

// 3. Monitor
df.app.activity('getJobStatus', { handler: async (look) => ({ ...(await work('look ' + look)), status: happened('job done') ? 'Completed' : 'Running' }) });
df.app.activity('sendAlert', { handler: (jobId) => work('alert ' + jobId) });
df.app.orchestration('monitorJob', function* (context) {
  const { jobId, pollingInterval, expirySeconds } = context.df.getInput();
  const expiryTime = secondsFrom(context.df.currentUtcDateTime, expirySeconds);
  const looks = [];
  while (context.df.currentUtcDateTime.getTime() < expiryTime.getTime()) {
    const job = yield context.df.callActivity('getJobStatus', looks.length);
    looks.push(job);
    if (job.status === 'Completed') {
      const alert = yield context.df.callActivity('sendAlert', jobId);
      return { looks, alert };
    }
    const nextCheck = secondsFrom(context.df.currentUtcDateTime, pollingInterval);
    yield context.df.createTimer(nextCheck);
  }
  return 'expired';
});

// 4. Human interaction with a timeout
df.app.activity('requestApproval', { handler: (name) => work('request ' + name) });
df.app.activity('processApproval', { handler: (name) => work('process ' + name) });
df.app.activity('escalate', { handler: (name) => work('escalate ' + name) });
df.app.orchestration('approvalWorkflow', function* (context) {
  const { name, seconds } = context.df.getInput();
  const request = yield context.df.callActivity('requestApproval', name);
  const dueTime = secondsFrom(context.df.currentUtcDateTime, seconds);
  const durableTimeout = context.df.createTimer(dueTime);
  const approvalEvent = context.df.waitForExternalEvent('ApprovalEvent');
  context.df.setCustomStatus('waiting');
  const winner = yield context.df.Task.any([approvalEvent, durableTimeout]);
  if (winner !== approvalEvent) return { request, escalated: yield context.df.callActivity('escalate', name) };
  durableTimeout.cancel();
  return { request, event: approvalEvent.result, processed: yield context.df.callActivity('processApproval', name) };
});
df.app.activity('sendSmsChallenge', { handler: async (phone) => ({ ...(await work('sms ' + phone)), code: 4711 }) });
df.app.orchestration('smsPhoneVerification', function* (context) {
  const phoneNumber = context.df.getInput();
  const challenge = yield context.df.callActivity('sendSmsChallenge', phoneNumber);
  const timeoutTask = context.df.createTimer(secondsFrom(context.df.currentUtcDateTime, 90));
  let authorized = false;
  for (let i = 0; i <= 3; i++) {
    context.df.setCustomStatus('attempt ' + i);
    const challengeResponseTask = context.df.waitForExternalEvent('SmsChallengeResponse');
    const winner = yield context.df.Task.any([challengeResponseTask, timeoutTask]);
    if (winner !== challengeResponseTask) break;
    if (challengeResponseTask.result === challenge.code) { authorized = true; break; }
  }
  if (!timeoutTask.isCompleted) timeoutTask.cancel();
  return { challenge, authorized };
});

// 5. Sub-orchestrations with retry
df.app.activity('getNewDeviceIds', { handler: async () => ({ ...(await work('ids')), ids: ['left', 'right'] }) });
df.app.activity('createSession', { handler: (id) => work('session ' + id) });
df.app.activity('installPackages', { handler: (id) => { failOnce('install ' + id); return work('install ' + id); } });
df.app.orchestration('deviceProvisioning', function* (context) {
  const deviceId = context.df.getInput();
  const session = yield context.df.callActivity('createSession', deviceId);
  const installed = yield context.df.callActivity('installPackages', deviceId);
  return { session, installed };
});
df.app.orchestration('provisionNewDevices', function* (context) {
  const found = yield context.df.callActivity('getNewDeviceIds');
  const retryOptions = new df.RetryOptions(4000, 5);
  const tasks = found.ids.map((id) => context.df.callSubOrchestratorWithRetry('deviceProvisioning', retryOptions, id, context.df.instanceId + ':' + id));
  return { found, devices: yield context.df.Task.all(tasks) };
});

// 6. Eternal orchestration
df.app.activity('doCleanup', { handler: async (round) => ({ ...(await work('clean ' + round)), isLast: happened('cleaning stops') }) });
df.app.orchestration('periodicCleanup', function* (context) {
  const done = context.df.getInput() ?? [];
  const cleanup = yield context.df.callActivity('doCleanup', done.length);
  done.push(cleanup);
  if (cleanup.isLast) return done;
  const nextCleanup = secondsFrom(context.df.currentUtcDateTime, 3);
  yield context.df.createTimer(nextCleanup);
  context.df.continueAsNew(done);
});

// 7. Entity
df.app.entity('Counter', (context) => {
  const currentValue = context.df.getState(() => 0);
  switch (context.df.operationName) {
    case 'add': context.df.setState(currentValue + context.df.getInput()); break;
    case 'reset': context.df.setState(0); break;
    case 'get': context.df.return(currentValue); break;
  }
});
df.app.activity('readMeter', { handler: (n) => work('meter ' + n) });
df.app.orchestration('countMeters', function* (context) {
  const entityId = new df.EntityId('Counter', 'meters');
  const readings = [];
  for (let n = 0; n < 3; n++) {
    readings.push(yield context.df.callActivity('readMeter', n));
    yield context.df.callEntity(entityId, 'add', 100);
    context.df.signalEntity(entityId, 'add', 10);
  }
  return { readings, value: yield context.df.callEntity(entityId, 'get') };
});

// 8. Async HTTP API
df.app.activity('longStep', { handler: (n) => work('step ' + n) });
df.app.orchestration('longJob', function* (context) {
  const steps = [];
  for (let n = 0; n < context.df.getInput().steps; n++) steps.push(yield context.df.callActivity('longStep', n));
  return steps;
});
app.http('httpStart', {
  route: 'orchestrators/{orchestratorName}',
  extraInputs: [df.input.durableClient()],
  handler: async (request, context) => {
    const client = df.getClient(context);
    const instanceId = await client.startNew(request.params.orchestratorName, { input: await request.json() });
    context.log('Started orchestration with ID = ' + instanceId);
    return client.createCheckStatusResponse(request, instanceId);
  },
});
`;
