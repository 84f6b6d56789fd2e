import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Diagnosis, DiagnosisPoint } from '../../src/transactional/diagnosis.js';
import type { LoadDetails } from '../../src/transactional/view.js';
import { addFault, listFaults, passBatchingTime } from '../helpers/kusto-admin.js';
import { api, csvRows, makeTable, numbersIn, putBlobs, startLoadStack } from '../helpers/load-stack.js';
import { kustoCommand, kustoQuery, type Stack, until } from '../helpers/stack.js';

/**
 * What the options and the errors of the Spark connector have become, where it shows only with the service. All
 * loads run at once on one stack; each has tables of its own.
 */
const ODD_ROWS = '1,a\n2,b,c\n3\n';

const LOADS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Atomic: {},
  Hung: {},
  Late: { timeoutMs: 5_000 },
  Queued: { writeMode: 'Queued' },
  Missing: {},
  Made: { tableCreateOptions: 'CreateIfNotExist', schema: { n: 'long', name: 'string' } },
  Cut: { clientBatchingLimitMb: 1 },
  Kept: { tempTableName: 'KeptStaging', expectedRows: 11 },
  Emptied: { tempTableName: 'EmptiedStaging', tags: { ingestBy: ['day-1'] } },
  Named: { adjustSchema: 'GenerateDynamicCsvMapping', schema: { name: 'string', n: 'long' } },
  Unmoved: {},
  Passing: {},
  Refused: {},
  Forbidden: {},
};
/** Tables that loads do not find. */
const absent = new Set(['Missing', 'Made']);

let stack: Stack;
let pump: NodeJS.Timeout;
/** Counts of the table of the atomic load, while it ran. */
const seenRows = new Set<number>();
const begun: Record<string, { readonly status: number; readonly state: string }> = {};
const policiesWhileHung: Record<string, string> = {};
const faults: Record<string, string> = {};

async function blobsOf(name: string): Promise<object[]> {
  const odd = ['Queued', 'Refused'].includes(name);
  const second = odd ? ODD_ROWS : csvRows(10, 10);
  if (name === 'Cut') return [{ upload: await upload(name, csvRows(0, 150_000)) }];
  if (name === 'Named') return urls({ 'named/a.csv': 'row 0,0\nrow 1,1\n' });
  const first = `${name.toLowerCase()}/a.csv`;
  return urls({
    [first]: csvRows(0, 10),
    ...(name === 'Kept' ? {} : { [first.replace('a.', 'b.')]: second }),
  });
}

async function urls(blobs: Readonly<Record<string, string>>): Promise<object[]> {
  return (await putBlobs(stack, blobs)).map((url) => ({ url }));
}

async function upload(table: string, text: string): Promise<string> {
  const { json } = await api(stack, 'POST /uploads', { body: { database: 'Samples', table } });
  const { url, method, headers, uploadId } = json as unknown as {
    readonly url: string;
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly uploadId: string;
  };
  assert.equal((await fetch(url, { method, headers, body: text })).status, 201);
  return uploadId;
}

async function start(name: string, requestId = name, more: object = {}): Promise<void> {
  const body = {
    requestId,
    database: 'Samples',
    table: name,
    format: 'csv',
    sources: await blobsOf(name),
    ...LOADS[name],
    ...more,
  };
  const { status, json } = await api(stack, 'POST /loads', { body });
  assert.equal(status, 202, JSON.stringify(json));
  begun[requestId] = { status, state: json.state };
}

const details = async (id: string): Promise<LoadDetails> =>
  (await api(stack, `GET /loads/${id}`)).json as unknown as LoadDetails;

const endOf = (id: string): Promise<LoadDetails> =>
  until(
    () => details(id),
    ({ state }) => state !== 'running',
    120_000,
  );

