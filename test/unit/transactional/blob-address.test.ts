import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../../../src/runtime/error-codes.js';
import { KfError } from '../../../src/runtime/errors.js';
import { type AllowedStorage, resolveBlob } from '../../../src/transactional/blob-address.js';
import { blobNameProblem, canonicalAddress } from '../../../src/transactional/blob-name.js';

const landing = { accountUrl: 'https://acct.blob.core.windows.net', container: 'landing' };
const whole = { accountUrl: 'https://whole.blob.core.windows.net' };
const local = { accountUrl: 'http://127.0.0.1:10000/devstoreaccount1', container: 'data' };
const allowed: readonly AllowedStorage[] = [landing, whole, local];

const acct = landing.accountUrl;
const secret = 'S3cr3tS3cr3t';
const sas = `sv=2023-11-03&se=2030-01-01T00%3A00%3A00Z&sr=b&sp=r&sig=${secret}%2B%3D`;

interface Options {
  readonly allowSas?: boolean;
  readonly kind?: 'blob' | 'prefix';
  readonly allowed?: readonly AllowedStorage[];
}

const resolve = (text: string, options: Options = {}) =>
  resolveBlob(text, { allowed, allowSas: false, place: 'sources[3].url', kind: 'blob', ...options });

function refusalOf(text: string, options: Options = {}): KfError {
  try {
    resolve(text, options);
  } catch (error) {
    assert.ok(error instanceof KfError, String(error));
    return error;
  }
  throw new Error(`was accepted: ${text}`);
}

function assertRefused(code: ErrorCode, text: string, options: Options = {}): void {
  const error = refusalOf(text, options);
  assert.equal(error.code, code, error.message);
  assert.ok(error.message.startsWith('sources[3].url: '), error.message);
  assert.ok(!error.message.includes(secret) && !error.message.toLowerCase().includes('sig='), error.message);
  assert.doesNotMatch(error.message, /\p{Cc}/u);
  assert.ok(error.message.length < 500, error.message);
}

