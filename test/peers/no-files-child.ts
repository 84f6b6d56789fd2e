import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServices } from '../../src/compose/services.js';
import { loadAppConfig, readHostFacts, settingsFromEnvironment } from '../../src/config/environment.js';
import { systemClock } from '../../src/runtime/system-clock.js';

/**
 * Runs the composed app, without the Functions host, in a process that may not write files: events and a body go in,
 * a round of settling follows. Prints what the attempt to write a file ended with and how many records were taken.
 */
const QUIET = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const SETTLE_MS = 60_000;

function attemptToWrite(): string {
  try {
    writeFileSync(join(tmpdir(), 'written-by-the-child'), '');
    return 'written';
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

async function* linesOf(first: number, count: number): AsyncGenerator<Uint8Array> {
  for (let n = first; n < first + count; n++) {
    yield Buffer.from(`${JSON.stringify({ n, s: 'x'.repeat(900) })}\n`);
  }
}

async function main(): Promise<void> {
  const [appDir = '', source = '', table = '', events = '0', lines = '0'] = process.argv.slice(2);
  const settings = settingsFromEnvironment();
  const config = loadAppConfig(settings, appDir);
  const { functionTimeoutMs } = readHostFacts(settings, appDir);
  const services = createServices({ config, settings, clock: systemClock, logger: QUIET, functionTimeoutMs });
  const envelopes = Array.from({ length: Number(events) }, (_, n) => ({
    body: Buffer.from(JSON.stringify({ n, s: 'event' })),
    properties: {},
    source,
    position: { partition: '0', offset: String(n), sequenceNumber: n },
  }));
  await services.ingestEvents(source, envelopes);
  const { view } = await services.bodies.accept({
    database: 'Peers',
    table,
    format: 'json',
    tags: [],
    ignoreFirstRecord: false,
    gzip: false,
    body: linesOf(Number(events), Number(lines)),
  });
  await services.settle(AbortSignal.timeout(SETTLE_MS));
  console.log(JSON.stringify({ write: attemptToWrite(), records: view.records }));
  process.exit(0);
}

await main();
