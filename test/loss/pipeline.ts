/** Events per invocation: small, so that there are enough calls for every fault. */
export const batchSize = 500;
/** Events that a host fetches ahead. */
export const prefetchCount = batchSize * 2;
export const database = 'Loss';
export const table = 'Events';
export const hub = 'events';
/** Partitions without an owner's sign of life go to another host after this. */
const ownershipExpiry = '00:00:08';

/** The app under test: one hub, one queued route, own staging, quick settling. */
export const pipeline = `
kusto:
  cluster: "%KUSTO_CLUSTER%"
  auth: { kind: none }
sources:
  - name: events
    eventHub: { connection: EVENTHUB, name: ${hub}, consumerGroup: $Default }
    route:
      database: ${database}
      table: ${table}
      format: json
      delivery: queued
    onError: deadLetter
    retry: { maxAttempts: 20, baseMs: 50, maxMs: 1000, maxElapsedMs: 15000 }
storage: { connection: STAGING }
settle: { everyMs: 1000, graceMs: 21s }
`;

/** Handlers give up after 20 s, half of the function timeout. */
export const hostJson = JSON.stringify({
  version: '2.0',
  functionTimeout: '00:00:40',
  extensions: {
    http: { routePrefix: 'api' },
    eventHubs: {
      maxEventBatchSize: batchSize,
      minEventBatchSize: 1,
      prefetchCount,
      loadBalancingUpdateInterval: '00:00:01',
      partitionOwnershipExpirationInterval: ownershipExpiry,
    },
  },
});

export const createTable = `.create-merge table ${table} (run:string, p:int, n:long, h:string, pad:string, mark:string)`;

export const batchingPolicy = `.alter table ${table} policy ingestionbatching '{"MaximumBatchingTimeSpan":"00:00:10"}'`;