/** Refused for where they lead. */
const outside: readonly string[] = [
  'https://evil.com/landing/a.csv',
  'https://acct.blob.core.windows.net.evil.com/landing/a.csv',
  'https://evil-acct.blob.core.windows.net/landing/a.csv',
  'https://acct.blob.core.windows.net./landing/a.csv',
  'https://acct..blob.core.windows.net/landing/a.csv',
  'https://.acct.blob.core.windows.net/landing/a.csv',
  'https://acct.blob.core.windows/landing/a.csv',
  'https://blob.core.windows.net/landing/a.csv',
  'https://acct.dfs.core.windows.net/landing/a.csv',
  'https://acct.queue.core.windows.net/landing/a.csv',
  'https://acct-secondary.blob.core.windows.net/landing/a.csv',
  'https://xn--cct-5cd.blob.core.windows.net/landing/a.csv',
  'http://acct.blob.core.windows.net/landing/a.csv',
  'http://acct.blob.core.windows.net:443/landing/a.csv',
  `https://evil.com/?${sas}`,
  `https://evil.com/acct.blob.core.windows.net/landing/a.csv?${sas}`,
  'https://evil.com/https%3A%2F%2Facct.blob.core.windows.net/landing/a.csv',
  `${acct}:80/landing/a.csv`,
  `${acct}:444/landing/a.csv`,
  `${acct}:10000/landing/a.csv`,
  `${acct}/other/a.csv`,
  `${acct}/landing2/a.csv`,
  `${acct}/land/a.csv`,
  `${acct}/devstoreaccount1/data/a.csv`,
  'https://169.254.169.254/metadata/identity/oauth2/token',
  'http://169.254.169.254/metadata/instance',
  'http://168.63.129.16/machine',
  'http://[fd00:ec2::254]/latest/meta-data',
  'https://localhost/data/a.csv',
  'http://localhost:10000/devstoreaccount1/data/a.csv',
  'http://LOCALHOST:10000/devstoreaccount1/data/a.csv',
  'http://localhost.:10000/devstoreaccount1/data/a.csv',
  'http://localhost.localdomain:10000/devstoreaccount1/data/a.csv',
  'http://127.0.0.1.nip.io:10000/devstoreaccount1/data/a.csv',
  'http://127.0.0.2:10000/devstoreaccount1/data/a.csv',
  'http://127.0.0.1.:10000/devstoreaccount1/data/a.csv',
  'http://127.1:10000/devstoreaccount1/data/a.csv',
  'http://127.0.1:10000/devstoreaccount1/data/a.csv',
  'http://0x7f.1:10000/devstoreaccount1/data/a.csv',
  'http://0x7f.0x0.0x0.0x1:10000/devstoreaccount1/data/a.csv',
  'http://0x7F000001:10000/devstoreaccount1/data/a.csv',
  'http://0177.0.0.1:10000/devstoreaccount1/data/a.csv',
  'http://127.00.0.01:10000/devstoreaccount1/data/a.csv',
  'http://2130706433:10000/devstoreaccount1/data/a.csv',
  'http://017700000001:10000/devstoreaccount1/data/a.csv',
  'http://0:10000/devstoreaccount1/data/a.csv',
  'http://0.0.0.0:10000/devstoreaccount1/data/a.csv',
  'http://[::]:10000/devstoreaccount1/data/a.csv',
  'http://[::1]:10000/devstoreaccount1/data/a.csv',
  'http://[::ffff:127.0.0.1]:10000/devstoreaccount1/data/a.csv',
  'http://[0:0:0:0:0:ffff:7f00:1]:10000/devstoreaccount1/data/a.csv',
  'https://127.0.0.1:10000/devstoreaccount1/data/a.csv',
  'http://127.0.0.1/devstoreaccount1/data/a.csv',
  'http://127.0.0.1:10001/devstoreaccount1/data/a.csv',
  'http://127.0.0.1:10000/devstoreaccount2/data/a.csv',
  'http://127.0.0.1:10000/devstoreaccount1x/data/a.csv',
  'http://127.0.0.1:10000/DevStoreAccount1/data/a.csv',
  'http://127.0.0.1:10000/%64evstoreaccount1/data/a.csv',
  'http://127.0.0.1:10000/devstoreaccount1%2Fdata/a.csv',
  'http://127.0.0.1:10000/./devstoreaccount1/data/a.csv',
  'http://127.0.0.1:10000/x/../devstoreaccount1/data/a.csv',
  'http://127.0.0.1:10000//devstoreaccount1/data/a.csv',
  'http://127.0.0.1:10000/devstoreaccount1/other/a.csv',
  'http://127.0.0.1:10000/data/a.csv',
  'http://127.0.0.1:10000',
  `${acct}/landing/a.csv?${sas}`,
  `${acct}/landing/a.csv?${sas}&comp=list`,
  `${acct}/landing/a.csv?sig=${secret}`,
  `${acct}/landing/a.csv??${sas}`,
];

