import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePorts } from '../../helpers/free-ports.js';
import { eventually, startLocalKusto } from './local-kusto.js';

test('an accepted source that waits for its batch survives a restart', async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'kusto-data-'));
  try {
    const storagePort = await freePorts();
    const first = await startLocalKusto({ dataDirectory, storagePort });
    let operation: unknown;
    try {
      await first.command('.create table T (a:long)');
      const url = await first.put('wait.csv', '5\n');
      const body = { blobs: [{ url, rawSize: 2 }], properties: { format: 'csv', enableTracking: true } };
      const { body: answer } = await first.post('/v1/rest/ingestion/queued/Db/T', body);
      operation = answer['ingestionOperationId'];
      assert.equal(await first.count('T'), 0);
    } finally {
      await first.stop();
    }
    const second = await startLocalKusto({ dataDirectory, storagePort });
    try {
      await second.fault({ target: 'clock', action: 'advance', delayMs: 301_000, times: 1 });
      await eventually(
        () => second.count('T'),
        (count) => count === 1,
      );
      const { body } = await eventually(
        () => second.get(`/v1/rest/ingestion/queued/Db/T/${operation}`),
        (answer) => (answer.body['status'] as Record<string, unknown>)['succeeded'] === 1,
      );
      assert.equal((body['status'] as Record<string, unknown>)['inProgress'], 0);
    } finally {
      await second.stop();
    }
  } finally {
    await rm(dataDirectory, { recursive: true });
  }
});
