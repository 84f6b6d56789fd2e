import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeLocalCertificate } from '../../../local/shared/tls.js';
import type { AuthConfig } from '../../../src/config/types.js';
import { createCredential } from '../../../src/kusto/auth.azure.js';
import { good, kustoPart, settings } from '../config/fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'kusto-functions-sign-in-'));
const environment = { ...process.env };
let identity: Server;
const asked: URL[] = [];

before(async () => {
  identity = createServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://localhost'));
    const body = {
      access_token: 'from-identity',
      expires_on: '4102444800',
      resource: 'r',
      token_type: 'Bearer',
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  identity.listen(0, '127.0.0.1');
  await once(identity, 'listening');
  process.env['IDENTITY_ENDPOINT'] = `http://127.0.0.1:${(identity.address() as AddressInfo).port}/msi/token`;
  process.env['IDENTITY_HEADER'] = 'header';
  const script = `#!/bin/sh\necho '{"accessToken":"from-cli","expiresOn":"2100-01-01 00:00:00.000000","expires_on":4102444800}'\n`;
  writeFileSync(join(folder, 'az'), script);
  chmodSync(join(folder, 'az'), 0o755);
  process.env['PATH'] = `${folder}${delimiter}${environment['PATH']}`;
});
after(() => {
  identity.close();
  rmSync(folder, { recursive: true });
  process.env = environment;
});

/** The token that a pipeline.yaml with this `auth` signs in with. */
async function tokenOf(auth: string, more: Record<string, string> = {}): Promise<string | undefined> {
  const text = kustoPart.replace('{ kind: managedIdentity }', auth);
  const config: AuthConfig = good(text, { settings: { ...settings, ...more } }).kusto.auth;
  const credential = createCredential({ auth: config, clock: { now: () => Date.now() } });
  return (await credential?.getToken('https://kusto.kusto.windows.net/.default'))?.token;
}

test('flink managedIdentityAppId: a managed identity gets its token', async () => {
  assert.equal(await tokenOf('{ kind: managedIdentity, clientId: my-client }'), 'from-identity');
  assert.equal(asked.at(-1)?.searchParams.get('client_id'), 'my-client');
  assert.equal(asked.at(-1)?.searchParams.get('resource'), 'https://kusto.kusto.windows.net');
});

test('the system identity is asked for without a client id', async () => {
  assert.equal(await tokenOf('{ kind: managedIdentity }'), 'from-identity');
  assert.equal(asked.at(-1)?.searchParams.get('client_id'), null);
});

test('flink azureCli: the token of the command line is used', async () => {
  assert.equal(await tokenOf('{ kind: azureCli }'), 'from-cli');
});

test('kafka auth.accesstoken: a given token is sent as it is', async () => {
  assert.equal(await tokenOf('{ kind: accessToken, token: "%TOKEN%" }', { TOKEN: 'given' }), 'given');
});

interface Issuer {
  readonly url: string;
  readonly posts: { readonly path: string; readonly body: string }[];
  close(): void;
}

/** An authority that gives everybody a token and remembers how it was asked. */
async function startIssuer(): Promise<Issuer> {
  const { certPem, keyPem } = await makeLocalCertificate();
  const posts: { path: string; body: string }[] = [];
  const server = createTlsServer({ cert: certPem, key: keyPem }, async (request, response) => {
    let body = '';
    for await (const chunk of request) {
      body += chunk;
    }
    const { pathname } = new URL(request.url ?? '', url);
    const tenant = `${url}/${pathname.split('/')[1]}`;
    if (request.method === 'POST') {
      posts.push({ path: pathname, body });
    }
    const answer =
      request.method === 'POST'
        ? { token_type: 'Bearer', expires_in: 3600, access_token: 'from-issuer' }
        : {
            token_endpoint: `${tenant}/oauth2/v2.0/token`,
            authorization_endpoint: `${tenant}/oauth2/v2.0/authorize`,
            issuer: `${tenant}/v2.0`,
            jwks_uri: `${tenant}/discovery/v2.0/keys`,
          };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  return { url, posts, close: () => server.close() };
}

async function withIssuer(action: (issuer: Issuer) => Promise<void>): Promise<void> {
  const issuer = await startIssuer();
  // The sign-in library brings its own agent, so the issuer's certificate cannot be handed to it.
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  try {
    await action(issuer);
  } finally {
    delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    issuer.close();
  }
}

const application = (url: string): string =>
  `{ kind: application, tenantId: my-tenant, clientId: my-app, clientSecret: "%SECRET%", authorityHost: "${url}" }`;

const asksTenant = (): Promise<void> =>
  withIssuer(async ({ url, posts }) => {
    assert.equal(await tokenOf(application(url), { SECRET: 'my secret=&' }), 'from-issuer');
    const form = new URLSearchParams(posts[0]?.body);
    assert.equal(posts[0]?.path, '/my-tenant/oauth2/v2.0/token');
    assert.deepEqual(
      ['client_id', 'client_secret', 'grant_type'].map((name) => form.get(name)),
      ['my-app', 'my secret=&', 'client_credentials'],
    );
  });

test('flink appId, appKey, tenantId: an application gets its token', asksTenant);
test('kafka auth.authority, appid, appkey: the secret is sent to the tenant', asksTenant);

test('kafka auth.strategy: every kind gets its token', () =>
  withIssuer(async ({ url }) => {
    const { certPem, keyPem } = await makeLocalCertificate();
    writeFileSync(join(folder, 'app.pem'), `${keyPem}\n${certPem}`);
    writeFileSync(join(folder, 'federated'), 'federated-token');
    const shared = `tenantId: my-tenant, clientId: my-app, authorityHost: "${url}"`;
    const kinds: [string, string | undefined][] = [
      ['{ kind: managedIdentity }', 'from-identity'],
      [application(url), 'from-issuer'],
      [`{ kind: certificate, path: "${join(folder, 'app.pem')}", ${shared} }`, 'from-issuer'],
      [`{ kind: workloadIdentity, tokenFilePath: "${join(folder, 'federated')}", ${shared} }`, 'from-issuer'],
      ['{ kind: azureCli }', 'from-cli'],
      ['{ kind: accessToken, token: given }', 'given'],
    ];
    for (const [auth, token] of kinds) {
      assert.equal(await tokenOf(auth, { SECRET: 's' }), token, auth);
    }
  }));