async function diagnosisOf(id: string): Promise<(number: number) => DiagnosisPoint> {
  const { json } = await api(stack, `GET /loads/${id}/diagnosis`);
  const { points } = json as unknown as Diagnosis;
  return (number) => {
    const point = points.find((one) => one.number === number);
    assert.ok(point, `there is no point ${number}`);
    return point;
  };
}

/** What a command of an error or a diagnosis answers to an operator. */
const run = (command: string | undefined): Promise<unknown[][]> =>
  kustoCommand(stack, 'Samples', command ?? '');

async function makeTables(): Promise<void> {
  for (const name of [...Object.keys(LOADS), 'KeptStaging', 'EmptiedStaging']) {
    if (!absent.has(name)) await makeTable(stack, name);
  }
  const slow = JSON.stringify({ MaximumBatchingTimeSpan: '00:20:00' });
  for (const name of ['Late', 'Hung']) await run(`.alter table ${name} policy ingestionbatching '${slow}'`);
}

async function addFaults(): Promise<void> {
  const add = async (name: string, rule: Record<string, unknown>): Promise<void> => {
    faults[name] = await addFault(stack, rule);
  };
  const moves = { target: 'operation', match: '/^ExtentsMove .*_Unmoved_/' };
  await add('move', { ...moves, action: 'permanent', code: 'BadRequest_X' });
  await add('hang', { target: 'operation', match: '/^DataIngestPull .*_(?:Late|Hung)_/', action: 'hang' });
  const submits = { target: 'dm', match: '/POST .*_Passing_/' };
  await add('submit', { ...submits, action: 'transient', times: 2 });
  await add('role', { target: 'dm', match: '/POST .*_Forbidden_/', action: 'forbid' });
  await add('resources', { target: 'dm', match: '.get ingestion resources', action: 'permanent' });
}

/** Looks at the staging table of a load that waits, and cancels it. */
async function lookAtHung(): Promise<void> {
  await until(
    () => details('Hung'),
    ({ step }) => step === 'wait',
    120_000,
  );
  const [[staging] = []] = await run(
    '.show tables with (IncludeHiddenTables=true) | where TableName contains "_Hung_" | project TableName',
  );
  for (const policy of ['ingestionbatching', 'auto_delete']) {
    const [row] = await run(`.show table ['${staging}'] policy ${policy} | project Policy`);
    policiesWhileHung[policy] = String(row?.[0]);
  }
  await api(stack, 'DELETE /loads/Hung');
}

async function watchAtomic(): Promise<void> {
  const look = async (): Promise<string> => {
    const before = (await details('Atomic')).state;
    seenRows.add(Number((await kustoQuery(stack, 'Samples', 'Atomic | count'))[0]?.[0]));
    return before;
  };
  await until(look, (state) => state !== 'running', 120_000);
}

