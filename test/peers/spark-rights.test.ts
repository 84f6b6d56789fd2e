import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { passBatchingTime, setPrincipal } from '../helpers/kusto-admin.js';
import { api, csvRows, endOf, makeTable, putBlobs, startLoadStack } from '../helpers/load-stack.js';
import { kustoCommand, kustoQuery, type Stack } from '../helpers/stack.js';

/** What the principal of a load must be allowed, and what is told when it is not. */
const APP = 'token-of-the-app';
const OPERATOR = 'token-of-the-operator';

let stack: Stack;
let pump: NodeJS.Timeout;
before(async () => {
  stack = await startLoadStack({
    pipeline: [
      'kusto: { cluster: "%KUSTO_CLUSTER%", auth: { kind: accessToken, token: "%TOKEN%" } }',
      'http: { tables: ["Samples.*"] }',
      'load: { storage: [{ container: loads }] }',
    ].join('\n'),
    settings: { TOKEN: APP },
  });
  for (const table of ['Granted', 'Ungranted']) await makeTable(stack, table);
  await setPrincipal(stack, { token: OPERATOR, roles: { '*': ['admin'] } });
  await setPrincipal(stack, {
    token: APP,
    roles: { Samples: ['user', 'viewer', 'ingestor'], 'Samples.Granted': ['admin'] },
  });
  pump = setInterval(() => passBatchingTime(stack).catch(() => undefined), 500);
});
after(async () => {
  clearInterval(pump);
  await stack.stop();
});

async function load(table: string): Promise<Awaited<ReturnType<typeof endOf>>> {
  const sources = (await putBlobs(stack, { [`${table}/a.csv`]: csvRows(0, 10) })).map((url) => ({ url }));
  const body = { requestId: table, database: 'Samples', table, format: 'csv', sources };
  const { status, json } = await api(stack, 'POST /loads', { body });
  assert.equal(status, 202, JSON.stringify(json));
  return endOf(stack, table);
}

const countOf = async (table: string): Promise<number> =>
  Number((await kustoQuery({ ...stack, token: OPERATOR }, 'Samples', `${table} | count`))[0]?.[0]);

test('spark admin on the table: with the four roles that are named a load is committed', async () => {
  const { state, error } = await load('Granted');
  assert.deepEqual([state, error], ['committed', undefined]);
  assert.equal(await countOf('Granted'), 10);
});

test('spark 403 of the engine: a load without admin on its table ends before anything is ingested', async () => {
  const { state, error, counts } = await load('Ungranted');
  assert.deepEqual([state, error?.code], ['rolledBack', 'KUSTO_FORBIDDEN']);
  assert.match(error?.message ?? '', /\.add table \['Ungranted'\] admins/);
  assert.equal((counts as { readonly sent?: number }).sent, undefined);
  const asOperator = { ...stack, token: OPERATOR };
  const staging =
    '.show tables with (IncludeHiddenTables=true) | where TableName startswith "kf_load_" | project TableName';
  assert.deepEqual(await kustoCommand(asOperator, 'Samples', staging), []);
  assert.equal(await countOf('Ungranted'), 0);
});
