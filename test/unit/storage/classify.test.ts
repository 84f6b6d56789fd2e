import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { toPlainJson } from '../../../src/runtime/plain-json.js';
import { scrub } from '../../../src/runtime/scrub.js';
import { classifyStorage } from '../../../src/storage/classify.js';
import { SasUrl } from '../../../src/storage/sas-url.js';

test('each storage failure has its code, and Retry-After is kept', () => {
  const cases: [object, string][] = [
    [{ statusCode: 404, code: 'BlobNotFound' }, 'STORAGE_NOT_FOUND'],
    [{ statusCode: 409, details: { errorCode: 'BlobAlreadyExists' } }, 'STORAGE_CONFLICT'],
    [{ statusCode: 412 }, 'STORAGE_CONFLICT'],
    [{ statusCode: 409, code: 'ContainerBeingDeleted' }, 'STORAGE_TRANSIENT'],
    [{ statusCode: 403 }, 'STORAGE_FORBIDDEN'],
    [{ statusCode: 503 }, 'STORAGE_TRANSIENT'],
    [{ statusCode: 400, code: 'InvalidInput' }, 'INTERNAL'],
    [{ code: 'ENOTFOUND' }, 'STORAGE_UNREACHABLE'],
    [{ name: 'AbortError' }, 'CANCELLED'],
    [{}, 'STORAGE_TRANSIENT'],
  ];
  for (const [failure, code] of cases)
    assert.equal(classifyStorage(failure, 'x').code, code, inspect(failure));
  const slow = classifyStorage({ statusCode: 503, response: { headers: { get: () => '3' } } }, 'x');
  assert.equal(slow.retryAfterMs, 3_000);
});

test('no form of an error or a link shows a signature, key or token', () => {
  const secrets = [
    'PUT https://a.blob.example/c/b?sv=2023&sig=SECRET%3D failed',
    'Bearer SECRET.abc was refused',
    'AccountKey=SECRET==;EndpointSuffix=x',
    '{"access_token":"SECRET"}',
    'token eyJhbGciOi.eyJTRUNSRVQ.SECRET',
    'SharedAccessSignature=SECRET&x',
  ];
  for (const text of secrets) {
    assert.doesNotMatch(scrub(text), /SECRET/, text);
    const error = classifyStorage(
      Object.assign(new Error(text), { statusCode: 400, request: { url: text } }),
      'place',
    );
    assert.doesNotMatch(inspect(error, { depth: 10 }), /SECRET/, text);
  }
  const url = new SasUrl('https://a.blob.example/c/b?sig=SECRET');
  assert.doesNotMatch(
    `${url} ${JSON.stringify({ url })} ${inspect({ url })} ${toPlainJson({ url })}`,
    /SECRET/,
  );
});

test('properties of any kind become JSON', () => {
  const loop: Record<string, unknown> = { n: 1n, bytes: Buffer.from('hi'), at: new Date(0), twice: { a: 1 } };
  loop['self'] = loop;
  loop['again'] = loop['twice'];
  assert.equal(
    toPlainJson(loop),
    '{"n":"1","bytes":"aGk=","at":"1970-01-01T00:00:00.000Z","twice":{"a":1},"again":{"a":1}}',
  );
});
