import { type Attributes, type Meter, metrics as openTelemetry } from '@opentelemetry/api';
import type { Metrics } from './log.js';

/** Most different instruments; a name beyond them is a defect and is left out. */
const maxInstruments = 256;

/** How a name says what it measures: a state is a gauge, everything else that is recorded a distribution. */
const gaugeEnding = /(?:\.oldest_ms|\.open|\.unknown|\.in_flight|\.in_flight_bytes|\.lag|\.lag_ms)$/;

/** The unit that the last part of a name tells, as OpenTelemetry writes it. */
function unitOf(name: string): string {
  if (name.endsWith('_ms')) {
    return 'ms';
  }
  return name.endsWith('bytes') ? 'By' : '1';
}

export interface OpenTelemetryOptions {
  /** Left out, the meter of the globally registered provider; without one nothing is sent anywhere. */
  readonly meter?: Meter;
}

function cached<T>(create: (name: string) => T): (name: string) => T | undefined {
  const known = new Map<string, T>();
  return (name) => {
    if (!known.has(name) && known.size < maxInstruments) {
      known.set(name, create(name));
    }
    return known.get(name);
  };
}

/**
 * Metrics through the OpenTelemetry API: `add` counts (never less than 0), `record` sets a gauge where the name
 * tells a state (`….oldest_ms`, `….open`, `….in_flight_bytes`, `….lag`) and fills a histogram otherwise.
 */
export function createOpenTelemetryMetrics(options: OpenTelemetryOptions = {}): Metrics {
  const meter = options.meter ?? openTelemetry.getMeter('kusto-functions');
  const counter = cached((name) => meter.createCounter(name, { unit: unitOf(name) }));
  const gauge = cached((name) => meter.createGauge(name, { unit: unitOf(name) }));
  const histogram = cached((name) => meter.createHistogram(name, { unit: unitOf(name) }));
  return {
    add: (name, value, attributes) => counter(name)?.add(value, attributes as Attributes | undefined),
    record: (name, value, attributes) =>
      (gaugeEnding.test(name) ? gauge(name) : histogram(name))?.record(
        value,
        attributes as Attributes | undefined,
      ),
  };
}

/** Metrics whose numbers can be asked for. */
export interface CountingMetrics extends Metrics {
  /** Sums of `add` and last values of `record`, by the value of the attribute, then by name. */
  snapshot(): Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Most attribute values that are told apart. */
const maxSeries = 1000;

/** Passes everything on and keeps the numbers, for `GET /api/pipelines`; bounded by `maxSeries` series. */
export function createCountingMetrics(attribute: string, next?: Metrics): CountingMetrics {
  const series = new Map<string, Map<string, number>>();
  const keep = (key: string, name: string, update: (old: number) => number): void => {
    const values = series.get(key) ?? new Map<string, number>();
    if (!series.has(key) && series.size >= maxSeries) {
      return;
    }
    series.set(key, values);
    if (values.has(name) || values.size < maxInstruments) {
      values.set(name, update(values.get(name) ?? 0));
    }
  };
  return {
    add: (name, value, attributes) => {
      keep(attributes?.[attribute] ?? '', name, (old) => old + value);
      next?.add(name, value, attributes);
    },
    record: (name, value, attributes) => {
      keep(attributes?.[attribute] ?? '', name, () => value);
      next?.record(name, value, attributes);
    },
    snapshot: () =>
      Object.fromEntries([...series].map(([key, values]) => [key, Object.fromEntries(values)] as const)),
  };
}