before(async () => {
  stack = await startLoadStack();
  await makeTables();
  await addFaults();
  // The service's batching time passes at once for whatever waits for it.
  pump = setInterval(() => passBatchingTime(stack).catch(() => undefined), 500);
  const watches: Promise<void>[] = [];
  for (const name of Object.keys(LOADS)) {
    await start(name);
    if (name === 'Atomic') watches.push(watchAtomic());
  }
  await Promise.all([lookAtHung(), ...watches]);
});
after(async () => {
  clearInterval(pump);
  await stack.stop();
});

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('options of the Spark connector', () => {
  test('spark writeMode Transactional: rows appear all at once', async () => {
    const { state, rows } = await endOf('Atomic');
    assert.deepEqual([state, rows.committed], ['committed', 20]);
    assert.deepEqual([...seenRows].sort(), [0, 20]);
    assert.deepEqual(await numbersIn(stack, 'Atomic'), numbers(20));
  });

  test('spark writeMode Queued: a blob that fails later is told, and what is there can be taken back', async () => {
    const { state, error, repair } = await endOf('Queued');
    assert.deepEqual([state, error?.code], ['failedDirty', 'LOAD_PARTIAL']);
    assert.match(error?.source ?? '', /queued\/b\.csv$/);
    assert.deepEqual(await numbersIn(stack, 'Queued'), numbers(10));
    await run(repair);
    assert.deepEqual(await numbersIn(stack, 'Queued'), []);
  });

  test('spark tableCreateOptions: a missing table is named, or created from the schema', async () => {
    const missing = await endOf('Missing');
    assert.deepEqual([missing.state, missing.error?.code], ['rolledBack', 'LOAD_TABLE_MISSING']);
    assert.match(missing.error?.message ?? '', /Samples\.Missing/);
    assert.equal((await endOf('Made')).state, 'committed');
    assert.deepEqual(await numbersIn(stack, 'Made'), numbers(20));
    const [schema] = await run('.show table Made cslschema | project Schema');
    assert.deepEqual(schema, ['n:long,name:string']);
  });

  test('spark clientBatchingLimit: an upload is cut at so many bytes, between records', async () => {
    const { state, sources, counts, bytes } = await endOf('Cut');
    assert.equal(state, 'committed');
    const pieces = Math.ceil(Number(bytes.raw) / (1024 * 1024));
    assert.ok(pieces > 2);
    assert.deepEqual([sources.length, counts.blobs], [pieces, pieces]);
    assert.ok(sources.every(({ rows = 0 }) => rows > 0));
    const [[count, least, most] = []] = await kustoQuery(
      stack,
      'Samples',
      'Cut | summarize count(), min(n), max(n)',
    );
    assert.deepEqual([Number(count), Number(least), Number(most)], [150_000, 0, 149_999]);
  });

  test('spark isAsync: the call returns at once, and the load tells its failure afterwards', async () => {
    assert.deepEqual(begun['Refused'], { status: 202, state: 'running' });
    const { state, error } = await endOf('Refused');
    assert.deepEqual([state, error?.code], ['rolledBack', 'LOAD_SOURCE_REFUSED']);
    const listed = (await api(stack, 'GET /loads?state=rolledBack')).json['loads'] as { id: string }[];
    assert.ok(listed.some(({ id }) => id === 'Refused'));
  });

  test('spark tempTableName: your own table is kept, with its rows when the load fails', async () => {
    const kept = await endOf('Kept');
    assert.deepEqual([kept.state, kept.error?.code], ['rolledBack', 'LOAD_ROWS_MISMATCH']);
    assert.deepEqual([...new Set(await numbersIn(stack, 'KeptStaging'))], numbers(10));
    assert.deepEqual(await numbersIn(stack, 'Kept'), []);
    assert.equal((await endOf('Emptied')).state, 'committed');
    assert.deepEqual(await numbersIn(stack, 'EmptiedStaging'), []);
    assert.deepEqual(await numbersIn(stack, 'Emptied'), numbers(20));
  });

  test('spark adjustSchema GenerateDynamicCsvMapping: columns find their place by name', async () => {
    assert.equal((await endOf('Named')).state, 'committed');
    const rows = await kustoQuery(stack, 'Samples', 'Named | sort by n asc | project n, name');
    assert.deepEqual(rows, [
      [0, 'row 0'],
      [1, 'row 1'],
    ]);
  });
});

