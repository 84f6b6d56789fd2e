import { type Flag, parseFlags, portNumber } from '../shared/cli.js';
import { LocalError } from '../shared/errors.js';

/** Highest first port of storage: two more follow it. */
const MAX_STORAGE_PORT = 65_533;

/** What of the sample can be run by itself; more come with what the app can do. */
const SAMPLE_PARTS = ['ingest', 'load'] as const;
export type SamplePart = (typeof SAMPLE_PARTS)[number];

/** Ports as asked for; 0 takes any free one. */
export interface StackPorts {
  readonly functions: number;
  readonly kusto: number;
  readonly eventHubs: number;
  /** Blob; queue and table take the two ports after it. */
  readonly storage: number;
}

/** Command line of `npm start`. */
export interface StackOptions {
  readonly ports: StackPorts;
  /** End when the sample is over. */
  readonly once: boolean;
  readonly json: boolean;
  readonly help: boolean;
  /** Parts of the sample to run; undefined runs all. */
  readonly only: SamplePart | undefined;
  readonly verbose: boolean;
}

/** Options with their help, in the order they are shown. */
export const STACK_FLAGS: Readonly<Record<string, Flag>> = {
  once: {
    help: 'end when the sample is over: 0 all rows accounted for and loads as intended, 1 not, 2 configuration or port',
  },
  only: { value: 'PART', help: `run one part of the sample: ${SAMPLE_PARTS.join(' or ')}` },
  'port-functions': { value: 'N', default: '7071', help: 'port of the Functions host, 0 for any' },
  'port-kusto': { value: 'N', default: '8080', help: 'port of the local Kusto, 0 for any' },
  'port-event-hubs': { value: 'N', default: '5672', help: 'port of the local Event Hubs, 0 for any' },
  'port-storage': {
    value: 'N',
    default: '10000',
    help: 'port of blob storage, and the two after it; 0 for any',
  },
  verbose: { help: 'print the log of every part on stderr' },
};

/**
 * Reads the command line.
 *
 * @throws LocalError `USAGE`, or `UNSUPPORTED` for a part of the sample this version does not have
 */
export function readOptions(argv: readonly string[]): StackOptions {
  const { strings, switches } = parseFlags(STACK_FLAGS, argv);
  const ports: StackPorts = {
    functions: portNumber('port-functions', strings['port-functions']),
    kusto: portNumber('port-kusto', strings['port-kusto']),
    eventHubs: portNumber('port-event-hubs', strings['port-event-hubs']),
    storage: portNumber('port-storage', strings['port-storage']),
  };
  if (ports.storage > MAX_STORAGE_PORT) {
    throw new LocalError(
      'USAGE',
      `--port-storage must leave two ports after it: at most ${MAX_STORAGE_PORT}`,
    );
  }
  return {
    ports,
    once: switches['once'] === true,
    json: switches['json'] === true,
    help: switches['help'] === true,
    only: samplePart(strings['only']),
    verbose: switches['verbose'] === true,
  };
}

function samplePart(text: string | undefined): SamplePart | undefined {
  if (text === undefined) return undefined;
  const part = SAMPLE_PARTS.find((one) => one === text);
  if (part !== undefined) return part;
  if (text === 'export') {
    throw new LocalError('UNSUPPORTED', '--only export is not part of this version', {
      fix: 'use --only ingest or --only load',
    });
  }
  throw new LocalError('USAGE', `--only must be ${SAMPLE_PARTS.join(' or ')}, not ${JSON.stringify(text)}`);
}