/** Refused for how they are written. */
const misspelt: readonly string[] = [
  '',
  'a.csv',
  '/landing/a.csv',
  'acct.blob.core.windows.net/landing/a.csv',
  '//acct.blob.core.windows.net/landing/a.csv',
  '///acct.blob.core.windows.net/landing/a.csv',
  'https:acct.blob.core.windows.net/landing/a.csv',
  'https:/acct.blob.core.windows.net/landing/a.csv',
  'https:///acct.blob.core.windows.net/landing/a.csv',
  'https:////acct.blob.core.windows.net/landing/a.csv',
  'https//acct.blob.core.windows.net/landing/a.csv',
  'https://',
  'https:///',
  'https://:443/landing/a.csv',
  'https://?acct.blob.core.windows.net/landing/a.csv',
  'httpss://acct.blob.core.windows.net/landing/a.csv',
  'view-source:https://acct.blob.core.windows.net/landing/a.csv',
  'blob:https://acct.blob.core.windows.net/landing/a.csv',
  'file:///etc/passwd',
  'file://acct.blob.core.windows.net/landing/a.csv',
  'ftp://acct.blob.core.windows.net/landing/a.csv',
  'ws://acct.blob.core.windows.net/landing/a.csv',
  'data:text/csv,1',
  'javascript:fetch(1)',
  'abfss://landing@acct.dfs.core.windows.net/a.csv',
  'abfs://landing@acct.dfs.core.windows.net/a.csv',
  'wasbs://landing@acct.blob.core.windows.net/a.csv',
  'WASB://landing@acct.blob.core.windows.net/a.csv',
  'adl://acct.azuredatalakestore.net/a.csv',
  `DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=${secret}==`,
  `https://acct.blob.core.windows.net@evil.com/landing/a.csv`,
  `https://user:${secret}@acct.blob.core.windows.net/landing/a.csv`,
  `https://${secret}@acct.blob.core.windows.net/landing/a.csv`,
  `https://:${secret}@acct.blob.core.windows.net/landing/a.csv`,
  `https://@acct.blob.core.windows.net/landing/a.csv`,
  `https://evil.com%40acct.blob.core.windows.net/landing/a.csv`,
  `https://evil.com#@acct.blob.core.windows.net/landing/a.csv`,
  `https://evil.com#acct.blob.core.windows.net/landing/a.csv`,
  'https://evil.com\\acct.blob.core.windows.net/landing/a.csv',
  'https://evil.com\\@acct.blob.core.windows.net/landing/a.csv',
  'https:\\\\acct.blob.core.windows.net\\landing\\a.csv',
  'https://acct.blob.core.windows.net%2eevil.com/landing/a.csv',
  'https://acct%2eblob.core.windows.net/landing/a.csv',
  'https://%61cct.blob.core.windows.net/landing/a.csv',
  'https://acct.blob.core.windows.net%00.evil.com/landing/a.csv',
  'https://acct.blob.core.windows.net\u0000.evil.com/landing/a.csv',
  'https://acct.blob.core.windows.net%2Flanding/a.csv',
  'https://ａｃｃｔ.blob.core.windows.net/landing/a.csv',
  'https://acct。blob。core。windows。net/landing/a.csv',
  'https://аcct.blob.core.windows.net/landing/a.csv',
  'https://ac\u00adct.blob.core.windows.net/landing/a.csv',
  'https://ac\u200bct.blob.core.windows.net/landing/a.csv',
  'https://acct.blob.core.windows.net／landing/a.csv',
  'http://１２７.0.0.1:10000/devstoreaccount1/data/a.csv',
  'http://①②⑦.0.0.1:10000/devstoreaccount1/data/a.csv',
  'https://ac_ct.blob.core.windows.net/landing/a.csv',
  'https://*.blob.core.windows.net/landing/a.csv',
  'https://acct.blob.core.windows.net,evil.com/landing/a.csv',
  'http://[::1/devstoreaccount1/data/a.csv',
  'http://[::1%25eth0]:10000/devstoreaccount1/data/a.csv',
  'http://127.0.0.256:10000/devstoreaccount1/data/a.csv',
  'http://127.0.0.1:010000/devstoreaccount1/data/a.csv',
  'http://127.0.0.1:0/devstoreaccount1/data/a.csv',
  'http://127.0.0.1:75536/devstoreaccount1/data/a.csv',
  `https://${'a.'.repeat(150)}net/landing/a.csv`,
  `${acct}:/landing/a.csv`,
  `${acct}:0/landing/a.csv`,
  `${acct}:0443/landing/a.csv`,
  `${acct}:65536/landing/a.csv`,
  `${acct}:${secret}/landing/a.csv`,
  ` ${acct}/landing/a.csv`,
  `${acct}/landing/a.csv `,
  `${acct}/landing/a.csv\n`,
  `\ufeff${acct}/landing/a.csv`,
  `\u0001${acct}/landing/a.csv`,
  'ht\ttps://acct.blob.core.windows.net/landing/a.csv',
  'https://acct.bl\nob.core.windows.net/landing/a.csv',
  `${acct}/land\ring/a.csv`,
  `${acct}/landing/a b.csv`,
  `${acct}/landing/a\u0000.csv`,
  `${acct}/landing/a\u0085.csv`,
  `${acct}/landing/a\u00a0b.csv`,
  `${acct}/landing/a\u2028b.csv`,
  `${acct}/landing/\u202evsc.a`,
  `${acct}/landing/a\ud800.csv`,
  acct,
  `${acct}/`,
  `${acct}/landing`,
  `${acct}/landing/`,
  `${acct}//landing/a.csv`,
  `${acct}/landing//a.csv`,
  `${acct}/landing/a//b.csv`,
  `${acct}/landing/a/`,
  `${acct}/landing/a%2F`,
  `${acct}/landing/a%2F%2Fb.csv`,
  `${acct}/landing/%2Fa.csv`,
  `${acct}/../landing/a.csv`,
  `${acct}/./landing/a.csv`,
  `${acct}/landing/../other/a.csv`,
  `${acct}/landing/./a.csv`,
  `${acct}/landing/..`,
  `${acct}/landing/a/..`,
  `${acct}/landing/%2e%2e/other/a.csv`,
  `${acct}/landing/%2E./other/a.csv`,
  `${acct}/landing/.%2e/other/a.csv`,
  `${acct}/landing/%2e/a.csv`,
  `${acct}/landing/..%2Fother/a.csv`,
  `${acct}/landing/%2e%2e%2fother/a.csv`,
  `${acct}/landing/a%2f..%2f..%2fother/a.csv`,
  `${acct}/landing/%252e%252e/other/a.csv`,
  `${acct}/landing/%25252e%25252e/other/a.csv`,
  `${acct}/landing/..%252fother/a.csv`,
  `${acct}/landing/%252e%252e%252fother%252fa.csv`,
  `${acct}/landing/%25%32%65%25%32%65/other/a.csv`,
  `${acct}/landing/..%5Cother/a.csv`,
  `${acct}/landing/a%5Cb.csv`,
  `${acct}/landing/..%255cother/a.csv`,
  `${acct}/landing\\..\\other/a.csv`,
  `${acct}/landing%2F..%2Fother/a.csv`,
  `${acct}/landing%2Fa.csv`,
  `${acct}/landing%5C..%5Cother/a.csv`,
  `${acct}/landing%00/a.csv`,
  `${acct}/%6Canding/a.csv`,
  `${acct}/%6canding%2f../a.csv`,
  `${acct}/Landing/a.csv`,
  `${acct}/landing./a.csv`,
  `${acct}/lan--ding/a.csv`,
  `${whole.accountUrl}/$root/a.csv`,
  `${whole.accountUrl}/$web/index.html`,
  `${whole.accountUrl}/$logs/blob/a.log`,
  `${whole.accountUrl}/%24logs/blob/a.log`,
  `${whole.accountUrl}/$blobchangefeed/a.avro`,
  `${whole.accountUrl}/ab/a.csv`,
  `${whole.accountUrl}/-abc/a.csv`,
  `${whole.accountUrl}/abc-/a.csv`,
  `${whole.accountUrl}/${'a'.repeat(64)}/a.csv`,
  `${whole.accountUrl}/../whole/a.csv`,
  `${whole.accountUrl}/a.csv`,
  'http://127.0.0.1:10000/devstoreaccount1',
  'http://127.0.0.1:10000/devstoreaccount1/data/../other/a.csv',
  'http://127.0.0.1:10000/devstoreaccount1/data%2F../a.csv',
  'http://127.0.0.1:10000/devstoreaccount1/../devstoreaccount2/data/a.csv',
  `${acct}/landing/a%.csv`,
  `${acct}/landing/a%2.csv`,
  `${acct}/landing/a%zz.csv`,
  `${acct}/landing/a%u0041.csv`,
  `${acct}/landing/a%C0%AE%C0%AE.csv`,
  `${acct}/landing/a%FF.csv`,
  `${acct}/landing/a%ED%A0%80.csv`,
  `${acct}/landing/a%00.csv`,
  `${acct}/landing/a%0D%0AX-Header:1.csv`,
  `${acct}/landing/a%C2%85.csv`,
  `${acct}/landing/a.csv#`,
  `${acct}/landing/a.csv#?${sas}`,
  `${acct}/landing/a.csv;impersonate`,
  `${acct}/landing/a.csv;managed_identity=system`,
  `${acct}/landing/a.csv;managed_identity=11111111-2222-3333-4444-555555555555`,
  `${acct}/landing/a.csv;token=${secret}`,
  `${acct}/landing/a.csv;${secret}==`,
  `${acct}/landing/a.csv;`,
  `${acct}/landing/a;b/c.csv`,
  `${acct}/landing;impersonate/a.csv`,
  `${acct}/landing/a.csv%3Bimpersonate`,
  `${acct}/landing/a.csv%3bmanaged_identity=system`,
  `${acct}/landing/a.csv?${sas};impersonate`,
  'https://acct.blob.core.windows.net;impersonate/landing/a.csv',
  `https://acct.blob.core.windows.net;${secret}/landing/a.csv`,
  `${acct}/landing/a.csv?`,
  `${acct}/landing/a.csv?x=${secret}`,
  `${acct}/landing/a.csv?sig`,
  `${acct}/landing/a.csv?sig=`,
  `${acct}/landing/a.csv?SIG=${secret}`,
  `${acct}/landing/a.csv?%73ig=${secret}`,
  `${acct}/landing/a.csv?xsig=${secret}`,
  `${acct}/landing/a.csv?snapshot=2024-01-01T00:00:00.0000000Z`,
  `${acct}/landing/a.csv?comp=list&restype=container`,
  `${acct}/landing/a.csv?versionid=2024-01-01T00:00:00.0000000Z`,
  `${acct}/landing/${'a'.repeat(1025)}`,
  `${acct}/landing/${'a/'.repeat(2500)}a`,
  `${acct}/landing/a.csv?sig=${secret.repeat(400)}`,
];

