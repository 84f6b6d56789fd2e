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
