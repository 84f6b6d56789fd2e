import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeLocalCertificate } from '../../../local/shared/tls.js';
import type { AuthConfig } from '../../../src/config/types.js';
import { startLoginServer } from '../../helpers/login-server.js';
import { type StubRequest, type StubServer, startStub } from '../../helpers/stub-server.js';

const child = fileURLToPath(new URL('./child.js', import.meta.url));
const TENANT = '11111111-2222-3333-4444-555555555555';
const CLIENT = '66666666-7777-8888-9999-000000000000';

let folder: string;
let authority: StubServer;
let identity: StubServer;
let answerToken: (request: StubRequest) => { status?: number; body?: unknown };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kf-auth-'));
  const { certPem, keyPem } = await makeLocalCertificate();
  await writeFile(join(folder, 'ca.pem'), certPem);
  await writeFile(join(folder, 'client.pem'), `${keyPem}\n${certPem}`, { mode: 0o600 });
  await writeFile(join(folder, 'federated.txt'), 'federated-assertion');
  answerToken = () => ({
    body: { token_type: 'Bearer', expires_in: 3600, ext_expires_in: 3600, access_token: 'token-of-the-stub' },
  });
  authority = await startLoginServer({
    tenant: TENANT,
    cert: certPem,
    key: keyPem,
    token: (request) => answerToken(request),
  });
  identity = await startStub(() => ({
    body: {
      access_token: 'token-of-the-platform',
      expires_on: String(Math.floor(Date.now() / 1000) + 7_200),
      resource: 'r',
      token_type: 'Bearer',
    },
  }));
});
after(async () => {
  await Promise.all([authority.stop(), identity.stop()]);
  await rm(folder, { recursive: true, force: true });
});

interface Outcome {
  readonly tokens?: string[];
  readonly error?: string;
  readonly message?: string;
}

function tokenFor(auth: AuthConfig, env: Record<string, string> = {}): Promise<Outcome> {
  const clean = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
  };
  return new Promise((resolve, reject) => {
    const started = spawn(process.execPath, [child, JSON.stringify(auth)], {
      env: { ...clean, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    started.stdout.on('data', (chunk) => {
      out += chunk;
    });
    started.stderr.on('data', (chunk) => {
      err += chunk;
    });
    started.on('error', reject);
    started.on('close', () => {
      try {
        resolve(JSON.parse(out.trim().split('\n').at(-1) ?? '') as Outcome);
      } catch {
        reject(new Error(`child said: ${out} ${err}`));
      }
    });
  });
}

const posts = (): StubRequest[] => authority.requests.filter(({ method }) => method === 'POST');

test('an application gets its token with its secret, once for calls that begin together', async () => {
  const before = posts().length;
  const auth: AuthConfig = {
    kind: 'application',
    tenantId: TENANT,
    clientId: CLIENT,
    clientSecret: 'the-secret',
    authorityHost: authority.url,
  };
  assert.deepEqual(await tokenFor(auth), { tokens: ['token-of-the-stub'] });
  assert.equal(posts().length - before, 1);
  const form = new URLSearchParams(String(posts().at(-1)?.body));
  assert.equal(form.get('client_secret'), 'the-secret');
  assert.match(form.get('scope') ?? '', /^https:\/\/kusto\.kusto\.windows\.net\/\.default/);
});

test('a certificate gets its token with a signed assertion', async () => {
  const path = join(folder, 'client.pem');
  const auth: AuthConfig = {
    kind: 'certificate',
    tenantId: TENANT,
    clientId: CLIENT,
    path,
    authorityHost: authority.url,
  };
  assert.deepEqual(await tokenFor(auth), { tokens: ['token-of-the-stub'] });
  const form = new URLSearchParams(String(posts().at(-1)?.body));
  assert.match(form.get('client_assertion') ?? '', /^[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.equal(form.get('client_secret'), null);
});

test('a workload identity exchanges the token in its file', async () => {
  const tokenFilePath = join(folder, 'federated.txt');
  const auth: AuthConfig = {
    kind: 'workloadIdentity',
    tenantId: TENANT,
    clientId: CLIENT,
    tokenFilePath,
    authorityHost: authority.url,
  };
  assert.deepEqual(await tokenFor(auth), { tokens: ['token-of-the-stub'] });
  assert.equal(
    new URLSearchParams(String(posts().at(-1)?.body)).get('client_assertion'),
    'federated-assertion',
  );
});

test('a managed identity asks the platform’s endpoint with its header, and names its client id', async () => {
  const env = { IDENTITY_ENDPOINT: `${identity.url}/msi/token`, IDENTITY_HEADER: 'header-secret' };
  assert.deepEqual(await tokenFor({ kind: 'managedIdentity' }, env), { tokens: ['token-of-the-platform'] });
  const own = identity.requests.at(-1);
  assert.equal(own?.headers['x-identity-header'], 'header-secret');
  assert.match(own?.url ?? '', /resource=https%3A%2F%2Fkusto\.kusto\.windows\.net/);
  assert.deepEqual(await tokenFor({ kind: 'managedIdentity', clientId: CLIENT }, env), {
    tokens: ['token-of-the-platform'],
  });
  assert.match(identity.requests.at(-1)?.url ?? '', new RegExp(`client_id=${CLIENT}`));
});

test('the Azure CLI gives the token of the signed-in user', async () => {
  const expires = new Date(Date.now() + 3_600_000);
  const answer = {
    accessToken: 'token-of-az',
    expiresOn: expires.toISOString(),
    expires_on: Math.floor(expires.getTime() / 1000),
    tokenType: 'Bearer',
  };
  await writeFile(join(folder, 'az'), `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`);
  await chmod(join(folder, 'az'), 0o755);
  assert.deepEqual(await tokenFor({ kind: 'azureCli' }, { PATH: `${folder}:${process.env['PATH']}` }), {
    tokens: ['token-of-az'],
  });
});

test('a token of the user is used as it is, and none is none', async () => {
  assert.deepEqual(await tokenFor({ kind: 'accessToken', token: 'given' }), { tokens: ['given'] });
  assert.deepEqual(await tokenFor({ kind: 'none' }), { tokens: [null] });
});

test('a refused secret is a failure of sign-in that does not show the secret', async () => {
  const good = answerToken;
  answerToken = () => ({
    status: 401,
    body: { error: 'invalid_client', error_description: 'AADSTS7000215: Invalid client secret provided.' },
  });
  const auth: AuthConfig = {
    kind: 'application',
    tenantId: TENANT,
    clientId: CLIENT,
    clientSecret: 'wrong-secret',
    authorityHost: authority.url,
  };
  const outcome = await tokenFor(auth);
  answerToken = good;
  assert.equal(outcome.error, 'AUTH_FAILED');
  assert.match(outcome.message ?? '', /AADSTS7000215/);
  assert.doesNotMatch(outcome.message ?? '', /wrong-secret/);
});
