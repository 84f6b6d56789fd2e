import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { KfError } from '../../../src/runtime/errors.js';
import {
  type AllowedStorage,
  type BlobAddress,
  resolveBlob,
} from '../../../src/transactional/blob-address.js';
import { blobNameProblem, canonicalAddress } from '../../../src/transactional/blob-name.js';

const naughty = createRequire(import.meta.url)('big-list-of-naughty-strings') as string[];
const allowed: readonly AllowedStorage[] = [
  { accountUrl: 'https://acct.blob.core.windows.net', container: 'landing' },
  { accountUrl: 'https://whole.blob.core.windows.net' },
  { accountUrl: 'http://127.0.0.1:10000/devstoreaccount1', container: 'data' },
];
const place = 'sources[0].url';

type Verdict = BlobAddress | KfError;

function judge(text: string, kind: 'blob' | 'prefix', allowSas: boolean): Verdict {
  try {
    return resolveBlob(text, { allowed, allowSas, place, kind });
  } catch (error) {
    assert.ok(error instanceof KfError, String(error));
    return error;
  }
}

/** What any parser of URLs makes of the address lies in the storage that was found. */
function assertInside({ storage, container, blob, address, sas }: BlobAddress): void {
  assert.ok(allowed.includes(storage));
  assert.ok(storage.container === undefined || storage.container === container);
  const url = new URL(address);
  const account = new URL(storage.accountUrl);
  assert.equal(url.href, address);
  assert.equal(url.origin, account.origin);
  assert.equal(`${url.username}${url.password}${url.search}${url.hash}`, '');
  const base = account.pathname.replace(/\/$/, '');
  assert.equal(decodeURIComponent(url.pathname), `${base}/${container}/${blob}`);
  assert.equal(
    decodeURIComponent(url.pathname.split('/').slice(base === '' ? 1 : 2)[0] as string),
    container,
  );
  if (sas !== undefined) {
    assert.equal(new URL(`${address}?${sas}`).search, `?${sas}`);
    assert.ok(new URLSearchParams(sas).has('sig'));
  }
}

/** Pieces of which allowed and hostile addresses are made. */
const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(...'/.:@?#\\;%&=[]'.split(''), '//', '..', '%2e', '%2F', '%5c', '%25', '%00'),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...['landing', 'data', 'other', '$logs', 'devstoreaccount1', 'a', 'evil.com', 'acct', ':443', ':10000'],
      ...[
        'sig=x',
        'sv=1',
        '&',
        'comp=list',
        ';impersonate',
        '127.0.0.1',
        '0x7f.1',
        '\t',
        '\u00ad',
        '。',
        '／',
        'ａ',
      ],
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 3 }) },
);
const start = fc.constantFrom(
  'https://acct.blob.core.windows.net/landing/',
  'https://acct.blob.core.windows.net/landing',
  'https://acct.blob.core.windows.net/',
  'https://acct.blob.core.windows.net',
  'https://whole.blob.core.windows.net/',
  'http://127.0.0.1:10000/devstoreaccount1/data/',
  'http://127.0.0.1:10000/devstoreaccount1/',
  'http://127.0.0.1:10000/',
  'https://',
  '',
);
const tail = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
const addressLike = fc.tuple(start, tail).map((parts) => parts.join(''));
const kinds = fc.constantFrom<'blob' | 'prefix'>('blob', 'prefix');

test('whatever is accepted lies in the allowed storage, however it is parsed again', () => {
  let accepted = 0;
  fc.assert(
    fc.property(addressLike, kinds, fc.boolean(), (text, kind, allowSas) => {
      const verdict = judge(text, kind, allowSas);
      if (verdict instanceof KfError) return;
      accepted++;
      assertInside(verdict);
      assert.ok(allowSas || verdict.sas === undefined);
    }),
    { numRuns: 10_000 },
  );
  assert.ok(accepted > 100, `only ${accepted} were accepted`);
});