/** Refused although signatures are taken. */
const badSignatures: readonly string[] = [
  `${sas}&snapshot=2024-01-01T00:00:00.0000000Z`,
  `${sas}&versionid=2024-01-01T00:00:00.0000000Z`,
  `${sas}&comp=list`,
  `${sas}&restype=container`,
  `${sas}&timeout=90`,
  `${sas}&api-version=2023-11-03`,
  `${sas}&code=${secret}`,
  `${sas}&sig=${secret}`,
  `${sas}&sv=2015-04-05`,
  `${sas}&`,
  `&${sas}`,
  `${sas}&&spr=https`,
  `${sas}&Sp=rw`,
  `${sas}&%73p=rw`,
  `${sas}&__proto__=1`,
  `${sas}?spr=https`,
  `?${sas}`,
  `${sas}%`,
  `${sas}%zz`,
  `${sas}%00`,
  `${sas}&rscd=%0D%0AX-Header`,
  `${sas}"`,
  `${sas}'`,
  `${sas}<b>`,
  `${sas}é`,
  `${sas};impersonate`,
  `${sas}#`,
  `${sas}\\`,
  `${sas} `,
  `${sas}\n`,
  '',
  'sv=2023-11-03',
  `sv=2023-11-03&sig=`,
  `sv=2023-11-03&sig`,
];

