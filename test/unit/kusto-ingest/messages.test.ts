import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryKeeper } from '../../../local/kusto/dm/keeper.js';
import { parseMessage } from '../../../local/kusto/dm/message.js';
import { describeOperation, Operations } from '../../../local/kusto/dm/operations.js';
import { Bag, parseProperties } from '../../../local/kusto/dm/properties.js';

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');

function read(message: Record<string, unknown>) {
  const properties = { authorizationContext: 'token', ...(message['AdditionalProperties'] as object) };
  const full = { Id: 'i', DatabaseName: 'D', TableName: 'T', BlobPath: 'http://x/c/b?s', ...message };
  return parseMessage(base64({ ...full, AdditionalProperties: properties }), 'token');
}

function codeOf(message: Record<string, unknown>): string {
  const parsed = read(message);
  assert.equal(parsed.kind, 'bad');
  return (parsed.kind === 'bad' ? (parsed.error as { code: string }) : { code: '' }).code;
}

test('a message of the Node client is read with its defaults', () => {
  const parsed = read({
    RawDataSize: null,
    RetainBlobOnSuccess: true,
    FlushImmediately: true,
    ReportLevel: 2,
    ReportMethod: 2,
    AdditionalProperties: { format: 'csv', tags: '["drop-by:a"]', ignoreFirstRecord: true },
  });
  assert.ok(parsed.kind === 'source');
  const { source } = parsed;
  assert.equal(source.rawSizeBytes, undefined);
  assert.equal(source.flushImmediately, true);
  assert.equal(source.deleteOnSuccess, false);
  assert.deepEqual(source.properties.tags, ['drop-by:a']);
  assert.deepEqual(source.report, {
    level: 'FailuresAndSuccesses',
    toQueue: true,
    toTable: true,
    partitionKey: 'i',
    rowKey: 'i',
  });
});

test('keys in any case and words for numbers mean the same', () => {
  const text = base64({
    id: 'i',
    databasename: 'D',
    tableName: 'T',
    blobpath: 'http://x/c/b',
    rawDataSize: '12',
    reportLevel: 'None',
    reportMethod: 'Table',
    ingestionStatusInTable: { PartitionKey: 'p', rowkey: 'r' },
    additionalProperties: { AuthorizationContext: 'token', Format: 'JSON', IngestionMappingReference: 'm' },
  });
  const parsed = parseMessage(text, 'token');
  assert.ok(parsed.kind === 'source');
  assert.equal(parsed.source.rawSizeBytes, 12);
  assert.equal(parsed.source.properties.format, 'json');
  assert.equal(parsed.source.properties.mappingReference, 'm');
  assert.deepEqual(parsed.source.report, {
    level: 'None',
    toQueue: false,
    toTable: true,
    partitionKey: 'p',
    rowKey: 'r',
  });
});

test('what a message lacks has its code', () => {
  assert.equal(codeOf({ DatabaseName: '' }), 'BadRequest_EmptyDatabaseName');
  assert.equal(codeOf({ TableName: '' }), 'BadRequest_InvalidOrEmptyTableName');
  assert.equal(codeOf({ BlobPath: '' }), 'BadRequest_EmptyBlobUri');
  assert.equal(
    codeOf({ AdditionalProperties: { authorizationContext: 'x' } }),
    'BadRequest_InvalidKustoIdentityToken',
  );
  assert.equal(codeOf({ AdditionalProperties: { tags: '{}' } }), 'BadRequest_MalformedIngestionProperty');
  for (const text of ['', '!!', base64([1]), base64('x')]) {
    const parsed = parseMessage(text, 'token');
    assert.ok(parsed.kind === 'bad');
    assert.equal((parsed.error as { code: string }).code, 'BadRequest_CorruptedMessage');
  }
});

test('creation times of year one mean none, bad ones and unsupported properties are refused', () => {
  const properties = (value: object) => parseProperties(new Bag(value));
  assert.equal(properties({ creationTime: '0001-01-01T00:00:00Z' }).creationTime, undefined);
  assert.equal(properties({ creationTime: '2026-01-01T00:00:00Z' }).creationTime, '639028224000000000');
  assert.throws(() => properties({ creationTime: 'soon' }), {
    code: 'BadRequest_MalformedIngestionProperty',
  });
  assert.throws(() => properties({ zipPattern: '*.csv' }), /zipPattern is not supported/);
  assert.deepEqual(properties({ ingestIfNotExists: 'bare' }).ingestIfNotExists, ['bare']);
});

test('a source of an operation ends once', async () => {
  const operations = new Operations(memoryKeeper(), () => 'now');
  const queued = { sourceId: 's', url: 'u', status: 'Queued', startTime: 't', lastUpdated: 't' } as const;
  await operations.begin({
    id: 'o',
    database: 'D',
    table: 'T',
    startTime: 't',
    lastUpdated: 't',
    sources: [queued],
  });
  await operations.change('o', 's', { status: 'Succeeded' });
  await operations.change('o', 's', { status: 'Failed', errorCode: 'x' });
  const shown = describeOperation(operations.get('D', 'T', 'o'), false);
  assert.deepEqual(shown['status'], { succeeded: 1, failed: 0, inProgress: 0, canceled: 0 });
  assert.throws(() => operations.get('D', 'U', 'o'), { status: 404 });
});
