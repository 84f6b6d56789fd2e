import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeLocalCertificate } from '../../local/shared/tls.js';
import { setPrincipal } from '../helpers/kusto-admin.js';
import { api, csvRows, load, putBlobs, startLoadStack } from '../helpers/load-stack.js';
import { startLoginServer } from '../helpers/login-server.js';
import { kustoCommand, kustoQuery, type Stack, until } from '../helpers/stack.js';
import type { StubServer } from '../helpers/stub-server.js';

const TENANT = '11111111-2222-3333-4444-555555555555';
const TOKEN_LIFE_MS = 5_000;

const pipeline = [
  'kusto:',
  '  cluster: "%KUSTO_CLUSTER%"',
  '  auth: { kind: application, tenantId: "%TENANT%", clientId: "66666666-7777-8888-9999-000000000000", clientSecret: "%SECRET%", authorityHost: "%AUTHORITY%" }',
  'http: { tables: ["Samples.*"] }',
  'load: { storage: [{ container: loads }] }',
].join('\n');

let stack: Stack;
let authority: StubServer;
let folder: string;
/** Tokens that were issued, and until when each is good. */
const issued = new Map<string, number>();
const timers: NodeJS.Timeout[] = [];

/** A token that the cluster lets do everything for five seconds, and nothing afterwards. */
async function issue(): Promise<{ body: object }> {
  const token = `token-${issued.size}`;
  issued.set(token, Date.now() + TOKEN_LIFE_MS);
  await setPrincipal(stack, { token, roles: { '*': ['admin'] } });
  timers.push(
    setTimeout(() => void setPrincipal(stack, { token, roles: {} }).catch(() => undefined), TOKEN_LIFE_MS),
  );
  const expires_in = TOKEN_LIFE_MS / 1000;
  return { body: { token_type: 'Bearer', expires_in, ext_expires_in: expires_in, access_token: token } };
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kf-tokens-'));
  const { certPem, keyPem } = await makeLocalCertificate();
  await writeFile(join(folder, 'ca.pem'), certPem);
  authority = await startLoginServer({ tenant: TENANT, cert: certPem, key: keyPem, token: issue });
  stack = await startLoadStack({
    pipeline,
    hosts: 0,
    settings: {
      AUTHORITY: authority.url,
      TENANT,
      SECRET: 'the-secret',
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
    },
  });
  // The app asks for a token when it starts, and the stub then needs the cluster.
  await stack.startHost();
});
after(async () => {
  for (const timer of timers) clearTimeout(timer);
  await stack?.stop();
  await authority?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('a load that outlives its tokens is committed', async () => {
  const root = { ...stack, token: 'root' };
  await setPrincipal(stack, { token: 'root', roles: { '*': ['admin'] } });
  await kustoCommand(root, 'Samples', '.create table Tokens (n: long, name: string)');
  const batching = '{"MaximumBatchingTimeSpan":"00:00:12"}';
  await kustoCommand(root, 'Samples', `.alter table Tokens policy ingestionbatching '${batching}'`);
  const [url] = await putBlobs(stack, { 'tokens/a.csv': csvRows(0, 10) });
  const started = await load(stack, { table: 'Tokens', sources: [{ url }] });
  assert.equal(started.status, 202, JSON.stringify(started.json));
  const view = await until(
    async () => (await api(stack, `GET /loads/${started.json.id}`)).json,
    ({ state }) => state !== 'running',
  );
  assert.equal(view.state, 'committed', JSON.stringify(view, null, 1));
  assert.deepEqual(await kustoQuery(root, 'Samples', 'Tokens | count'), [[10]]);
  const expired = [...issued.values()].filter((untilMs) => untilMs < Date.now());
  assert.ok(expired.length >= 2, `${expired.length} of ${issued.size} tokens expired meanwhile`);
});
