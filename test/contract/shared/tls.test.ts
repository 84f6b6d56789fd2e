import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAzurite } from '../../../local/shared/azurite.js';
import { makeLocalCertificate, writeCertificate } from '../../../local/shared/tls.js';

test('a client that trusts the certificate reaches Azurite over https', async () => {
  const certificate = await makeLocalCertificate();
  const parsed = new X509Certificate(certificate.certPem);
  assert.equal(parsed.checkHost('localhost'), 'localhost');
  assert.equal(parsed.checkIP('127.0.0.1'), '127.0.0.1');
  const directory = await mkdtemp(join(tmpdir(), 'tls-'));
  const azurite = await startAzurite(await writeCertificate(directory, certificate));
  try {
    assert.match(azurite.blobUrl, /^https:/);
    const status = await new Promise((resolve, reject) => {
      request(azurite.blobUrl, { ca: certificate.certPem }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    assert.equal(typeof status, 'number');
  } finally {
    await azurite.stop();
    await rm(directory, { recursive: true });
  }
});