describe('write errors of the Spark connector', () => {
  test('spark TimeoutAwaitingPendingOperation: a load ends at its time, undone, and says where to look', async () => {
    const { state, error, endedAt, deadline } = await endOf('Late');
    assert.deepEqual([state, error?.code], ['rolledBack', 'LOAD_TIMED_OUT']);
    assert.ok(Date.parse(endedAt ?? '') >= Date.parse(deadline));
    const [policy] = await run(error?.lookAt[0]);
    assert.match(JSON.stringify(policy), /00:20:00/);
    assert.match(error?.lookAt[1] ?? '', /^\.show ingestion failures/);
    assert.deepEqual(await numbersIn(stack, 'Late'), []);
  });

  test('spark FailedOperation: a move that fails for good is undone, and its operation is named', async () => {
    const { state, error, commit } = await endOf('Unmoved');
    assert.deepEqual([state, error?.code], ['rolledBack', 'LOAD_COMMIT_FAILED']);
    assert.match(error?.message ?? '', /attempt 3/);
    assert.equal(error?.lookAt[0], `.show operations ${commit?.operationId}`);
    const [operation] = await run(`${error?.lookAt[0]} | project State, ShouldRetry`);
    assert.equal(operation?.[0], 'Failed');
    assert.deepEqual(await numbersIn(stack, 'Unmoved'), []);
  });

  test('spark IngestionService: a passing failure of the ingest endpoint is tried again', async () => {
    assert.equal((await endOf('Passing')).state, 'committed');
    assert.deepEqual(await numbersIn(stack, 'Passing'), numbers(20));
    const { hits } = (await listFaults(stack)).find(({ id }) => id === faults['submit']) ?? {};
    assert.equal(hits, 2);
  });

  test('spark NoStorageContainers: no load asks the service for storage', async () => {
    assert.equal((await endOf('Cut')).state, 'committed');
    const { hits } = (await listFaults(stack)).find(({ id }) => id === faults['resources']) ?? {};
    assert.equal(hits, 0);
  });

  test('spark missing ingestor role: the load ends, and the roles it needs are named with their commands', async () => {
    const { state, error } = await endOf('Forbidden');
    assert.deepEqual([state, error?.code], ['rolledBack', 'KUSTO_FORBIDDEN']);
    assert.match(error?.cause ?? '', /\.add database \['Samples'\] ingestors \('aadapp=/);
    assert.match(error?.cause ?? '', /\.add table \['Forbidden'\] admins \('aadapp=/);
    const { hits } = (await listFaults(stack)).find(({ id }) => id === faults['role']) ?? {};
    assert.ok(Number(hits) > 0);
  });

  test('spark temp table left behind: the service drops it itself, and orphans lists it until then', async () => {
    const { ExpiryDate, DeleteIfNotEmpty } = JSON.parse(policiesWhileHung['auto_delete'] ?? '{}');
    const daysLeft = (Date.parse(ExpiryDate) - Date.now()) / 86_400_000;
    assert.ok(DeleteIfNotEmpty === true && daysLeft > 2.9 && daysLeft < 3.1, ExpiryDate);
    const prefix = /"(kf_load_[0-9a-f]+_)"/.exec((await diagnosisOf('Late'))(4).command ?? '')?.[1];
    const name = `${prefix}Lost_0123456789abcdef_0`;
    await run(`.create table ${name} (n: long) with (hidden=true)`);
    const { orphans } = (await api(stack, 'GET /loads/orphans')).json as unknown as {
      readonly orphans: readonly { readonly name: string; readonly command?: string }[];
    };
    const orphan = orphans.find((one) => one.name === name);
    await run(orphan?.command);
    assert.equal(
      (await run(`.show tables with (IncludeHiddenTables=true) | where TableName == "${name}"`)).length,
      0,
    );
  });

  test('spark Pending status: a slow batching policy of the target does not hold a load', async () => {
    const { MaximumBatchingTimeSpan } = JSON.parse(policiesWhileHung['ingestionbatching'] ?? '{}');
    assert.equal(MaximumBatchingTimeSpan, '00:00:30');
    assert.match((await diagnosisOf('Late'))(6).finding, /00:20:00.*waits 30 s at most/);
  });

  test('spark Skipped: a load whose value is there already ends as skipped and names the tag', async () => {
    await endOf('Emptied');
    const more = { tempTableName: null, tags: { ingestIfNotExists: ['day-0', 'day-1'] } };
    await start('Emptied', 'Again', more);
    const { state, skippedBy, error } = await endOf('Again');
    assert.deepEqual([state, skippedBy, error], ['skipped', 'ingest-by:day-1', undefined]);
    assert.deepEqual(await numbersIn(stack, 'Emptied'), numbers(20));
  });

  test('spark PartiallySucceeded or Failed: the blob, the service code and its failure are named', async () => {
    const { error, sources } = await endOf('Refused');
    assert.match(error?.source ?? '', /refused\/b\.csv$/);
    assert.equal(error?.serviceCode, 'Stream_WrongNumberOfFields');
    const [failure] = await run(`${error?.lookAt[0]} | project Details, ErrorCode`);
    assert.equal(failure?.[1], error?.serviceCode);
    const bad = sources.filter(({ state }) => state === 'failed');
    assert.deepEqual(
      bad.map(({ address, errorCode }) => [address, errorCode]),
      [[error?.source, error?.serviceCode]],
    );
    assert.deepEqual(await numbersIn(stack, 'Refused'), []);
  });
});

describe('diagnostic checklist of the Spark connector', () => {
  test('spark checklist 1: the commands of a load are found by its request id', async () => {
    await endOf('Unmoved');
    const { finding, command, rows = [] } = (await diagnosisOf('Unmoved'))(1);
    assert.match(finding, /^\d+ commands, 3 failed: .*BadRequest_X/);
    assert.ok(rows.some(({ text }) => String(text).startsWith('.move async extents')));
    const found = await run(`${command} | project ClientActivityId`);
    assert.ok(found.length > 10);
    assert.ok(found.every(([id]) => String(id).startsWith('KF.load;Unmoved;')));
  });

  test('spark checklist 2: the operation of the commit is shown with its state', async () => {
    await endOf('Unmoved');
    const { finding, command } = (await diagnosisOf('Unmoved'))(2);
    assert.match(finding, /^attempt 3: Failed/);
    assert.equal((await run(`${command} | project State`))[0]?.[0], 'Failed');
    await endOf('Refused');
    assert.match((await diagnosisOf('Refused'))(2).finding, /ended before its commit/);
  });

  test('spark checklist 3: the log says how to turn on debug lines, and every line names its load', async () => {
    await endOf('Refused');
    const { finding } = (await diagnosisOf('Refused'))(3);
    assert.match(finding, /"load":"Refused".*LOG_LEVEL=debug/);
    assert.ok(stack.hosts[0]?.log.some((line) => line.includes('"load":"Refused"')));
  });

  test('spark checklist 4: staging tables are listed, hidden ones included', async () => {
    await endOf('Late');
    const { finding, command } = (await diagnosisOf('Late'))(4);
    assert.match(finding, /^none of this load; \d+ in all$/);
    const prefix = /"(kf_load_[0-9a-f]+_)"/.exec(command ?? '')?.[1];
    await run(`.create table ${prefix}Seen_0123456789abcdef_0 (n: long) with (hidden=true)`);
    const point = (await diagnosisOf('Late'))(4);
    assert.ok(point.rows?.some(({ tablename }) => tablename === `${prefix}Seen_0123456789abcdef_0`));
    assert.ok((await run(point.command)).length > 0);
  });

  test('spark checklist 5: ingestion failures of the load are shown, wherever the blob was to go', async () => {
    await Promise.all([endOf('Refused'), endOf('Queued'), endOf('Atomic')]);
    for (const id of ['Refused', 'Queued']) {
      const { finding, command } = (await diagnosisOf(id))(5);
      assert.match(finding, /^1, the newest: ./);
      assert.equal((await run(command)).length, 1);
    }
    assert.equal((await diagnosisOf('Atomic'))(5).finding, 'none');
  });

  test('spark checklist 6: the batching policy is shown with what it does to the load', async () => {
    const { finding, command } = (await diagnosisOf('Late'))(6);
    assert.match(finding, /00:20:00/);
    assert.match(JSON.stringify(await run(command)), /00:20:00/);
    await endOf('Queued');
    assert.match((await diagnosisOf('Queued'))(6).finding, /a blob may wait that long/);
  });
});
