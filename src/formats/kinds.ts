import { type DataFormat, dataFormats } from '../config/types.js';
import { KfError } from '../runtime/errors.js';
import { ownValue } from '../runtime/own-value.js';

/** `text`: lines that may share a blob, gzipped. `binary`: one body is one blob, as it is. */
export type FormatKind = 'json' | 'delimited' | 'binary' | 'avro';

const delimited: ReadonlySet<string> = new Set(['csv', 'tsv', 'tsve', 'psv', 'scsv', 'sohsv', 'txt']);

export function formatKind(format: DataFormat): FormatKind {
  if (format === 'json' || format === 'avro') {
    return format;
  }
  return delimited.has(format) ? 'delimited' : 'binary';
}

/** Blobs of these are gzipped; the others are compressed inside, or must stay what they are. */
export function isTextFormat(format: DataFormat): boolean {
  const kind = formatKind(format);
  return kind === 'json' || kind === 'delimited';
}

/** Other spellings that producers of the native data connection use. */
const aliases: Readonly<Record<string, DataFormat>> = {
  multijson: 'json',
  singlejson: 'json',
  sjson: 'json',
  apacheavro: 'avro',
};

/**
 * The format that a producer or caller names, without regard to case.
 * @throws KfError FORMAT_UNKNOWN
 */
export function parseFormat(name: string): DataFormat {
  const wanted = name.trim().toLowerCase();
  const format = dataFormats.find((known) => known === wanted) ?? ownValue(aliases, wanted);
  if (format === undefined) {
    throw new KfError(
      'FORMAT_UNKNOWN',
      `format ${JSON.stringify(name.slice(0, 50))}: use one of ${dataFormats.join(', ')}`,
    );
  }
  return format;
}
