import { systemClock } from '../../../src/runtime/system-clock.js';
import { createBlobStore } from '../../../src/storage/blob.azure.js';
import { createTableStore } from '../../../src/storage/table.azure.js';

/** Uses an account with an identity, as in the cloud; a process of its own, since it must trust a test certificate. */
const [blobUrl = '', tableUrl = '', token = ''] = process.argv.slice(2);
const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
const storage = { blobUrl, tableUrl, stagingContainer: 's', ledgerTable: 'l' };
const blobs = createBlobStore({ storage, clock: systemClock, credential });
const table = createTableStore({ storage, clock: systemClock, credential, table: 'identity' });
await blobs.put('identity', 'a b', Buffer.from('by identity'));
const links = await Promise.all([1, 2, 3].map(() => blobs.readUrl('identity', 'a b', 60_000)));
const link = links[0]?.reveal() ?? '';
const answer = await fetch(link, { headers: { 'x-ms-version': '2023-11-03' } });
let row: unknown;
try {
  await table.upsert({ partitionKey: 'p', rowKey: 'r', properties: { n: 1 } });
  row = (await table.get('p', 'r'))?.properties['n'];
} catch (error) {
  row = String(error);
}
console.log(
  JSON.stringify({ read: await answer.text(), signedBy: new URL(link).searchParams.has('skoid'), row }),
);