const shown = (text: string) => JSON.stringify(text.length > 90 ? `${text.slice(0, 90)}…` : text);

for (const text of outside) {
  test(`no load reads ${shown(text)}, which lies outside or brings rights`, () => {
    assertRefused('LOAD_SOURCE_FORBIDDEN', text);
  });
}

for (const text of misspelt) {
  test(`no load takes the spelling ${shown(text)}`, () => {
    assertRefused('REQUEST_INVALID', text);
  });
}

for (const query of badSignatures) {
  test(`no load takes the query ${shown(query)} for a signature`, () => {
    assertRefused('REQUEST_INVALID', `${acct}/landing/a.csv?${query}`, { allowSas: true });
  });
}

test('nothing that is refused without signatures is read with them, but for the signature itself', () => {
  for (const text of [...outside.filter((url) => !url.includes(`/a.csv?`)), ...misspelt]) {
    refusalOf(text, { allowSas: true });
  }
});

test('nothing that is refused as a blob is read as a prefix, but what ends with its container or a slash', () => {
  const prefixes = new Set([
    `${acct}/landing`,
    `${acct}/landing/`,
    `${acct}/landing/a/`,
    `${acct}/landing/a%2F`,
  ]);
  for (const text of [...outside, ...misspelt].filter((url) => !prefixes.has(url))) {
    refusalOf(text, { kind: 'prefix' });
  }
});

