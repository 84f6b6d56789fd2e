import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  api,
  csvRows,
  endOf,
  leftovers,
  makeTable,
  numbersIn,
  putBlobs,
  startLoadStack,
} from '../helpers/load-stack.js';
import type { Stack } from '../helpers/stack.js';

describe('loads through the host', () => {
  let stack: Stack;
  before(async () => {
    stack = await startLoadStack();
  });
  after(() => stack.stop());

  test('a load of several blobs is committed once, and leaves nothing behind', async () => {
    await makeTable(stack, 'Good');
    const urls = await putBlobs(stack, {
      'good/a.csv': csvRows(0, 100),
      'good/b.csv.gz': csvRows(100, 100),
      'good/c.csv': csvRows(200, 50),
    });
    const body = {
      requestId: 'good-1',
      database: 'Samples',
      table: 'Good',
      format: 'csv',
      sources: urls.map((url) => ({ url })),
    };
    const started = await api(stack, 'POST /loads', { body });
    assert.equal(started.status, 202, JSON.stringify(started.json));
    assert.equal(started.headers.get('location'), '/api/loads/good-1');
    assert.ok(started.headers.get('retry-after'));
    const again = await api(stack, 'POST /loads', { body });
    assert.equal(again.json.id, 'good-1');
    const view = await endOf(stack, 'good-1');
    assert.equal(view.state, 'committed', JSON.stringify(view, null, 1));
    assert.deepEqual(
      await numbersIn(stack, 'Good'),
      Array.from({ length: 250 }, (_, n) => n),
    );
    assert.deepEqual(await leftovers(stack), []);
  });
});
