import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readsKey } from '../../../src/config/schema-route.js';

test('a mapping reads a metadata key as a whole, in any spelling, or something within it', () => {
  for (const path of ['$._p', "$['_p']", '$["_p"]', '$._p.case', "$['_p'].a", '$._p[0]']) {
    assert.equal(readsKey([undefined, path], '_p'), true, path);
  }
});

test('a longer key with the same beginning is another key', () => {
  for (const path of ['$._part', '$.x._p', '$', undefined]) {
    assert.equal(readsKey([path], '_p'), false, String(path));
  }
});
