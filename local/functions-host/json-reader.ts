import { readFileSync } from 'node:fs';
import { HostError, messageOf } from './errors.js';
import { parseTimeSpan } from './timespan.js';

/** An object as JSON gives it. */
export type Json = Record<string, unknown>;

/** The error for a wrong value. */
export function invalid(path: string, value: unknown, wanted: string): HostError {
  return new HostError('config-invalid', `${path} is ${JSON.stringify(value)}; expected ${wanted}`);
}

/**
 * The object below a key; an absent one is empty.
 * @throws HostError `config-invalid`
 */
export function section(parent: Json, key: string, path: string): Json {
  const value = parent[key];
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(path, value, 'an object');
  return value as Json;
}

/** Reads typed values out of one section, naming the path in each error. */
export function reader(source: Json, path: string) {
  return {
    integer(key: string, fallback: number, range: [number, number]): number {
      const value = source[key];
      if (value === undefined) return fallback;
      const [least, most] = range;
      if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
        throw invalid(`${path}.${key}`, value, `a whole number from ${least} to ${most}`);
      }
      return value as number;
    },
    timeSpanMs(key: string, fallbackMs: number): number {
      const value = source[key];
      if (value === undefined) return fallbackMs;
      const ms = typeof value === 'string' ? parseTimeSpan(value) : undefined;
      if (ms === undefined) throw invalid(`${path}.${key}`, value, 'a time span such as "00:01:00"');
      return ms;
    },
    flag(key: string, fallback: boolean): boolean {
      const value = source[key];
      if (value === undefined) return fallback;
      if (typeof value !== 'boolean') throw invalid(`${path}.${key}`, value, 'true or false');
      return value;
    },
    oneOf<T extends string>(key: string, fallback: T, choices: readonly T[]): T {
      const value = source[key];
      if (value === undefined) return fallback;
      const found = choices.find((choice) => choice.toLowerCase() === String(value).toLowerCase());
      if (!found) throw invalid(`${path}.${key}`, value, choices.join(' | '));
      return found;
    },
  };
}

function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new HostError('config-invalid', `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** Reads a configuration file; an error in its content names the file. */
export function readConfigFile<T>(path: string, read: (document: unknown) => T): T {
  const document = readJsonFile(path);
  try {
    return read(document);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new HostError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
