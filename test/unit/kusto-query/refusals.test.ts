import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KustoError } from '../../../local/kusto/errors.js';
import { catalogOf, run, tableOf } from './helpers.js';

const T = tableOf({
  name: 'T',
  schema: { a: 'long', s: 'string', d: 'dynamic', t: 'datetime' },
  extents: [[[1n, 'x', null, null]]],
});
const CATALOG = catalogOf([T]);

async function refusal(query: string): Promise<KustoError> {
  const error = await run(query, CATALOG).then(
    () => assert.fail(`'${query}' was answered`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof KustoError, `${String(error)}\n${(error as Error).stack}`);
  assert.equal(error.status, 400);
  return error;
}

/** Query, inner code, part of the message. */
const SEMANTIC: readonly (readonly [string, string, string])[] = [
  ['X', 'SEM0100', "Failed to resolve table expression named 'X'"],
  ['X | count', 'SEM0100', "Failed to resolve table expression named 'X'"],
  ["table('X')", 'SEM0100', "Failed to resolve table expression named 'X'"],
  ["database('nope').T", 'SEM0100', "Failed to resolve database named 'nope'"],
  ['T | where b > 1', 'SEM0100', "'where' operator: Failed to resolve column or scalar expression named 'b'"],
  ['T | project b', 'SEM0100', "'project' operator: Failed to resolve column or scalar expression named 'b'"],
  [
    'T | extend c = b',
    'SEM0100',
    "'extend' operator: Failed to resolve column or scalar expression named 'b'",
  ],
  ['T | summarize sum(b)', 'SEM0100', "'summarize' operator: Failed to resolve"],
  ['T | summarize a + count()', 'SEM0100', "'summarize' operator: Failed to resolve"],
  ['T | sort by b', 'SEM0100', "Failed to resolve column or scalar expression named 'b'"],
  ['T | project-away b', 'SEM0100', "'project-away' operator: Failed to resolve"],
  ['T | join (T) on b', 'SEM0100', "'join' operator: Failed to resolve"],
  ['T | join (T) on $left.a > $right.a', 'SEM0100', 'is not an equality'],
  ['T | project a, a', 'SEM0001', 'already declared'],
  ['T | where s == 1', 'SEM0064', 'Cannot compare values of types string and long'],
  ['T | where t == 1', 'SEM0064', 'Cannot compare values of types datetime and long'],
  ['T | where d == d', 'SEM0064', 'Cannot compare values of types dynamic and dynamic'],
  ["T | where s > 'a'", 'SEM0064', 'Cannot compare values of types string and string'],
  ['print 1 + "a"', 'SEM0064', 'long and string'],
  ['print 1d * 1d', 'SEM0064', 'timespan and timespan'],
  ['T | where s', 'SEM0079', 'bool'],
  ["T | where a has 'x'", 'SEM0024', "Operator 'has' requires a string operand"],
  ["T | where s matches regex '(?=x)'", 'SEM0420', 'look-around'],
  ["T | where s matches regex @'(a)\\1'", 'SEM0420', 'back-references'],
  ["T | where s matches regex '('", 'SEM0420', 'ill-formed'],
  ['print nosuch(1)', 'SEM0260', "Unknown function: 'nosuch'"],
  ['T | invoke nosuch()', 'SEM0260', "Unknown function: 'nosuch'"],
  ['print strlen()', 'SEM0219', 'strlen(): function expects 1 argument(s), got 0'],
  ['print strlen(1)', 'SEM0234', 'strlen(): argument #1 must be a string value'],
  ['print startofday("x")', 'SEM0234', 'must be a datetime value'],
  ["print datetime_add('fortnight', 1, now())", 'SEM0234', "'fortnight' is not a period"],
  ['T | extend row_number()', 'SEM0086', 'must be serialized'],
  ['T | where sum(a) > 1', 'SEM0086', "Aggregate function 'sum'"],
  ['T | summarize count() by d', 'SEM0070', 'group key must not be dynamic'],
  ['T | sort by d', 'SEM0057', 'Cannot order by a dynamic value'],
  ['T | summarize min(d)', 'SEM0234', 'must be orderable'],
  ['T | summarize sum(s)', 'SEM0234', 'sum(): argument must be a number'],
  ['T | take -1', 'SEM0235', 'must not be negative'],
  ['T | take a', 'SEM0100', 'Failed to resolve'],
  ['T | mv-expand a', 'SEM0100', 'a dynamic value is expected'],
  ['T | join kind=sideways (T) on a', 'SEM0100', 'sideways'],
  ['datatable(a:long, b:long)[1, 2, 3]', 'SEM0100', 'do not fill rows'],
  ["datatable(a:bool)['x']", 'SEM0100', 'a bool value is expected'],
  ['let f = (x:long) { x }; print f()', 'SEM0219', "Argument for parameter 'x' is missing"],
  ['let f = (x:long) { x }; print f(1, 2)', 'SEM0219', "Function 'f' expects 1 argument(s), got 2"],
  ["let f = (x:long) { x }; print f('a')", 'SEM0025', "Parameter 'x' is of type long"],
  ['let f = (T:(q:long)) { T }; f(T)', 'SEM0100', "lacks the column 'q'"],
  ['let x = 1;', 'SEM0100', 'no tabular expression'],
  ['declare query_parameters(p:long); print p', 'SEM0100', "Query parameter 'p' has no value"],
  ['print 1.a', 'SEM0107', 'needs a dynamic value'],
  ['T | summarize percentile(a, toscalar(print 50))', 'SEM0235', 'A literal is expected here'],
  ['print iff(true, 1, "a")', 'SEM0011', 'same type'],
];

describe('semantic errors', () => {
  for (const [query, code, words] of SEMANTIC) {
    it(`${query} is ${code}`, async () => {
      const error = await refusal(query);
      assert.equal(error.innerCode, code, error.message);
      assert.match(error.message, /^Semantic error: /);
      assert.ok(error.message.includes(words), error.message);
    });
  }
});

const SYNTAX = [
  'T | wher a',
  'T |',
  'print (1',
  'print datetime(nonsense)',
  "print 'open",
  'T | where',
  'let x 1; print x',
];

describe('syntax errors', () => {
  for (const query of SYNTAX) {
    it(`${query} is refused with its place`, async () => {
      const error = await refusal(query);
      assert.equal(error.innerCode, 'SYN0002');
      assert.match(error.message, /^Syntax error: .*line:position=/s);
    });
  }
});

/** Query and the name the refusal must give. */
const UNSUPPORTED: readonly (readonly [string, string])[] = [
  ["find 'x'", 'operator `find`'],
  ["search 'x'", 'operator `search`'],
  ["T | search 'x'", 'operator `search`'],
  ['T | make-series count() on t step 1d', 'operator `make-series`'],
  ['T | scan with (step s: true;)', 'operator `scan`'],
  ['T | mv-apply d on (take 1)', 'operator `mv-apply`'],
  ['T | top-nested 3 of s by count()', 'operator `top-nested`'],
  ['T | top-hitters 3 of s', 'operator `top-hitters`'],
  ['T | facet by s', 'operator `facet`'],
  ['T | fork (count)', 'operator `fork`'],
  ['T | partition by s (take 1)', 'operator `partition`'],
  ['T | reduce by s', 'operator `reduce`'],
  ["externaldata(a:long)['x']", 'operator `externaldata`'],
  ['T | evaluate pivot(s)', 'plug-in pivot'],
  ['T | evaluate autocluster()', 'plug-in autocluster'],
  ['T | evaluate bag_unpack(d)', 'bag_unpack without an output schema'],
  ['print geo_distance_2points(1.0, 2.0, 3.0, 4.0)', "function 'geo_distance_2points()'"],
  ["print parse_xml('<a/>')", "function 'parse_xml()'"],
  ['T | summarize hll(a)', "function 'hll()'"],
  ["external_table('x')", "function 'external_table()'"],
  ['alias database x = cluster("c").database("d"); print 1', "statement 'alias'"],
  ['restrict access to (T); T', "statement 'restrict'"],
  ['T | parse kind=regex flags=x s with a', "flags 'x'"],
];

describe('what the engine lacks', () => {
  for (const [query, name] of UNSUPPORTED) {
    it(`${query} is refused by name`, async () => {
      const error = await refusal(query);
      assert.equal(error.code, 'BadRequest_NotSupportedByLocalEngine');
      assert.ok(error.message.includes(name), error.message);
      assert.match(error.message, /is not supported by the local engine$/);
    });
  }
});

describe('limits', () => {
  it('a query nested beyond measure is a syntax error, not a crash', async () => {
    const error = await refusal(`print ${'('.repeat(5000)}1${')'.repeat(5000)}`);
    assert.equal(error.innerCode, 'SYN0002');
  });

  it('endless recursion of a stored function ends with an error', async () => {
    const fn = { name: 'f', parameters: '(x:long)', body: '{ f(x + 1) }', folder: '', docstring: '' };
    await assert.rejects(run('print f(1)', catalogOf([], [fn])), /calls deep/);
  });
});
