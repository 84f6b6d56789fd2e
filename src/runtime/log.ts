import type { Clock } from './clock.js';
import { redact } from './redact.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Facts of a log line: never a body, a token or a SAS. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Writes JSON lines. `event` is a stable dotted name such as `shipment.settled`. */
export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Counters, gauges and durations; names in OpenTelemetry style, such as `kusto_functions.records.shipped`. */
export interface Metrics {
  add(name: string, value: number, attributes?: Readonly<Record<string, string>>): void;
  record(name: string, value: number, attributes?: Readonly<Record<string, string>>): void;
}

export interface JsonLoggerOptions {
  /** Least severe level that is written. */
  readonly level: LogLevel;
  readonly clock: Clock;
  /** Takes one line without its line end. */
  readonly write: (line: string, level: LogLevel) => void;
  /** Facts of every line, such as the instance. */
  readonly fields?: LogFields;
}

const severity: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

function clean(fields: LogFields): Record<string, string | number | boolean | null> {
  const kept = Object.entries(fields).flatMap(([key, value]) => {
    if (value === undefined) {
      return [];
    }
    const safe = typeof value === 'string' ? redact(value) : value;
    return [[key, typeof safe === 'number' && !Number.isFinite(safe) ? String(safe) : safe] as const];
  });
  return Object.fromEntries(kept);
}

/** JSON lines `{"time","level","event",…}`; text that looks like a secret is starred out. */
export function createJsonLogger(options: JsonLoggerOptions): Logger {
  const { clock, write } = options;
  const always = clean(options.fields ?? {});
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}): void => {
      if (severity[level] >= severity[options.level]) {
        const head = { time: new Date(clock.now()).toISOString(), level, event };
        write(JSON.stringify({ ...head, ...always, ...clean(fields), ...head }), level);
      }
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
