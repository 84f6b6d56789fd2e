import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AZURITE_ACCOUNT } from '../../../local/shared/azurite.js';
import { startNodeChild } from '../../../local/shared/child.js';
import { makeLocalCertificate, writeCertificate } from '../../../local/shared/tls.js';

const child = fileURLToPath(new URL('./identity-child.js', import.meta.url));

/** A token of the form Azurite looks at; nobody checks its signature there. */
function tokenText(): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const tenant = '11111111-2222-3333-4444-555555555555';
  const claims = {
    aud: 'https://storage.azure.com',
    iss: `https://sts.windows.net/${tenant}/`,
    iat: now - 60,
    nbf: now - 60,
    exp: now + 3_600,
    tid: tenant,
    oid: '66666666-7777-8888-9999-000000000000',
  };
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.signature`;
}

test('an account reached with an identity gives links signed by that identity', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'kf-identity-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const { certPath, keyPath } = await writeCertificate(folder, await makeLocalCertificate());
  const addresses = new Map<string, string>();
  let ready: () => void = () => undefined;
  const listening = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const script = join(
    dirname(createRequire(import.meta.url).resolve('azurite/package.json')),
    'dist/src/azurite.js',
  );
  const ports = ['blob', 'queue', 'table'].flatMap((name) => [
    `--${name}Host`,
    '127.0.0.1',
    `--${name}Port`,
    '0',
  ]);
  const azurite = startNodeChild({
    script,
    args: [
      '--skipApiVersionCheck',
      '--disableTelemetry',
      '--silent',
      '--inMemoryPersistence',
      '--oauth',
      'basic',
      '--cert',
      certPath,
      '--key',
      keyPath,
      ...ports,
    ],
    onStdoutLine: (line) => {
      const match = /^Azurite (Blob|Queue|Table) service is successfully listening at (\S+)/.exec(line);
      if (match?.[1] === undefined || match[2] === undefined) return;
      addresses.set(match[1], `${new URL(match[2]).origin}/${AZURITE_ACCOUNT}`);
      if (addresses.size === 3) ready();
    },
  });
  t.after(() => azurite.stop());
  await Promise.race([
    listening,
    azurite.exited.then((code) => assert.fail(`Azurite ended with ${code}: ${azurite.outputTail()}`)),
  ]);
  let output = '';
  const user = startNodeChild({
    script: child,
    args: [addresses.get('Blob') ?? '', addresses.get('Table') ?? '', tokenText()],
    env: { ...process.env, NODE_EXTRA_CA_CERTS: certPath },
    onStdoutLine: (line) => {
      output = line;
    },
  });
  t.after(() => user.stop());
  assert.equal(await user.exited, 0, user.outputTail());
  assert.deepEqual(JSON.parse(output), { read: 'by identity', signedBy: true, row: 1 });
});
