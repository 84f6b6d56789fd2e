import { ownValue } from '../runtime/own-value.js';
import type { Path } from './mistakes.js';

/** App settings: name → value. */
export type Settings = Readonly<Record<string, string | undefined>>;

export interface MissingSetting {
  readonly path: Path;
  readonly name: string;
}

const pattern = /%%|%([A-Za-z_][A-Za-z0-9_.:-]*)%/g;

/**
 * Replaces `%NAME%` in every text of a tree with the app setting of that name, `%%` with one percent sign, and
 * leaves out what is null or becomes empty, so that an optional key can be written without a value.
 */
export function substituteSettings(
  tree: unknown,
  settings: Settings,
): { readonly value: unknown; readonly missing: readonly MissingSetting[] } {
  const missing: MissingSetting[] = [];
  const replace = (text: string, path: Path): string =>
    text.replace(pattern, (whole: string, name: string | undefined) => {
      const value = name === undefined ? '%' : ownValue(settings, name);
      if (value === undefined) {
        missing.push({ path, name: name as string });
      }
      return value ?? whole;
    });
  const walk = (node: unknown, path: Path): unknown => {
    if (typeof node === 'string') {
      const text = replace(node, path);
      return text === '' && node !== '' ? undefined : text;
    }
    if (Array.isArray(node)) {
      return node.map((item, index) => walk(item, [...path, index]));
    }
    if (node !== null && typeof node === 'object') {
      const entries = Object.entries(node).map(([key, item]) => [key, walk(item, [...path, key])] as const);
      return Object.fromEntries(entries.filter(([, item]) => item !== undefined && item !== null));
    }
    return node;
  };
  return { value: walk(tree, []), missing };
}

/** The setting of a Functions connection: `NAME`, or `AzureWebJobsNAME`, which the platform looks at first. */
export function connectionSetting(settings: Settings, name: string): string | undefined {
  return settings[`AzureWebJobs${name}`] || ownValue(settings, name) || undefined;
}
