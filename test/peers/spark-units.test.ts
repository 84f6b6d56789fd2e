import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAllowList } from '../../src/config/allow-list.js';
import { KfError } from '../../src/runtime/errors.js';
import { advance } from '../../src/transactional/advance.js';
import { type FlowTask, type LoadFlow, runLoad } from '../../src/transactional/flow.js';
import { requireSchemaFits } from '../../src/transactional/plan.js';
import { parseLoadRequest } from '../../src/transactional/request.js';
import type { LoadProgress } from '../../src/transactional/steps/types.js';
import type { LoadOptions } from '../../src/transactional/types.js';

/** Options of the Spark connector whose meaning shows without a service. */
const STORAGE = [{ accountUrl: 'https://acct.blob.core.windows.net', access: 'account' as const }];
const rules = {
  allow: createAllowList(['D.*']),
  storage: STORAGE,
  allowSas: false,
  maxSources: 10,
  nowMs: Date.UTC(2026, 0, 1),
};
const plain = {
  database: 'D',
  table: 'T',
  format: 'csv',
  sources: [{ url: 'https://acct.blob.core.windows.net/cont/a.csv' }],
};
const optionsOf = (more: object): LoadOptions => parseLoadRequest({ ...plain, ...more }, rules).request;

const refused =
  (code: string, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof KfError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };

test('spark writeMode KustoStreaming: a load says which modes there are', () => {
  assert.throws(
    () => optionsOf({ writeMode: 'KustoStreaming' }),
    refused('REQUEST_INVALID', /writeMode: .*Transactional.*Queued/),
  );
  assert.equal(optionsOf({}).writeMode, 'Transactional');
});

test('spark adjustSchema FailIfNotMatch: the first column that differs is named', () => {
  const table = Object.entries({ n: 'long', name: 'string' });
  const check = (schema: object) => () =>
    requireSchemaFits(optionsOf({ adjustSchema: 'FailIfNotMatch', schema }), table);
  assert.doesNotThrow(check({ n: 'int64', name: 'string' }));
  assert.throws(
    check({ n: 'long', name: 'int' }),
    refused('LOAD_SCHEMA_MISMATCH', /column 1 is name:int .* name:string/),
  );
  assert.throws(check({ name: 'string', n: 'long' }), refused('LOAD_SCHEMA_MISMATCH', /column 0 is name/));
  assert.throws(check({ n: 'long' }), refused('LOAD_SCHEMA_MISMATCH', /1 columns .* has 2/));
});

test('spark adjustSchema NoAdjustment: the columns are not compared, and the table is never altered', () => {
  const options = optionsOf({ schema: { other: 'int' } });
  assert.equal(options.adjustSchema, 'NoAdjustment');
  assert.doesNotThrow(() => requireSchemaFits(options, [['n', 'long']]));
  assert.throws(
    () =>
      requireSchemaFits(optionsOf({ schema: { other: 'int' }, adjustSchema: 'GenerateDynamicMapping' }), [
        ['n', 'long'],
      ]),
    refused('LOAD_SCHEMA_MISMATCH', /D\.T has no column other/),
  );
});

test('spark timeoutLimit: two days unless the request says otherwise', () => {
  assert.equal(optionsOf({}).timeoutMs, 2 * 86_400_000);
  assert.equal(optionsOf({ timeoutMs: 60_000 }).timeoutMs, 60_000);
  const progress = progressAt('wait', { deadlineMs: 60_000 });
  assert.equal(advance(progress, { is: 'wait' }, 59_999).step, 'wait');
  const late = advance(progress, { is: 'wait' }, 60_000);
  assert.deepEqual(
    [late.step, late.undo?.as, late.undo?.error?.code],
    ['undo', 'rolledBack', 'LOAD_TIMED_OUT'],
  );
});

test('spark clientBatchingLimit: 300 MiB unless the request says otherwise', () => {
  assert.equal(optionsOf({}).clientBatchingLimitMb, 300);
  assert.equal(optionsOf({ clientBatchingLimitMb: 1024 }).clientBatchingLimitMb, 1024);
});

function progressAt(step: LoadProgress['step'], more: Partial<LoadProgress> = {}): LoadProgress {
  return { id: 'l', step, attempt: 0, waits: 0, restages: 0, deadlineMs: 1e12, waitMs: 0, ...more };
}

test('spark pollingOnDriver: nothing runs while a load waits', () => {
  const events: string[] = [];
  const task: FlowTask = { isCompleted: true };
  const flow: LoadFlow = {
    input: progressAt('wait'),
    nowMs: () => 0,
    callStep: ({ step }) => {
      events.push(`run ${step}`);
      return task;
    },
    timer: (untilMs) => {
      events.push(`sleep until ${untilMs}`);
      return { isCompleted: true, cancel: () => undefined };
    },
    cancelEvent: () => task,
    any: () => task,
    showStatus: () => undefined,
    continueAsNew: ({ step }) => events.push(`begin anew at ${step}`),
  };
  const running = runLoad(flow);
  running.next();
  running.next({ is: 'wait', afterMs: 8_000 });
  assert.ok(running.next().done);
  assert.deepEqual(events, ['run wait', 'sleep until 8000', 'begin anew at wait']);
});

test('spark IngestionService, persistent: after some minutes the load is undone under the service’s code', () => {
  let progress = progressAt('ingest');
  let waitedMs = 0;
  const error = { code: 'KUSTO_TRANSIENT', message: 'the ingest endpoint is not there' } as const;
  for (let tries = 0; progress.step === 'ingest' && tries < 100; tries++) {
    progress = advance(progress, { is: 'error', error, retryable: true }, 0);
    waitedMs += progress.waitMs;
  }
  assert.deepEqual([progress.step, progress.undo?.error?.code], ['undo', 'KUSTO_TRANSIENT']);
  assert.ok(waitedMs > 180_000 && waitedMs < 600_000, String(waitedMs));
  const throttled = advance(
    progressAt('ingest', { attempt: 13 }),
    { is: 'error', error: { code: 'KUSTO_THROTTLED', message: 'busy' }, retryable: true, throttled: true },
    0,
  );
  assert.deepEqual([throttled.step, throttled.attempt], ['ingest', 13]);
});

test('spark account key with abfss: such an address is refused with the one to write', () => {
  const load = (url: string) => () => optionsOf({ sources: [{ url }] });
  for (const url of [
    'abfss://c@acct.dfs.core.windows.net/a.csv',
    'wasbs://c@acct.blob.core.windows.net/a.csv',
  ]) {
    assert.throws(load(url), refused('REQUEST_INVALID', /write https:\/\/ACCOUNT\.blob\.core\.windows\.net/));
  }
  assert.throws(
    load('https://acct.blob.core.windows.net/cont/a.csv;c2VjcmV0'),
    refused('REQUEST_INVALID', /credentials/),
  );
});
