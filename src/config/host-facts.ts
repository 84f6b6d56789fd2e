import { connectionSetting, type Settings } from './settings.js';
import { parseTimeSpan } from './units.js';

/** What host.json says that pipeline.yaml must agree with. */
export interface HostFacts {
  /** Longest life of one function call. */
  readonly functionTimeoutMs: number;
  /** Events the host gathers before it calls. */
  readonly minEventBatchSize: number;
  /** Where a consumer group without checkpoint begins: `earliest`, `latest` or a UTC time. */
  readonly startFrom: string;
}

/** The platform's default function timeout of plans that scale on demand. */
const defaultTimeoutMs = 1_800_000;

/** Longest call that handlers reckon with, where the platform allows longer ones or any. */
const maxCallMs = 7_200_000;
/** Share of a call's time after which a handler gives up by itself. */
const handlerShare = 0.5;

/** After this time a handler ends its waits, so that the platform never has to end them. */
export function handlerDeadlineMs(functionTimeoutMs: number): number {
  return Math.min(functionTimeoutMs, maxCallMs) * handlerShare;
}

function child(node: unknown, key: string): unknown {
  const found = Object.entries(node ?? {}).find(([name]) => name.toLowerCase() === key.toLowerCase());
  return found?.[1];
}

function hostValue(host: unknown, settings: Settings, path: readonly string[]): unknown {
  const override = settings[`AzureFunctionsJobHost__${path.join('__')}`];
  return override ?? path.reduce(child, host);
}

function startFrom(host: unknown, settings: Settings): string {
  const at = ['extensions', 'eventHubs', 'initialOffsetOptions'];
  const type = String(hostValue(host, settings, [...at, 'type']) ?? 'fromStart').toLowerCase();
  if (type === 'fromend') {
    return 'latest';
  }
  return type === 'fromenqueuedtime'
    ? String(hostValue(host, settings, [...at, 'enqueuedTimeUtc']) ?? '')
    : 'earliest';
}

/** Reads a parsed host.json and the app settings that override it (`AzureFunctionsJobHost__…`). */
export function hostFactsOf(host: unknown, settings: Settings): HostFacts {
  const timeout = hostValue(host, settings, ['functionTimeout']);
  const batch = Number(hostValue(host, settings, ['extensions', 'eventHubs', 'minEventBatchSize']) ?? 1);
  return {
    functionTimeoutMs:
      timeout === '-1' ? Number.MAX_SAFE_INTEGER : (parseTimeSpan(String(timeout ?? '')) ?? defaultTimeoutMs),
    minEventBatchSize: Number.isFinite(batch) ? batch : 1,
    startFrom: startFrom(host, settings),
  };
}

/** Does a connection of an event hub have a value: a connection string, or a namespace reached with an identity? */
export function hasHubConnection(settings: Settings, name: string): boolean {
  return (
    connectionSetting(settings, name) !== undefined || Boolean(settings[`${name}__fullyQualifiedNamespace`])
  );
}
