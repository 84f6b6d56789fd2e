import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeConfig } from '../../../src/config/describe.js';
import { findAppRoot, readPipelineFile } from '../../../src/config/environment.js';
import { nearest } from '../../../src/config/nearest.js';
import { resolveStorage } from '../../../src/config/storage-settings.js';
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  parseTimeSpan,
} from '../../../src/config/units.js';
import { KfError } from '../../../src/runtime/errors.js';
import { good, kustoPart, mistakesOf, settings } from './fixture.js';

test('sizes are read in powers of ten and of two', () => {
  assert.deepEqual(
    [64, '64', '64MiB', '1.5 KiB', '5GB', '2kb', '0'].map(parseSize),
    [64, 64, 67_108_864, 1536, 5_000_000_000, 2000, 0],
  );
  assert.deepEqual(
    ['', 'MiB', '-1', '1.5e3', '64 apples', -1, 0.5, Number.NaN, '99999999999999999'].map(parseSize),
    Array(9).fill(undefined),
  );
});

test('durations are read with units and as time spans', () => {
  assert.deepEqual(
    [30_000, '30s', '1.5m', '2h', '1d', '250ms', '00:00:30', '1.00:00:00', '00:00:00.5'].map(parseDuration),
    [30_000, 30_000, 90_000, 7_200_000, 86_400_000, 250, 30_000, 86_400_000, 500],
  );
  assert.deepEqual(['soon', '1:00', '00:60:00', '25:00:00'].map(parseDuration), Array(4).fill(undefined));
  assert.equal(parseTimeSpan('00:30:00'), 1_800_000);
});

test('a size or duration that is written is read back the same', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 40 }), (value) => {
      assert.equal(parseSize(formatSize(value)), value);
      assert.equal(parseDuration(formatDuration(value)), value);
    }),
  );
});

test('the nearest key is found for typing mistakes and for nothing else', () => {
  const keys = ['format', 'mapping', 'delivery', 'a'];
  assert.deepEqual(
    ['fromat', 'Mapping', 'delivry', 'x', 'completely', 'A', 'x'.repeat(100)].map((key) =>
      nearest(key, keys),
    ),
    ['format', 'mapping', 'delivery', undefined, undefined, 'a', undefined],
  );
});

test('a storage connection is a string, an account name, or service addresses', () => {
  assert.deepEqual(resolveStorage({ S: 'UseDevelopmentStorage=true' }, 'S'), {
    connectionString: 'UseDevelopmentStorage=true',
  });
  assert.deepEqual(resolveStorage({ AzureWebJobsS: 'AccountName=a;AccountKey=k' }, 'S'), {
    connectionString: 'AccountName=a;AccountKey=k',
  });
  assert.deepEqual(
    resolveStorage({ S__accountName: 'acc', S__clientId: 'id', S__credential: 'managedidentity' }, 'S'),
    {
      blobUrl: 'https://acc.blob.core.windows.net',
      tableUrl: 'https://acc.table.core.windows.net',
      queueUrl: 'https://acc.queue.core.windows.net',
      clientId: 'id',
    },
  );
  assert.deepEqual(resolveStorage({ S__blobServiceUri: 'https://a.blob.core.chinacloudapi.cn' }, 'S'), {
    blobUrl: 'https://a.blob.core.chinacloudapi.cn',
    tableUrl: 'https://a.table.core.chinacloudapi.cn',
    queueUrl: 'https://a.queue.core.chinacloudapi.cn',
  });
});

test('a storage connection that cannot work is told, without its value', () => {
  assert.match(String(resolveStorage({}, 'S')), /S has no value.*S__accountName/);
  assert.match(String(resolveStorage({ S: 'hunter2' }, 'S')), /no storage connection string/);
  assert.ok(!String(resolveStorage({ S: 'hunter2' }, 'S')).includes('hunter2'));
  assert.match(String(resolveStorage({ S__blobServiceUri: 'http://127.0.0.1:1/a' }, 'S')), /tableServiceUri/);
  assert.match(
    String(resolveStorage({ S__accountName: 'a', S__credential: 'clientsecret' }, 'S')),
    /managedidentity/,
  );
});

test('the printed configuration holds no secret', () => {
  const text = kustoPart.replace(
    'managedIdentity',
    'application, tenantId: t, clientId: c, clientSecret: "%SECRET%"',
  );
  const config = good(text, {
    settings: { ...settings, SECRET: 'hunter2', AzureWebJobsStorage: 'AccountName=acc;AccountKey=c2VjcmV0' },
  });
  const printed = JSON.stringify(describeConfig(config));
  assert.ok(!printed.includes('hunter2') && !printed.includes('c2VjcmV0'));
  assert.match(printed, /account: acc/);
});

test('a mistake does not print the secret that made it', () => {
  const text = `${kustoPart.replace('managedIdentity', 'accessToken')}    token: 12345\n`.replace(
    '{ kind: accessToken }\n    token: 12345',
    '{ kind: accessToken, token: 12345 }',
  );
  assert.deepEqual(mistakesOf(text), ['kusto.auth.token: is a number, not text; write it in quotes']);
});

test('the app’s folder is the one with host.json', () => {
  assert.equal(readPipelineFile({}).path, `${findAppRoot()}/pipeline.yaml`);
});

test('a pipeline file that is not there is told with the setting that names it', () => {
  assert.throws(
    () => readPipelineFile({ PIPELINE_FILE: 'nowhere.yaml' }),
    (error) =>
      error instanceof KfError && error.code === 'CONFIG_INVALID' && /PIPELINE_FILE/.test(error.message),
  );
});

test('a mistake does not print the password of a proxy', () => {
  const [mistake] = mistakesOf(`${kustoPart}  proxyUrl: http://user:hunter2@proxy:3128/path\n`);
  assert.match(mistake ?? '', /proxyUrl: .*write http/);
  assert.ok(!mistake?.includes('hunter2'));
});
