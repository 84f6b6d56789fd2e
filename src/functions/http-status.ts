import functions from '@azure/functions';
import { eventFunctionName } from './events.js';
import { openApi } from './openapi.js';
import { answering } from './problem.js';
import type { AppServices, CheckReportView } from './services.js';

/** What everybody may know: whether we ingest and, if not, how to mend it. */
function health(report: CheckReportView): { status: number; jsonBody: unknown } {
  const failed = report.checks.filter((check) => !check.ok && check.warning !== true);
  return {
    status: report.ok ? 200 : 503,
    jsonBody: report.ok
      ? { status: 'ok' }
      : {
          status: 'stopped',
          checks: failed.map(({ name, code, message, fix }) => ({ name, code, message, fix })),
        },
  };
}

export function registerHttpStatus(services: AppServices): void {
  functions.app.http('health', {
    methods: ['GET'],
    route: 'health',
    authLevel: 'anonymous',
    handler: answering(services.logger, async () => health(await services.readiness())),
  });

  functions.app.http('doctor', {
    methods: ['GET'],
    route: 'doctor',
    authLevel: 'function',
    handler: answering(services.logger, async () => ({ jsonBody: await services.doctor() })),
  });

  functions.app.http('pipelines', {
    methods: ['GET'],
    route: 'pipelines',
    authLevel: 'function',
    handler: answering(services.logger, async () => ({ jsonBody: { pipelines: pipelines(services) } })),
  });

  functions.app.http('openapi', {
    methods: ['GET'],
    route: 'openapi.json',
    authLevel: 'function',
    handler: answering(services.logger, async () => ({ jsonBody: openApi() })),
  });
}

function pipelines(services: AppServices): unknown[] {
  const counters = services.counters();
  return services.config.sources.map((source) => ({
    name: source.name,
    function: eventFunctionName(source.name),
    eventHub: source.eventHub.name,
    consumerGroup: source.eventHub.consumerGroup,
    database: source.route.database,
    table: source.route.table,
    format: source.route.format,
    delivery: source.route.delivery,
    onError: source.onError,
    batch: source.route.batch,
    counters: counters[source.name] ?? {},
  }));
}
