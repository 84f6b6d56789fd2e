import type { HostFacts } from './host-facts.js';
import type { Config, SourceConfig } from './types.js';
import { formatDuration } from './units.js';

/** From this wait on a streaming route has given its speed away. */
const slowStreamingMs = 10_000;

function sourceWarnings(source: SourceConfig, host: HostFacts): string[] {
  const { route } = source;
  const streaming = route.delivery === 'streaming';
  const warnings: [boolean, string][] = [
    [
      route.flushImmediately,
      'route.flushImmediately: every blob is ingested alone, which makes many small extents and loads the cluster; ' +
        'shorten the ingestion batching policy of the table instead',
    ],
    [
      streaming && route.batch.lingerMs >= slowStreamingMs,
      `route.batch.lingerMs: streaming that waits ${formatDuration(route.batch.lingerMs)} is better queued`,
    ],
    [
      streaming && host.minEventBatchSize > 1,
      `route.delivery: streaming, but host.json gathers ${host.minEventBatchSize} events first ` +
        '(extensions.eventHubs.minEventBatchSize); set it to 1, or use queued',
    ],
    [
      streaming && route.mapping === undefined && ['json', 'avro'].includes(route.format),
      `route.mapping: the service asks for a mapping when ${route.format} is streamed; name one`,
    ],
    [
      route.staging === 'service',
      'route.staging: what the service refuses later can only be reported, because its containers cannot be read again',
    ],
    [
      source.onError === 'drop',
      'onError: drop loses records that cannot be delivered; they are only counted',
    ],
  ];
  return warnings.filter(([applies]) => applies).map(([, text]) => `source ${source.name}: ${text}`);
}

/** What is allowed, but seldom meant. */
export function configWarnings(config: Config, host: HostFacts): readonly string[] {
  const idle = config.sources.length === 0 && config.http.tables.length === 0;
  return [
    ...config.sources.flatMap((source) => sourceWarnings(source, host)),
    ...(idle ? ['there are no sources and no http.tables, so the app takes no data'] : []),
    ...(config.validate ? [] : ['validate: the start-up checks are off']),
  ];
}

/** Secrets that stand in the file itself. */
export function literalSecrets(tree: unknown): readonly string[] {
  const auth =
    (tree as { readonly kusto?: { readonly auth?: Record<string, unknown> } } | null)?.kusto?.auth ?? {};
  return ['clientSecret', 'token']
    .filter((key) => typeof auth[key] === 'string' && !/^%[^%]+%$/.test(auth[key]))
    .map((key) => `kusto.auth.${key} stands in the file; keep it in an app setting and write "%NAME%"`);
}
