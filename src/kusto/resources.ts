import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import type { Logger } from '../runtime/log.js';
import { SasUrl } from '../storage/sas-url.js';
import { type Cached, createCached } from './cached.js';
import type { KustoClient } from './ports.js';

/** The database that the ingest endpoint's own commands run in. */
const INGEST_DATABASE = 'NetDefaultDB';

/** What the older way needs: queues, containers, status tables, and the opaque token each message carries. */
export interface MessageResources {
  readonly queues: readonly SasUrl[];
  readonly containers: readonly SasUrl[];
  readonly statusTables: readonly SasUrl[];
  readonly identityToken: string;
}

export interface MessageResourcesOptions {
  readonly client: Pick<KustoClient, 'ingestCommand'>;
  readonly cacheMs: number;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger?: Logger;
}

/** Resources of the ingest endpoint from `.get ingestion resources` and `.get kusto identity token`. */
export function createMessageResources(options: MessageResourcesOptions): Cached<MessageResources> {
  const { client } = options;
  return createCached({
    name: 'ingestion resources',
    ttlMs: options.cacheMs,
    clock: options.clock,
    ...(options.logger === undefined ? {} : { logger: options.logger }),
    load: async () => {
      const [resources, token] = await Promise.all([
        client.ingestCommand(INGEST_DATABASE, '.get ingestion resources'),
        client.ingestCommand(INGEST_DATABASE, '.get kusto identity token'),
      ]);
      const ofType = (type: string): SasUrl[] =>
        resources.rows.filter(([name]) => name === type).map(([, url]) => new SasUrl(String(url)));
      const found = {
        queues: ofType('SecuredReadyForAggregationQueue'),
        containers: ofType('TempStorage'),
        statusTables: ofType('IngestionsStatusTable'),
        identityToken: String(token.rows[0]?.[0] ?? ''),
      };
      if (found.queues.length === 0 || found.identityToken === '') {
        throw new KfError(
          'KUSTO_BAD_ANSWER',
          'ingestion resources: no queue or no identity token; is kusto.ingestUri the ingest endpoint?',
        );
      }
      return found;
    },
  });
}