for (const text of [
  '/',
  'a//',
  '/a',
  '..',
  './',
  'a/../',
  '%2e',
  'a%2F%2F',
  'a%2F..%2F',
  'a;',
  '%252e%252e/',
]) {
  test(`no load lists the prefix ${shown(text)} of a container`, () => {
    assertRefused('REQUEST_INVALID', `${acct}/landing/${text}`, { kind: 'prefix' });
  });
}

test('with an empty list nothing may be read', () => {
  assertRefused('LOAD_SOURCE_FORBIDDEN', `${acct}/landing/a.csv`, { allowed: [] });
});

test('an account that is neither https nor loopback is never read, though it be listed', () => {
  for (const [accountUrl, text] of [
    ['http://acct.blob.core.windows.net', 'http://acct.blob.core.windows.net/landing/a.csv'],
    ['https://10.0.0.4', 'https://10.0.0.4/landing/a.csv'],
    ['https://[fd00::4]', 'https://[fd00::4]/landing/a.csv'],
    ['https://storage.example/acct', 'https://storage.example/acct/landing/a.csv'],
    ['ftp://127.0.0.1', 'https://127.0.0.1/landing/a.csv'],
    ['nonsense', 'https://nonsense/landing/a.csv'],
  ] as const) {
    assertRefused('LOAD_SOURCE_FORBIDDEN', text, { allowed: [{ accountUrl }] });
  }
});

test('a Hadoop scheme is answered with the spelling that is read', () => {
  const { message } = refusalOf('abfss://landing@acct.dfs.core.windows.net/a.csv');
  assert.match(message, /write https:\/\/ACCOUNT\.blob\.core\.windows\.net\/CONTAINER\/BLOB/);
});

test('a Data Lake host or http for an allowed account is answered with what to write', () => {
  for (const text of [
    'https://acct.dfs.core.windows.net/landing/a',
    'http://acct.blob.core.windows.net/landing/a',
  ]) {
    assert.match(refusalOf(text).message, /; write https:\/\/acct\.blob\.core\.windows\.net\/$/);
  }
  assert.doesNotMatch(refusalOf('https://evil.dfs.core.windows.net/landing/a').message, /write/);
});

test('a refusal names the account or the container that would have to be listed', () => {
  assert.match(refusalOf('https://Evil.com/c/a').message, /the account at https:\/\/evil\.com is outside/);
  assert.match(refusalOf(`${acct}/other/a`).message, /the container other at https:\/\/acct\.blob\./);
});

test('a refusal for the spelling says what is wrong with it', () => {
  for (const [text, reason] of [
    ['ftp://acct.blob.core.windows.net/landing/a', /does not begin with https:/],
    ['https://u:p@acct.blob.core.windows.net/landing/a', /user name or a password/],
    [`${acct}\\landing\\a`, /backslash/],
    [`${acct}/landing/a;impersonate`, /which Kusto reads as the start of credentials/],
    [`${acct}/landing/a#b`, /write %23/],
    [`${acct}/landing/a?b`, /write %3F/],
    [`${acct}/landing/a b`, /write %20/],
    [`${acct}/landing/a%`, /write %25/],
  ] as const) {
    assert.match(refusalOf(text).message, reason);
  }
});

test('a signature that must not be there is refused as such, and the way out is said', () => {
  assert.match(refusalOf(`${acct}/landing/a.csv?${sas}`).message, /leave the query out$/);
});

interface Good {
  readonly text: string;
  readonly storage?: AllowedStorage;
  readonly container?: string;
  readonly blob: string;
  /** When it differs from the text. */
  readonly address?: string;
}

