import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SchemaNode } from '../../../src/config/issues.js';
import { openApi } from '../../../src/functions/openapi.js';
import { requestSchemaTree } from '../../../src/transactional/request-schema.js';
import type { Load } from '../../../src/transactional/types.js';
import { viewOf } from '../../../src/transactional/view.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, SchemaNode>> };
}
const document = openApi() as unknown as Document;
const { schemas } = document.components;

/** A load with a value for everything that a view can show. */
const full: Load = {
  id: 'l1',
  digest: '',
  state: 'skipped',
  step: 'finish',
  options: {
    writeMode: 'Transactional',
    database: 'D',
    table: 'T',
    format: 'csv',
    ignoreFirstRecord: false,
    tableCreateOptions: 'FailIfNotExist',
    adjustSchema: 'NoAdjustment',
    clientBatchingLimitMb: 300,
    tags: { additional: [], ingestBy: [], ingestIfNotExists: [] },
    expectedRows: 5,
    timeoutMs: 1,
    allowPartialVisibility: false,
  },
  createdAtMs: 0,
  updatedAtMs: 0,
  endedAtMs: 5,
  deadlineMs: 1,
  cancelRequested: false,
  generation: 1,
  plan: {
    columns: [],
    targetExists: true,
    batching: { MaximumBatchingTimeSpan: '', MaximumNumberOfItems: 1, MaximumRawDataSizeMB: 1 },
    rowLevelSecurity: false,
    dependents: [],
    commitForm: 'move',
    warnings: ['w'],
  },
  sources: { blobs: 1, calls: 1, sizeBytes: 1, rawBytes: 1, rows: 1 },
  progress: { sent: 1, succeeded: 1, failed: 0 },
  verified: { extents: 1, rows: 5, generation: 0 },
  commit: {
    form: 'move',
    attempt: 1,
    clientRequestId: 'c',
    issuedAtMs: 0,
    operationId: 'o',
    cleared: 0,
    moveBatches: 1,
    batchSize: 1,
  },
  committed: { extents: 1, rows: 5 },
  possibleDuplicates: 1,
  skippedBy: 'ingest-by:x',
  error: { code: 'LOAD_COMMIT_FAILED', message: 'm', serviceCode: 's', source: 'u' },
  repair: 'r',
  times: { lastSentMs: 1, lastStatusMs: 2 },
  cleaned: true,
};

/** Members of a value that the schema does not have, and the other way round. */
function differences(value: unknown, node: SchemaNode | undefined, at: string): string[] {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [];
  const known = Object.keys(node?.properties ?? {});
  const there = Object.keys(value);
  return [
    ...there.filter((name) => !known.includes(name)).map((name) => `${at}.${name} is not described`),
    ...known.filter((name) => !there.includes(name)).map((name) => `${at}.${name} is never shown`),
    ...there.flatMap((name) =>
      differences((value as Record<string, unknown>)[name], node?.properties?.[name], `${at}.${name}`),
    ),
  ];
}

test('the schema of a load has every member that a load can show, and no other', () => {
  const view = JSON.parse(JSON.stringify(viewOf(full)));
  assert.deepEqual(differences(view, schemas['Load'], 'Load'), []);
  const missing = (schemas['Load']?.required ?? []).filter((name) => !(name in view));
  assert.deepEqual(missing, []);
});

test('a load that has only begun shows every required member', () => {
  const { plan: _p, sources: _s, progress: _g, verified: _v, commit: _c, error: _e, ...young } = full;
  const view = viewOf({ ...young, state: 'running', step: 'inspect' });
  assert.deepEqual(
    (schemas['Load']?.required ?? []).filter((name) => !(name in view)),
    [],
  );
});

/** Paths of all members below a node. */
function membersOf(node: SchemaNode, at = ''): [string, SchemaNode][] {
  const children = { ...node.properties, ...node.items?.properties };
  return Object.entries(children).flatMap(([name, child]) => {
    const path = at === '' ? name : `${at}.${name}`;
    return [[path, child] as [string, SchemaNode], ...membersOf(child, path)];
  });
}

test('the request is the one that is checked, and each of its members is explained', () => {
  const request = schemas['LoadRequest'] as SchemaNode;
  const shown = membersOf(request);
  assert.deepEqual(
    shown.map(([name]) => name),
    membersOf(requestSchemaTree()).map(([name]) => name),
  );
  assert.deepEqual(request.required, ['database', 'table', 'sources', 'format']);
  assert.deepEqual(
    shown.filter(([, { description }]) => !/^.{10,}\.$/.test(description ?? '')).map(([name]) => name),
    [],
  );
});

test('docs/transactional-write.md explains every member of the request with its default', () => {
  const text = readFileSync(`${root}docs/transactional-write.md`, 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  for (const [name, node] of membersOf(requestSchemaTree())) {
    const row = rows.find((line) => line.startsWith(`| \`${name.replace(/^sources\./, 'sources[].')}\` |`));
    assert.ok(row, `${name} has no row`);
    const { default: value } = node as { default?: unknown };
    if (value !== undefined && typeof value !== 'object') {
      assert.ok(row.split('|')[3]?.includes(`\`${value}\``), `${name}: its default is ${value}`);
    }
  }
});

test('every HTTP function of the app is described, and nothing else', () => {
  const folder = `${root}src/functions/`;
  const routes = readdirSync(folder)
    .filter((name) => name.startsWith('http-'))
    .flatMap((name) => {
      const code = readFileSync(`${folder}${name}`, 'utf8');
      return [...code.matchAll(/methods: \['(\w+)'\],\s+route: '([^']+)'/g)].map(
        ([, method, route]) => `${method?.toLowerCase()} /${route}`,
      );
    });
  const described = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.keys(verbs).map((verb) => `${verb} ${path}`),
  );
  assert.deepEqual(described.sort(), routes.sort());
  assert.ok(routes.includes('delete /loads/{id}'));
});
