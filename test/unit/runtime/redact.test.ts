import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redact, scrub } from '../../../src/runtime/redact.js';

const secret = 'S3cr3tS3cr3tS3cr3t';

for (const text of [
  `https://a.blob.core.windows.net/c/b?sv=1&sig=${secret}&se=2`,
  `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${secret}==;EndpointSuffix=core`,
  `Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=${secret}=`,
  `Authorization: Bearer ${secret}.abc`,
  `client_secret=${secret}&grant_type=x`,
  `{"clientSecret": "${secret}"}`,
  `{"password":"${secret}"}`,
  `token eyJ0eXAiOiJK.eyJhdWQiOiJh.${secret}`,
  `http://user:${secret}@proxy:3128/`,
  `https://x.azurewebsites.net/api/ingest?code=${secret}`,
  `x-functions-key: ${secret}`,
  `SharedAccessSignature sr=x&sig=${secret}&se=1`,
]) {
  test(`no secret is left of ${text.slice(0, 40)}`, () => {
    assert.ok(!redact(text).includes(secret), redact(text));
  });
}

test('ordinary text stays as it is', () => {
  for (const text of [
    'table Samples.Flights: 12 rows in 3 ms',
    'code=RECORD_NOT_JSON',
    'https://a/b?c=1',
    'design=3',
  ]) {
    assert.equal(redact(text), text);
  }
});

test('a very long text is cut', () => {
  assert.ok(redact('x'.repeat(1_000_000)).length < 5000);
});

test('a foreign text keeps no query, no token and no control characters', () => {
  const text = `put https://a.blob.core.windows.net/c/b?sv=1&sig=${secret} failed\nBearer ${secret}\u0007`;
  const clean = scrub(text);
  assert.ok(!clean.includes(secret), clean);
  assert.equal(/\p{Cc}/u.test(clean), false);
  assert.match(clean, /https:\/\/a\.blob\.core\.windows\.net\/c\/b\?…/);
  assert.ok(scrub('x'.repeat(100_000)).length <= 1000);
});