const good: readonly Good[] = [
  { text: `${acct}/landing/a.csv`, blob: 'a.csv' },
  { text: `${acct}/landing/2024/01/a.csv`, blob: '2024/01/a.csv' },
  { text: `${acct}:443/landing/a.csv`, blob: 'a.csv', address: `${acct}/landing/a.csv` },
  { text: 'HTTPS://acct.blob.core.windows.net/landing/a', blob: 'a', address: `${acct}/landing/a` },
  { text: 'https://ACCT.Blob.Core.Windows.NET/landing/A', blob: 'A', address: `${acct}/landing/A` },
  { text: `${acct}/landing/a%20b.csv`, blob: 'a b.csv' },
  { text: `${acct}/landing/%61.csv`, blob: 'a.csv', address: `${acct}/landing/a.csv` },
  { text: `${acct}/landing/a%2Fb.csv`, blob: 'a/b.csv', address: `${acct}/landing/a/b.csv` },
  { text: `${acct}/landing/a%2fb.csv`, blob: 'a/b.csv', address: `${acct}/landing/a/b.csv` },
  { text: `${acct}/landing/größe.csv`, blob: 'größe.csv', address: `${acct}/landing/gr%C3%B6%C3%9Fe.csv` },
  { text: `${acct}/landing/gr%c3%b6%C3%9Fe`, blob: 'größe', address: `${acct}/landing/gr%C3%B6%C3%9Fe` },
  { text: `${acct}/landing/%F0%9F%98%80`, blob: '😀' },
  { text: `${acct}/landing/a%252eb`, blob: 'a%2eb' },
  { text: `${acct}/landing/100%25`, blob: '100%' },
  { text: `${acct}/landing/a%3Fb%23c`, blob: 'a?b#c' },
  { text: `${acct}/landing/a+b`, blob: 'a+b', address: `${acct}/landing/a%2Bb` },
  {
    text: `${acct}/landing/day=1/x@y:z,w`,
    blob: 'day=1/x@y:z,w',
    address: `${acct}/landing/day%3D1/x%40y%3Az%2Cw`,
  },
  { text: `${acct}/landing/(a)'!*$&`, blob: "(a)'!*$&", address: `${acct}/landing/%28a%29%27%21%2A%24%26` },
  {
    text: `${acct}/landing/"<|>^\`{}`,
    blob: '"<|>^`{}',
    address: `${acct}/landing/%22%3C%7C%3E%5E%60%7B%7D`,
  },
  { text: `${acct}/landing/...`, blob: '...' },
  { text: `${acct}/landing/.hidden/..a/b..`, blob: '.hidden/..a/b..' },
  { text: `${acct}/landing/$root`, blob: '$root', address: `${acct}/landing/%24root` },
  { text: `${acct}/landing/https:`, blob: 'https:', address: `${acct}/landing/https%3A` },
  { text: `${acct}/landing/${'a'.repeat(1024)}`, blob: 'a'.repeat(1024) },
  { text: `${acct}/landing/~_-.`, blob: '~_-.' },
  { text: `${whole.accountUrl}/abc/a`, storage: whole, container: 'abc', blob: 'a' },
  { text: `${whole.accountUrl}/a-1-b/x/y`, storage: whole, container: 'a-1-b', blob: 'x/y' },
  { text: `${whole.accountUrl}/${'9'.repeat(63)}/a`, storage: whole, container: '9'.repeat(63), blob: 'a' },
  { text: `${local.accountUrl}/data/a/b.csv`, storage: local, container: 'data', blob: 'a/b.csv' },
];

for (const { text, storage = landing, container = 'landing', blob, address = text } of good) {
  test(`a load reads ${shown(text)}`, () => {
    assert.deepEqual(resolve(text), { storage, container, blob, address });
    assert.equal(new URL(address).href, address);
  });
}

test('a whole container is a prefix, with or without its slash', () => {
  for (const text of [`${acct}/landing`, `${acct}/landing/`]) {
    assert.deepEqual(resolve(text, { kind: 'prefix' }), {
      storage: landing,
      container: 'landing',
      blob: '',
      address: `${acct}/landing/`,
    });
  }
});

