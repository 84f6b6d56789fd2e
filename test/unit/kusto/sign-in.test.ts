import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
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
