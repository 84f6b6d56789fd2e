import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openApi } from '../../../src/functions/openapi.js';

type Document = {
  paths: Record<string, Record<string, { responses: Record<string, unknown> }>>;
  components: { schemas: Record<string, unknown> };
};

test('every operation answers errors as problem documents', () => {
  const document = openApi() as Document;
  for (const [path, verbs] of Object.entries(document.paths)) {
    for (const [verb, operation] of Object.entries(verbs)) {
      assert.ok(operation.responses.default, `${verb} ${path} has no default answer`);
    }
  }
});

test('every reference of the document resolves', () => {
  const document = openApi() as Document;
  const references = JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g);
  for (const [, name] of references) {
    assert.ok(document.components.schemas[name as string], `${name} is not defined`);
  }
});
