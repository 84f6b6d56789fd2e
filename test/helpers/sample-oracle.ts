import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

/** One column of a table, as each of the two engines reads it: a whole number, or a real for its extremes only. */
interface ColumnProbe {
  readonly kusto: string;
  readonly duck: string;
  /** Makes the values of a real whole, so that the order of summing cannot matter. Default 1. */
  readonly scale?: number;
}

interface TableProbe {
  readonly table: string;
  readonly file: string;
  readonly columns: readonly ColumnProbe[];
}

const plain = (...names: string[]): ColumnProbe[] => names.map((name) => ({ kusto: name, duck: name }));

const tables: readonly TableProbe[] = [
  {
    table: 'Flights',
    file: 'flights-200k.json',
    columns: [...plain('delay', 'distance'), { kusto: "['time']", duck: '"time"', scale: 3600 }],
  },
  {
    table: 'ZipCodes',
    file: 'zipcodes.csv',
    columns: [
      { kusto: 'tolong(zip_code)', duck: 'zip_code::BIGINT' },
      { kusto: 'latitude', duck: 'latitude', scale: 1e6 },
      { kusto: 'longitude', duck: 'longitude', scale: 1e6 },
    ],
  },
  {
    table: 'Movies',
    file: 'movies.json',
    columns: [
      { kusto: 'worldwideGross', duck: '"Worldwide Gross"' },
      { kusto: 'productionBudget', duck: '"Production Budget"' },
      { kusto: 'imdbRating', duck: '"IMDB Rating"', scale: 10 },
    ],
  },
  ...['Flights3M', 'FlightsLoaded'].map((table) => ({
    table,
    file: 'flights-3m.parquet',
    columns: [
      ...plain('delay', 'distance'),
      { kusto: "tolong((['date'] - datetime(1970-01-01)) / 1s)", duck: 'epoch(date)::BIGINT' },
    ],
  })),
];

/** Rows of the table, then for each column: values, sum, minimum, maximum, distinct values. */
export type TableFacts = Readonly<Record<string, readonly number[]>>;

type Ask = (query: string) => Promise<readonly (readonly unknown[])[]>;

const numbers = (rows: readonly (readonly unknown[])[]): number[] => (rows[0] ?? []).map(Number);

async function factsFromFile(connection: DuckDBConnection, probe: TableProbe): Promise<number[][]> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('vega-datasets')), '..', 'data');
  const source = `'${join(folder, probe.file).replaceAll("'", "''")}'`;
  const ask = async (query: string): Promise<number[]> =>
    numbers((await connection.runAndReadAll(query)).getRowsJS());
  const facts = [await ask(`SELECT count(*) FROM ${source}`)];
  for (const { duck, scale = 1 } of probe.columns) {
    const sum = scale === 1 ? `sum(${duck})` : `sum(round(${duck} * ${scale})::BIGINT)`;
    const select = `count(${duck}), ${sum}, min(${duck}), max(${duck}), count(DISTINCT ${duck})`;
    facts.push(await ask(`SELECT ${select} FROM ${source}`));
  }
  return facts;
}

async function factsFromKusto(ask: Ask, probe: TableProbe): Promise<number[][]> {
  const facts = [numbers(await ask(`${probe.table} | count`))];
  for (const { kusto, scale = 1 } of probe.columns) {
    const sum = scale === 1 ? 'sum(v)' : `sum(tolong(round(v * ${scale})))`;
    const values = `${probe.table} | project v = ${kusto} | where isnotnull(v)`;
    const [distinct = Number.NaN] = numbers(await ask(`${values} | distinct v | count`));
    facts.push([...numbers(await ask(`${values} | summarize count(), ${sum}, min(v), max(v)`)), distinct]);
  }
  return facts;
}

const named = (probe: TableProbe, facts: readonly (readonly number[])[]): TableFacts =>
  Object.fromEntries(facts.map((each, index) => [probe.columns[index - 1]?.kusto ?? 'rows', each]));

/** The sample's files as DuckDB reads them, beside the tables as the local Kusto answers; by table. */
export async function readSampleTwice(
  ask: Ask,
): Promise<{ readonly files: Record<string, TableFacts>; readonly tables: Record<string, TableFacts> }> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const files: Record<string, TableFacts> = {};
  const stored: Record<string, TableFacts> = {};
  try {
    for (const probe of tables) {
      files[probe.table] = named(probe, await factsFromFile(connection, probe));
      stored[probe.table] = named(probe, await factsFromKusto(ask, probe));
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return { files, tables: stored };
}
