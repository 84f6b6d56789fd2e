import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAllowList } from '../../../src/config/allow-list.js';
import { createRouter } from '../../../src/ingest/route.js';
import { route } from './support.js';

const dynamic = route({
  dynamicAllow: ['Telemetry.*', 'Audit.Log_*'],
  mapping: 'M',
  tags: { additional: ['a'], dropBy: ['b'] },
});

test('without an allow-list properties change nothing', () => {
  const router = createRouter(route());
  assert.equal(router.fromProperties({ Table: 'Other', Format: 'nope' }).target, router.base);
});

test('tags of the route carry drop-by prefixes', () => {
  assert.deepEqual(createRouter(dynamic).base.target.tags, ['a', 'drop-by:b']);
});

test('properties are read without regard to case', () => {
  const { target } = createRouter(dynamic).fromProperties({
    database: 'Audit',
    TABLE: 'Log_1',
    format: 'CSV',
    ingestionMappingReference: 'Other',
    tags: '["x","y"]',
  });
  const { database, table, format, mapping, tags } = target.target;
  assert.deepEqual(
    { database, table, format, mapping, tags },
    {
      database: 'Audit',
      table: 'Log_1',
      format: 'csv',
      mapping: 'Other',
      tags: ['a', 'drop-by:b', 'x', 'y'],
    },
  );
});

test('the same target is the same object, so that records share a batch', () => {
  const router = createRouter(dynamic);
  assert.equal(router.fromProperties({ Table: 'T' }).target, router.fromProperties({ table: 'T' }).target);
  assert.equal(router.fromProperties({ Table: 'Sensors' }).target, router.base);
});

test('a target outside the list is refused', () => {
  const router = createRouter(dynamic);
  for (const properties of [
    { Database: 'Secret' },
    { Database: 'Audit', Table: 'Users' },
    { Database: 'TelemetryX' },
  ]) {
    assert.throws(() => router.fromProperties(properties), { code: 'ROUTE_NOT_ALLOWED' });
  }
});

test('a mapping stays with its kind of format', () => {
  const router = createRouter(dynamic);
  assert.equal(router.fromProperties({ Format: 'multijson' }).target.target.mapping, 'M');
  assert.equal(router.fromProperties({ Format: 'csv' }).target.target.mapping, undefined);
});

test('unknown formats and compressions are refused by name', () => {
  const router = createRouter(dynamic);
  assert.throws(() => router.fromProperties({ Format: 'xml' }), { code: 'FORMAT_UNKNOWN' });
  assert.throws(() => router.fromProperties({ Compression: 'zip' }), { code: 'RECORD_NOT_GZIP' });
  assert.equal(router.fromProperties({ Compression: 'GZip' }).compression, 'gzip');
});

test('tags and inline mappings make a streaming record queued', () => {
  const router = createRouter(route({ dynamicAllow: ['*.*'], delivery: 'streaming' }));
  assert.equal(router.fromProperties({ Table: 'T' }).target.target.delivery, 'streaming');
  assert.equal(router.fromProperties({ Table: 'T', Tags: 'x' }).target.target.delivery, 'queued');
});

test('patterns stand for their side of the dot only, and have no other magic', () => {
  const allow = createAllowList(['A.*', 'B?.T', 'C.T+']);
  assert.ok(allow.allows('A', 'x.y'));
  assert.ok(!allow.allows('A.x', 'y'));
  assert.ok(!allow.allows('B1', 'T'));
  assert.ok(!allow.allows('C', 'TT'));
  assert.ok(!createAllowList(['*']).allows('A', 'B'));
  assert.ok(!createAllowList([]).allows('A', 'B'));
});
