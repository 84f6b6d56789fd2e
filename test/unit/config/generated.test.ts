import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCodes } from '../../../src/checks/codes.js';
import { pipelineJsonSchema } from '../../../src/config/json-schema.js';
import { errorCodes } from '../../../src/runtime/error-codes.js';
import { configurationPage, errorsPage, staleFiles } from '../../tools/generate-docs.js';

test('generated documents are what their source says; npm run docs writes them', () => {
  assert.deepEqual(staleFiles(), []);
});

test('every error and check code is documented', () => {
  const page = errorsPage();
  for (const code of [...Object.keys(errorCodes), ...Object.keys(checkCodes)].filter(
    (name) => name !== 'OK',
  )) {
    assert.ok(page.includes(`| \`${code}\` |`), code);
  }
});

test('every key of the file is documented with its default', () => {
  const page = configurationPage();
  for (const [key, value] of [
    ['route.batch.maxAgeMs', '30s'],
    ['retry.maxElapsedMs', '4m'],
    ['eventHub.consumerGroup', '$Default'],
    ['settleTimeoutMs', '1d'],
    ['blobBytes', '256MiB'],
    ['auth(application).clientSecret', undefined],
  ] as const) {
    const line = page.split('\n').find((one) => one.startsWith(`| \`${key}\` |`));
    assert.ok(line?.includes(value === undefined ? '**required**' : `\`${value}\``), `${key}: ${line}`);
  }
});

type Node = Record<string, unknown>;

function nodesOf(node: unknown): Node[] {
  if (node === null || typeof node !== 'object') {
    return [];
  }
  return [...(Array.isArray(node) ? [] : [node as Node]), ...Object.values(node).flatMap(nodesOf)];
}

test('the schema for editors closes every map and lets an app setting stand for a choice', () => {
  const maps = nodesOf(pipelineJsonSchema()).filter((node) => node['type'] === 'object');
  assert.ok(maps.length > 20);
  assert.ok(maps.every((node) => node['additionalProperties'] !== undefined));
  const choice = nodesOf(pipelineJsonSchema()).find((node) =>
    JSON.stringify(node['anyOf'] ?? '').includes('"deadLetter","drop"'),
  );
  assert.match(JSON.stringify(choice), /%\[A-Za-z_\]/);
});

test('the schema names a text for every key that has one', () => {
  const root = pipelineJsonSchema() as { properties: Record<string, { description?: string }> };
  assert.ok(Object.values(root.properties).every(({ description }) => (description ?? '').length > 10));
});
