import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  deriveEndpoints,
  isLoopbackHost,
  isTrustedHost,
  kustoDomains,
} from '../../../src/config/endpoints.js';
import { good, kustoPart, mistakesOf } from './fixture.js';

const derived: readonly [string, string, string][] = [
  [
    'https://help.kusto.windows.net',
    'https://help.kusto.windows.net',
    'https://ingest-help.kusto.windows.net',
  ],
  [
    'https://c.westeurope.kusto.windows.net/',
    'https://c.westeurope.kusto.windows.net',
    'https://ingest-c.westeurope.kusto.windows.net',
  ],
  [
    'c.westeurope.kusto.windows.net',
    'https://c.westeurope.kusto.windows.net',
    'https://ingest-c.westeurope.kusto.windows.net',
  ],
  ['mycluster', 'https://mycluster.kusto.windows.net', 'https://ingest-mycluster.kusto.windows.net'],
  [
    'https://ingest-c.westeurope.kusto.windows.net',
    'https://c.westeurope.kusto.windows.net',
    'https://ingest-c.westeurope.kusto.windows.net',
  ],
  [
    'https://private-c.eastus.kusto.windows.net',
    'https://private-c.eastus.kusto.windows.net',
    'https://ingest-private-c.eastus.kusto.windows.net',
  ],
  [
    'https://ingest-private-c.eastus.kusto.windows.net',
    'https://private-c.eastus.kusto.windows.net',
    'https://ingest-private-c.eastus.kusto.windows.net',
  ],
  [
    'https://my-ingest-hub.eastus.kusto.windows.net',
    'https://my-ingest-hub.eastus.kusto.windows.net',
    'https://ingest-my-ingest-hub.eastus.kusto.windows.net',
  ],
  [
    'https://pool.ws.kusto.azuresynapse.net',
    'https://pool.ws.kusto.azuresynapse.net',
    'https://ingest-pool.ws.kusto.azuresynapse.net',
  ],
  [
    'https://trd-ab12.z9.kusto.fabric.microsoft.com',
    'https://trd-ab12.z9.kusto.fabric.microsoft.com',
    'https://ingest-trd-ab12.z9.kusto.fabric.microsoft.com',
  ],
  [
    'https://trd-ab12.z9.kusto.data.microsoft.com',
    'https://trd-ab12.z9.kusto.data.microsoft.com',
    'https://ingest-trd-ab12.z9.kusto.data.microsoft.com',
  ],
  [
    'https://c.kusto.usgovcloudapi.net',
    'https://c.kusto.usgovcloudapi.net',
    'https://ingest-c.kusto.usgovcloudapi.net',
  ],
  [
    'https://c.chinaeast2.kusto.chinacloudapi.cn',
    'https://c.chinaeast2.kusto.chinacloudapi.cn',
    'https://ingest-c.chinaeast2.kusto.chinacloudapi.cn',
  ],
  [
    'https://c.kusto.sovcloud-api.fr',
    'https://c.kusto.sovcloud-api.fr',
    'https://ingest-c.kusto.sovcloud-api.fr',
  ],
  [
    'https://C.WestEurope.Kusto.Windows.net',
    'https://c.westeurope.kusto.windows.net',
    'https://ingest-c.westeurope.kusto.windows.net',
  ],
  [
    'https://c.westeurope.kusto.windows.net:443',
    'https://c.westeurope.kusto.windows.net',
    'https://ingest-c.westeurope.kusto.windows.net',
  ],
  ['http://localhost:8080', 'http://localhost:8080', 'http://localhost:8080'],
  ['https://localhost:8443', 'https://localhost:8443', 'https://localhost:8443'],
  ['http://127.0.0.1:8080', 'http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
  ['http://127.8.9.1:1', 'http://127.8.9.1:1', 'http://127.8.9.1:1'],
  ['http://[::1]:8080', 'http://[::1]:8080', 'http://[::1]:8080'],
];

for (const [given, engineUrl, ingestUrl] of derived) {
  test(`${given} is reached at ${engineUrl} and takes data at ${ingestUrl}`, () => {
    assert.deepEqual(deriveEndpoints(given, undefined, []), { engineUrl, ingestUrl });
  });
}

const refused: readonly [string, string | undefined, string, RegExp][] = [
  ['http://c.kusto.windows.net', undefined, 'cluster', /must use https/],
  ['https://evil.example.com', undefined, 'cluster', /no known Kusto host/],
  ['https://kusto.windows.net.example.com', undefined, 'cluster', /no known Kusto host/],
  ['https://notkusto.windows.net', undefined, 'cluster', /no known Kusto host/],
  ['https://adx.monitor.azure.com', undefined, 'cluster', /queries only/],
  ['https://ade.loganalytics.io', undefined, 'cluster', /queries only/],
  ['https://c.kusto.windows.net/Samples', undefined, 'cluster', /more than scheme and host/],
  ['https://user:secret@c.kusto.windows.net', undefined, 'cluster', /more than scheme and host/],
  ['https://c.kusto.windows.net', 'https://evil.example.com', 'ingestUri', /no known Kusto host/],
  ['https://c.kusto.windows.net', 'not a url', 'ingestUri', /is no URL/],
  ['ftp://c.kusto.windows.net', undefined, 'cluster', /must use https/],
];

for (const [cluster, ingestUri, key, problem] of refused) {
  test(`${cluster} with ingest ${ingestUri ?? 'derived'} is refused at ${key}`, () => {
    const result = deriveEndpoints(cluster, ingestUri, []);
    assert.ok('problem' in result);
    assert.equal(result.key, key);
    assert.match(result.problem, problem);
  });
}

test('an ingest URL that is given is taken as it is', () => {
  assert.deepEqual(
    deriveEndpoints('https://c.kusto.windows.net', 'https://ingest-private-c.kusto.windows.net', []),
    { engineUrl: 'https://c.kusto.windows.net', ingestUrl: 'https://ingest-private-c.kusto.windows.net' },
  );
});

test('a trusted host of one’s own needs its ingest URL said', () => {
  const alone = deriveEndpoints('https://kusto.corp.example', undefined, ['*.corp.example']);
  assert.ok('problem' in alone && alone.key === 'ingestUri');
  const both = deriveEndpoints('https://kusto.corp.example', 'https://dm.corp.example', ['*.corp.example']);
  assert.deepEqual(both, { engineUrl: 'https://kusto.corp.example', ingestUrl: 'https://dm.corp.example' });
});

test('a trusted domain does not trust its look-alikes', () => {
  assert.ok(isTrustedHost('a.corp.example', ['*.corp.example']));
  assert.ok(!isTrustedHost('acorp.example', ['*.corp.example']));
  assert.ok(!isTrustedHost('corp.example', ['*.corp.example']));
});

test('only this machine is loopback', () => {
  assert.deepEqual(['localhost', '127.0.0.1', '127.1.2.3', '[::1]', 'LOCALHOST'].map(isLoopbackHost), [
    true,
    true,
    true,
    true,
    true,
  ]);
  assert.deepEqual(
    ['localhost.example.com', '127.0.0.1.example.com', '1270.0.0.1', '10.0.0.1'].map(isLoopbackHost),
    [false, false, false, false],
  );
});

test('every domain is one below which clusters live, never a whole cloud', () => {
  assert.ok(kustoDomains.every((domain) => /^kusto(?:mfa|dev)?\./.test(domain)));
});

test('auth none towards another machine is refused, towards this one taken', () => {
  const none = kustoPart.replace('managedIdentity', 'none');
  assert.deepEqual(mistakesOf(none), [
    'kusto.auth.kind: none is only for a cluster on this machine; write managedIdentity or another kind',
  ]);
  assert.equal(good(none.replace(/https:.*/, 'http://localhost:8080')).kusto.auth.kind, 'none');
});

test('flink clusterUrl: the ingest address follows from the cluster', () => {
  assert.equal(good(kustoPart).kusto.ingestUrl, 'https://ingest-c.westeurope.kusto.windows.net');
});

test('kafka query.url: the engine address is the cluster', () => {
  assert.equal(good(kustoPart).kusto.engineUrl, 'https://c.westeurope.kusto.windows.net');
});

test('kafka ingestion.url: a private address is taken as it is', () => {
  const text = `${kustoPart}  ingestUri: https://ingest-private-c.westeurope.kusto.windows.net\n`;
  assert.equal(good(text).kusto.ingestUrl, 'https://ingest-private-c.westeurope.kusto.windows.net');
});