test('a prefix may end with a slash or inside a name', () => {
  assert.equal(resolve(`${acct}/landing/2024/`, { kind: 'prefix' }).blob, '2024/');
  assert.equal(resolve(`${acct}/landing/2024/`, { kind: 'prefix' }).address, `${acct}/landing/2024/`);
  assert.equal(resolve(`${acct}/landing/2024/part-`, { kind: 'prefix' }).blob, '2024/part-');
});

test('a signature that may be there is given apart, as it was written, and never in the address', () => {
  const full = `${sas}&spr=https&sip=10.0.0.1-10.0.0.9&rscd=attachment%3B%20filename%3Da&skoid=a&sktid=b&sdd=1`;
  assert.deepEqual(resolve(`${acct}/landing/a.csv?${full}`, { allowSas: true }), {
    storage: landing,
    container: 'landing',
    blob: 'a.csv',
    sas: full,
    address: `${acct}/landing/a.csv`,
  });
});

test('where signatures are taken, an address without one has none', () => {
  assert.ok(!('sas' in resolve(`${acct}/landing/a.csv`, { allowSas: true })));
});

test('the entry that names the container goes before the one that names the whole account', () => {
  const account = { accountUrl: acct };
  for (const list of [
    [account, landing],
    [landing, account],
  ]) {
    assert.equal(resolve(`${acct}/landing/a`, { allowed: list }).storage, landing);
    assert.equal(resolve(`${acct}/other/a`, { allowed: list }).storage, account);
  }
});

test('a loopback literal is read when it is listed and written alike', () => {
  const six = { accountUrl: 'http://[::1]:10000/devstoreaccount1' };
  assert.equal(resolve(`${six.accountUrl}/data/a`, { allowed: [six] }).address, `${six.accountUrl}/data/a`);
  assertRefused('LOAD_SOURCE_FORBIDDEN', 'http://[0:0:0:0:0:0:0:1]:10000/devstoreaccount1/data/a', {
    allowed: [six],
  });
  const named = { accountUrl: 'http://localhost:10000/devstoreaccount1' };
  assert.equal(
    resolve('http://LocalHost:10000/devstoreaccount1/data/a', { allowed: [named] }).storage,
    named,
  );
});

test('two accounts of one local host are told apart by the path', () => {
  const one = { accountUrl: 'http://127.0.0.1:10000/one', container: 'data' };
  const two = { accountUrl: 'http://127.0.0.1:10000/two' };
  assert.equal(resolve('http://127.0.0.1:10000/two/data/a', { allowed: [one, two] }).storage, two);
  assertRefused('LOAD_SOURCE_FORBIDDEN', 'http://127.0.0.1:10000/one/other/a', { allowed: [one, two] });
});

test('names out of a list of blobs meet the same rules', () => {
  assert.equal(blobNameProblem('2024/a b.csv', 'blob'), undefined);
  for (const name of ['', 'a/', '../x', 'a;impersonate', 'a\\b', 'a\nb', 'a\ud800', 'a//b']) {
    assert.notEqual(blobNameProblem(name, 'blob'), undefined, name);
  }
});

test('the address of a listed blob is the one that its URL resolves to', () => {
  const address = canonicalAddress(acct, 'landing', "x/a'b c%.csv");
  assert.equal(address, `${acct}/landing/x/a%27b%20c%25.csv`);
  assert.equal(resolve(address).address, address);
});

test('a text of the greatest length is judged quickly, whatever it holds', () => {
  const started = performance.now();
  for (const filling of ['%25', 'a/', '-', 'a-', '..%2f', '&sig=1']) {
    refusalOf(`${acct}/${filling.repeat(4000)}`.slice(0, 4096));
    refusalOf(`${acct}/landing/${filling.repeat(4000)}`.slice(0, 4096));
    refusalOf(`${acct}/landing/a?${filling.repeat(4000)}`.slice(0, 4096), { allowSas: true });
  }
  assert.ok(performance.now() - started < 2000);
});
