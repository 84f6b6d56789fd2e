import functions from '@azure/functions';
import { createServices } from './compose/services.js';
import { findAppRoot, loadAppConfig, readHostFacts, settingsFromEnvironment } from './config/environment.js';
import { registerBroken } from './functions/broken.js';
import { registerFunctions } from './functions/register.js';
import { asKfError } from './runtime/errors.js';
import { createJsonLogger } from './runtime/log.js';
import { systemClock } from './runtime/system-clock.js';

/** Logs go to stdout as JSON lines; the Functions host takes them from there. */
const write = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

functions.app.setup({
  enableHttpStream: true,
  // Without it the host drops empty bodies, and the metadata arrays no longer line up with the events.
  capabilities: { IncludeEmptyEntriesInMessagePayload: true },
});

try {
  const settings = settingsFromEnvironment();
  const root = findAppRoot();
  const config = loadAppConfig(settings, root);
  const logger = createJsonLogger({ level: config.logLevel, clock: systemClock, write });
  const { functionTimeoutMs } = readHostFacts(settings, root);
  const services = createServices({ config, settings, clock: systemClock, logger, functionTimeoutMs });
  functions.app.hook.appStart(async () => {
    const report = await services.readiness();
    for (const check of report.checks.filter(({ ok }) => !ok)) {
      const { name, code, message, fix } = check;
      const log = check.warning === true ? logger.warn : logger.error;
      log('check.failed', { name, code, message, fix });
    }
    logger.info('app.started', { ok: report.ok, sources: config.sources.length });
  });
  registerFunctions(services);
} catch (thrown) {
  const error = asKfError(thrown, 'CONFIG_INVALID', 'start');
  const logger = createJsonLogger({ level: 'info', clock: systemClock, write });
  logger.error('config.invalid', { code: error.code, message: error.message });
  registerBroken(error);
}
