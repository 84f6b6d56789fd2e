import { portNumber, type RunningService, runService, wholeNumber } from '../shared/cli.js';
import { parseHubSpecs } from './hubs.js';
import { startEventHubs } from './server.js';

const MB = 1024 * 1024;
const MAX_COUNT = Number.MAX_SAFE_INTEGER;

await runService({
  name: 'event-hubs',
  summary: 'local Event Hubs (AMQP 1.0), in memory',
  flags: {
    port: { value: 'N', default: '5672', help: 'port to listen on, 0 for any free one' },
    host: { value: 'ADDRESS', default: '127.0.0.1', help: 'address to listen on' },
    hubs: {
      value: 'NAME:PARTITIONS[:GROUP;GROUP],…',
      default: 'events:4',
      help: 'event hubs; without groups any consumer group is accepted, else $Default and those named',
    },
    'retention-events': { value: 'N', default: '1000000', help: 'events kept per partition' },
    'retention-ms': { value: 'MS', default: '86400000', help: 'age after which an event is dropped' },
    'memory-mb': { value: 'MB', default: '1024', help: 'memory for events; beyond it sending is refused' },
  },
  async start({ strings }): Promise<RunningService> {
    const hubs = parseHubSpecs(strings['hubs'] ?? '');
    const partitions = hubs.reduce((sum, hub) => sum + hub.partitionCount, 0);
    const memoryMb = wholeNumber('memory-mb', strings['memory-mb'], { min: 1, max: MAX_COUNT });
    const server = await startEventHubs({
      hubs,
      host: strings['host'],
      port: portNumber('port', strings['port']),
      retention: {
        maxEvents: wholeNumber('retention-events', strings['retention-events'], { min: 1, max: MAX_COUNT }),
        maxAgeMs: wholeNumber('retention-ms', strings['retention-ms'], { min: 1, max: MAX_COUNT }),
        maxBytes: Math.floor((memoryMb * MB) / partitions),
      },
    });
    const ready = {
      connectionString: server.connectionString,
      hubs: hubs.map((hub) => ({ name: hub.name, partitions: hub.partitionCount })),
    };
    const names = hubs.map((hub) => `${hub.name} (${hub.partitionCount} partitions)`).join(', ');
    return {
      ready,
      lines: [`Event Hubs on port ${server.port}: ${names}`, server.connectionString],
      stop: () => server.stop(),
    };
  },
});
