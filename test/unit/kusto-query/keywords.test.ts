import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catalogOf, lines, run, tableOf } from './helpers.js';

const AT = 638_000_000_000_000_000n;
const TABLE = tableOf({
  name: 'T',
  schema: {
    time: 'datetime',
    title: 'string',
    date: 'datetime',
    kind: 'string',
    type: 'string',
    source: 'string',
  },
  extents: [[[AT, 'x', AT, 'k', 't', 's']]],
});

/** Public reports of the service's answer (400) for such columns name `time`, `date` and `title`. */
test('a column named like a word of the language is refused without brackets, and the error writes them', async () => {
  const refused: readonly (readonly [query: string, name: string])[] = [
    ['T | summarize min(time)', 'time'],
    ['T | where isempty(title)', 'title'],
    ["T | where title == 'x'", 'title'],
    ['T | project kind, time, type, date', 'time'],
    ['T | project time', 'time'],
    ['T | project title', 'title'],
    ['T | project-away date', 'date'],
    ['T | sort by time', 'time'],
    ['T | extend later = time + 1d', 'time'],
    ['T | summarize count() by title', 'title'],
    ['T | distinct title', 'title'],
    ['T | extend again = T.time', 'time'],
    ['T | join (T) on time', 'time'],
  ];
  for (const [query, name] of refused) {
    await assert.rejects(run(query, catalogOf([TABLE])), (error: Error) => {
      assert.match(error.message, /SYN0002/);
      assert.ok(error.message.includes(`['${name}']`), error.message);
      return true;
    });
  }
});

test('in brackets every name is a column; words the language leaves free need none', async () => {
  const query = `T
    | where ['title'] == 'x' and ["time"] < datetime(2030-01-01)
    | summarize first = min(['time']) by ['date'], title = ['title'], kind, type, source
    | project n = isnotnull(first) and isnotnull(['date']), ['title'], kind, type, source`;
  const { tables } = await run(query, catalogOf([TABLE]));
  assert.deepEqual(lines(tables[0]!), [
    'n:bool|title:string|kind:string|type:string|source:string',
    'true|x|k|t|s',
  ]);
});

test('words that published queries use as names need no brackets', async () => {
  const query = `T
    | summarize first = min(['time']), last = max(['time']) by kind
    | where first <= last | extend kind = strcat(kind, '!') | order by last desc, first
    | project first == last, last = 1, kind`;
  const { tables } = await run(query, catalogOf([TABLE]));
  assert.deepEqual(lines(tables[0]!), ['Column1:bool|last:long|kind:string', 'true|1|k!']);
});

test('other syntax errors say nothing of brackets', async () => {
  for (const query of ['T | project 1 2', 'T | take', 'T | sumarize count()', 'T | where (kind == 1']) {
    await assert.rejects(run(query, catalogOf([TABLE])), (error: Error) => !error.message.includes("['"));
  }
});
