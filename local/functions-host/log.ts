import type { LogLevel } from './protocol.js';

/** Longest log line passed on, in characters; the rest is cut and said so. */
const MAX_LINE_CHARS = 32_768;

const ORDER: readonly LogLevel[] = ['trace', 'debug', 'information', 'warning', 'error', 'critical', 'none'];

/** Where the host and the functions write to. */
export interface Logger {
  write(level: LogLevel, category: string, message: string): void;
}

/** The least level for a category: the longest configured prefix decides, as in .NET logging filters. */
export function minimumLevel(levels: Readonly<Record<string, LogLevel>>, category: string): LogLevel {
  let best: string | undefined;
  for (const prefix of Object.keys(levels)) {
    const isPrefix = category === prefix || category.startsWith(`${prefix}.`);
    if (isPrefix && (best === undefined || prefix.length > best.length)) best = prefix;
  }
  return levels[best ?? 'default'] ?? 'information';
}

/** Reads a level name in any case (`Information`, `warning`); undefined when there is no such level. */
export function parseLogLevel(text: string): LogLevel | undefined {
  return ORDER.find((level) => level === text.toLowerCase());
}

/** Writes `time [level] category: message` lines, filtered by the levels of host.json. */
export function createLogger(
  levels: Readonly<Record<string, LogLevel>>,
  emit: (line: string) => void,
  now: () => number,
): Logger {
  return {
    write(level, category, message) {
      if (ORDER.indexOf(level) < ORDER.indexOf(minimumLevel(levels, category))) return;
      const cut = message.length > MAX_LINE_CHARS;
      const text = cut ? `${message.slice(0, MAX_LINE_CHARS)} (cut)` : message;
      emit(`${new Date(now()).toISOString()} [${level}] ${category}: ${text}`);
    },
  };
}
