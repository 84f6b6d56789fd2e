import type { Cell } from '../../store/types.js';
import { dynamicFromNode } from '../../values/dynamic.js';
import { castExpr, rowExpr } from '../expressions/basic.js';
import { evaluationError } from '../failures.js';
import { convertArguments, definer, type FunctionTable } from './define.js';

export const stringFunctions: FunctionTable = new Map();
const define = definer(stringFunctions);

/** Longest string a function makes, in characters: a dynamic or string cell holds 1 MB. */
const MAX_TEXT = 16 * 1024 * 1024;

function bounded(length: number): void {
  if (length > MAX_TEXT) throw evaluationError(`a string of ${length} characters; at most ${MAX_TEXT}`);
}

define('strcat', ['text text*', 'string'], (...parts: string[]) => parts.join(''));
define('strcat_delim', ['text text text*', 'string'], (delimiter: string, ...parts: string[]) =>
  parts.join(delimiter));

for (const name of ['strcat', 'strcat_delim']) {
  const bind = stringFunctions.get(name)!;
  // A null among the parts is empty text, so arguments become strings first.
  stringFunctions.set(name, (args, site) =>
    bind(
      args.map((arg) => castExpr(arg, 'string')),
      site,
    ),
  );
}

/** Length in code points, as Kusto counts. */
function codePoints(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0xd800 && code < 0xdc00) at++;
    count++;
  }
  return count;
}

const HAS_SURROGATES = /[\ud800-\udfff]/;

define('strlen', ['string', 'long'], (text: string) => BigInt(codePoints(text)));
define('string_size', ['string', 'long'], (text: string) => BigInt(Buffer.byteLength(text)));
define('toupper', ['text', 'string'], (text: string) => text.toUpperCase());
define('tolower', ['text', 'string'], (text: string) => text.toLowerCase());
define('reverse', ['text', 'string'], (text: string) => [...text].reverse().join(''));
define('strcmp', ['text text', 'long'], (a: string, b: string) => (a < b ? -1n : a > b ? 1n : 0n));
define('isascii', ['text', 'bool'], (text: string) => /^[\0-\x7f]*$/.test(text));
define('isutf8', ['text', 'bool'], () => true);

function slice(text: string, from: number, length: number): string {
  if (HAS_SURROGATES.test(text)) return [...text].slice(from, from + length).join('');
  return text.slice(from, from + length);
}

define('substring', ['text long long?', 'string'], (text: string, start: bigint, length?: bigint) => {
  const size = codePoints(text);
  let from = Number(start);
  if (from < 0) from = Math.max(0, size + from);
  if (length === undefined) return slice(text, from, size);
  return length <= 0n ? '' : slice(text, from, Number(length));
});

define('strrep', ['text long text?', 'string'], (text: string, times: bigint, delimiter = '') => {
  if (times < 0n || times > 1024n) throw evaluationError(`strrep(): multiplier ${times} is not in 0..1024`);
  bounded((text.length + delimiter.length) * Number(times));
  return new Array(Number(times)).fill(text).join(delimiter);
});

define('replace_string', ['text string string', 'string'], (text: string, lookup: string, rewrite: string) =>
  lookup === '' ? text : text.replaceAll(lookup, () => rewrite));

define('split', ['text string long?', 'dynamic'], (text: string, delimiter: string, index?: bigint) => {
  const parts = delimiter === '' ? [text] : text.split(delimiter);
  if (index === undefined) return dynamicFromNode(parts);
  const part = parts[Number(index)];
  return dynamicFromNode(part === undefined ? [] : [part]);
});

interface IndexOptions {
  readonly start: number;
  readonly length: number;
  readonly occurrence: number;
}

function nthIndex(text: string, match: string, { start, length, occurrence }: IndexOptions): bigint | null {
  if (occurrence < 1) return null;
  const from = start < 0 ? Math.max(0, text.length + start) : start;
  const end = length < 0 ? text.length : Math.min(text.length, from + length);
  let at = from - 1;
  for (let seen = 0; seen < occurrence; seen++) {
    at = text.indexOf(match, at + 1);
    if (at < 0 || at + match.length > end) return -1n;
  }
  return BigInt(at);
}