test('what is accepted is what a parser of URLs would read from the text itself', () => {
  fc.assert(
    fc.property(addressLike, kinds, (text, kind) => {
      const verdict = judge(text, kind, true);
      if (verdict instanceof KfError) return;
      const url = new URL(text);
      assert.equal(url.origin, new URL(verdict.address).origin);
      const path = decodeURIComponent(url.pathname);
      assert.equal(
        path.replace(/\/$/, ''),
        decodeURIComponent(new URL(verdict.address).pathname).replace(/\/$/, ''),
      );
    }),
    { numRuns: 5000 },
  );
});

test('an accepted address is accepted again and stays the same', () => {
  fc.assert(
    fc.property(addressLike, kinds, (text, kind) => {
      const first = judge(text, kind, true);
      if (first instanceof KfError) return;
      const { sas: _, ...rest } = first;
      assert.deepEqual(judge(first.address, kind, false), rest);
    }),
    { numRuns: 5000 },
  );
});

test('every name that the rules allow is read back from its address', () => {
  const name = fc.oneof(fc.string({ unit: 'binary', maxLength: 80 }), tail, fc.constantFrom(...naughty));
  fc.assert(
    fc.property(name, kinds, fc.constantFrom(...allowed), (blob, kind, storage) => {
      fc.pre(blobNameProblem(blob, kind) === undefined);
      const container = storage.container ?? 'any-container';
      const address = canonicalAddress(storage.accountUrl, container, blob);
      fc.pre(address.length <= 4096);
      assert.deepEqual(judge(address, kind, false), { storage, container, blob, address });
    }),
    { numRuns: 2000 },
  );
});

test('no refusal repeats the query, the user name or the password', () => {
  const secret = 'Zq9Xw7Vk3Jt5';
  fc.assert(
    fc.property(start, tail, tail, fc.boolean(), (begin, path, query, allowSas) => {
      const texts = [
        `${begin}${path}?${query}&sig=${secret}&x=${secret}`,
        `${begin}${path}?${secret}${query}`,
        `${begin}${path};${secret}`,
        `${begin}${path}#${secret}`,
        `https://${secret}@${path}`,
        `https://u:${secret}@acct.blob.core.windows.net/${path}`,
      ];
      for (const verdict of texts.map((text) => judge(text, 'blob', allowSas))) {
        if (!(verdict instanceof KfError)) {
          assert.ok(!verdict.address.includes(secret) && allowSas);
          continue;
        }
        assert.ok(verdict.message.startsWith(`${place}: `));
        assert.ok(!verdict.message.toLowerCase().includes(secret.toLowerCase()), verdict.message);
        assert.equal(verdict.cause, undefined);
      }
    }),
    { numRuns: 3000 },
  );
});

test('no host but an allowed one is ever accepted', () => {
  const host = fc.oneof(
    fc.domain(),
    fc.ipV4(),
    fc.ipV4Extended(),
    fc.ipV6().map((ip) => `[${ip}]`),
    fc.webAuthority(),
  );
  fc.assert(
    fc.property(host, fc.constantFrom('http', 'https'), (authority, scheme) => {
      const verdict = judge(`${scheme}://${authority}/landing/a.csv`, 'blob', true);
      assert.ok(verdict instanceof KfError, JSON.stringify(verdict));
    }),
    { numRuns: 2000 },
  );
});

test('whatever the text, it is an address or one of two coded refusals', () => {
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.webUrl({ withQueryParameters: true }),
    fc.constantFrom(...naughty),
  );
  fc.assert(
    fc.property(anyText, kinds, fc.boolean(), (text, kind, allowSas) => {
      const verdict = judge(text, kind, allowSas);
      assert.ok(
        verdict instanceof KfError && /^(?:LOAD_SOURCE_FORBIDDEN|REQUEST_INVALID)$/.test(verdict.code),
      );
    }),
    { numRuns: 3000 },
  );
});
