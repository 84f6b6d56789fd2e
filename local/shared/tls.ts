import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';

const VALID_DAYS = 30;
const DAY_MS = 86_400_000;

/** A certificate for this machine only, with its private key, both as PEM. */
export interface LocalCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

/** Paths of a certificate and its key as written to a folder. */
export interface CertificateFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

/**
 * Makes a self-signed certificate for `localhost`, `127.0.0.1` and `::1`, valid for 30 days.
 * It is its own authority, so a client trusts it through `NODE_EXTRA_CA_CERTS` or the like.
 */
export async function makeLocalCertificate(): Promise<LocalCertificate> {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], {
    keySize: 2048,
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, keyCertSign: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { certPem: made.cert, keyPem: made.private };
}

/** Writes `cert.pem` and `key.pem` (readable by the owner only) to a folder, which is made if need be. */
export async function writeCertificate(
  directory: string,
  certificate: LocalCertificate,
): Promise<CertificateFiles> {
  await mkdir(directory, { recursive: true });
  const certPath = join(directory, 'cert.pem');
  const keyPath = join(directory, 'key.pem');
  await writeFile(certPath, certificate.certPem);
  await writeFile(keyPath, certificate.keyPem, { mode: 0o600 });
  return { certPath, keyPath };
}
