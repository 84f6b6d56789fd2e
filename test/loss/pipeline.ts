/** The app under test: one hub, one queued route, own staging, quick settling. */
export const pipeline = `
kusto:
  cluster: "%KUSTO_CLUSTER%"
  auth: { kind: none }
tables:
  - database: Loss
    name: Events
    columns: { run: string, p: int, n: long, h: string, pad: string, mark: string }
    policies:
      ingestionBatching: { MaximumBatchingTimeSpan: "00:00:10" }
sources:
  - name: events
    eventHub: { connection: EVENTHUB, name: events, consumerGroup: $Default }
    route:
      database: Loss
      table: Events
      format: json
      delivery: queued
    onError: deadLetter
    retry: { maxAttempts: 8, baseMs: 50, maxMs: 1000, maxElapsedMs: 60000 }
storage: { connection: STAGING }
settle: { everyMs: 1000 }
`;

export const createTable =
  '.create-merge table Events (run:string, p:int, n:long, h:string, pad:string, mark:string)';

export const batchingPolicy =
  '.alter table Events policy ingestionbatching \'{"MaximumBatchingTimeSpan":"00:00:10"}\'';