define('indexof', ['text text long? long? long?', 'long'], (
  text: string,
  match: string,
  ...rest: bigint[]
) => {
  const [start = 0n, length = -1n, occurrence = 1n] = rest;
  return nthIndex(text, match, {
    start: Number(start),
    length: Number(length),
    occurrence: Number(occurrence),
  });
});

define('url_encode url_encode_component', ['text', 'string'], (text: string) => encodeURIComponent(text));
define('url_decode', ['text', 'string'], (text: string) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
});

define('base64_encode_tostring base64_encodestring', ['text', 'string'], (text: string) =>
  Buffer.from(text).toString('base64'));

function decodeBase64(text: string): Buffer | null {
  const clean = text.replaceAll(/\s/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(clean) || clean.length % 4 !== 0) return null;
  return Buffer.from(clean, 'base64');
}

define('base64_decode_tostring base64_decodestring', ['text', 'string'], (text: string) => {
  const bytes = decodeBase64(text);
  if (bytes === null) return null;
  const decoded = bytes.toString('utf8');
  return Buffer.from(decoded).equals(bytes) ? decoded : null;
});

define('base64_decode_toarray', ['text', 'dynamic'], (text: string) => {
  const bytes = decodeBase64(text);
  return bytes === null ? null : dynamicFromNode([...bytes]);
});

define('translate', ['text text text', 'string'], (search: string, replacement: string, text: string) => {
  const from = [...search];
  const to = [...replacement];
  const table = new Map(from.map((c, index) => [c, to[Math.min(index, to.length - 1)] ?? '']));
  return [...text].map((c) => table.get(c) ?? c).join('');
});

define('to_utf8 unicode_codepoints_from_string', ['text', 'dynamic'], (text: string) =>
  dynamicFromNode([...text].map((c) => c.codePointAt(0)!)));

define('parse_csv', ['text', 'dynamic'], (text: string): Cell => dynamicFromNode(csvFields(text)));

/** Fields of the first record. */
function csvFields(text: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      let field = '';
      at++;
      for (;;) {
        const quote = text.indexOf('"', at);
        field += text.slice(at, quote < 0 ? undefined : quote);
        at = quote < 0 ? text.length : quote + 1;
        if (text[at] !== '"' || quote < 0) break;
        field += '"';
        at++;
      }
      fields.push(field);
    } else {
      const rest = /^[^,\r\n]*/.exec(text.slice(at))![0];
      fields.push(rest);
      at += rest.length;
    }
    if (text[at] !== ',') return fields;
    at++;
  }
}

stringFunctions.set('format_bytes', (args, site) => {
  const [size, precision, unit] = convertArguments('number long? string?', args, site);
  const rest = [precision, unit].filter((arg) => arg !== undefined);
  return rowExpr(
    'string',
    [castExpr(size!, 'real'), ...rest],
    (value, digits, wanted) =>
      formatBytes(value as number, Number(digits ?? 0n), wanted as string | undefined),
    { strict: true },
  );
});

const BYTE_UNITS = ['Bytes', 'KB', 'MB', 'GB', 'TB', 'PB', 'EB'];

function formatBytes(size: number, digits: number, wanted: string | undefined): string {
  const fixed =
    wanted === undefined ? -1 : BYTE_UNITS.findIndex((unit) => unit.toLowerCase() === wanted.toLowerCase());
  let step = Math.max(0, fixed);
  if (fixed < 0) while (step < BYTE_UNITS.length - 1 && Math.abs(size) / 1024 ** step >= 1024) step++;
  const scaled = size / 1024 ** step;
  return `${Number(scaled.toFixed(Math.min(Math.max(digits, 0), 20)))} ${BYTE_UNITS[step]}`;
}
