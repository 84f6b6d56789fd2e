/** A query and the answer: the header, then one line per row. */
export interface OperatorCase {
  readonly name: string;
  readonly query: string;
  readonly answer: readonly string[];
}

const S =
  "let S = datatable(id:long, name:string, x:real, at:datetime) [1,'a',1.5,datetime(2020-01-01), 2,'b',2.5,datetime(2020-01-02), 3,'a',real(null),datetime(null)]; ";
const L =
  "let L = datatable(k:string, a:long) ['a',1, 'b',2, 'b',3, 'c',4]; let R = datatable(k:string, b:long) ['b',10, 'c',20, 'c',30, 'd',40]; ";

export const ROW_OPERATORS: readonly OperatorCase[] = [
  {
    name: 'where keeps rows whose condition is true',
    query: `${S} S | where x > 1.5 | project id`,
    answer: ['id:long', '2'],
  },
  {
    name: 'where with != keeps nulls',
    query: `${S} S | where x != 1.5 | project id`,
    answer: ['id:long', '2', '3'],
  },
  { name: 'filter is where', query: `${S} S | filter name == 'b' | project id`, answer: ['id:long', '2'] },
  {
    name: 'extend replaces in place and appends',
    query: 'datatable(a:long,b:long)[1,2] | extend a = a + b, c = b',
    answer: ['a:long|b:long|c:long', '3|2|2'],
  },
  {
    name: 'extend numbers unnamed columns',
    query: 'datatable(a:long)[1] | extend a+1, a+2',
    answer: ['a:long|Column1:long|Column2:long', '1|2|3'],
  },
  {
    name: 'extend names by function and path',
    query:
      'datatable(s:string,d:dynamic)["ab",dynamic({"x":{"y":1}})] | extend strlen(s), d.x.y | project-away d, s',
    answer: ['strlen_s:long|d_x_y:dynamic', '2|1'],
  },
  {
    name: 'project picks, renames and computes',
    query: `${S} S | take 1 | project n = name, id, id + 1, tostring(x)`,
    answer: ['n:string|id:long|Column1:long|x:string', 'a|1|2|1.5'],
  },
  {
    name: 'project-away takes patterns',
    query: 'datatable(ab:long, ac:long, b:long)[1,2,3] | project-away a*',
    answer: ['b:long', '3'],
  },
  {
    name: 'project-keep keeps the order of the input',
    query: 'datatable(ab:long, ac:long, b:long)[1,2,3] | project-keep b, ab',
    answer: ['ab:long|b:long', '1|3'],
  },
  {
    name: 'project-rename keeps the place',
    query: 'datatable(a:long, b:long)[1,2] | project-rename z = a',
    answer: ['z:long|b:long', '1|2'],
  },
  {
    name: 'project-reorder puts named columns first',
    query: 'datatable(a1:long, b:long, a2:long)[1,2,3] | project-reorder b, a* desc',
    answer: ['b:long|a2:long|a1:long', '2|3|1'],
  },
  {
    name: 'names in brackets',
    query: "datatable(['a b']:long)[1] | where ['a b'] == 1 | project ['c d'] = ['a b']",
    answer: ['c d:long', '1'],
  },
  {
    name: 'sort is descending with nulls last',
    query: `${S} S | sort by x | project id`,
    answer: ['id:long', '2', '1', '3'],
  },
  {
    name: 'ascending sort puts nulls first',
    query: `${S} S | order by x asc | project id`,
    answer: ['id:long', '3', '1', '2'],
  },
  {
    name: 'nulls first and last can be asked for',
    query: `${S} S | sort by x asc nulls last | project id; S | sort by x desc nulls first | project id`,
    answer: ['id:long', '1', '2', '3'],
  },
  {
    name: 'sort by several keys is stable',
    query: `${S} S | sort by name asc, id desc | project id`,
    answer: ['id:long', '3', '1', '2'],
  },
  {
    name: 'sort by text is ordinal',
    query: "datatable(s:string)['b','B','a',''] | sort by s asc",
    answer: ['s:string', '', 'B', 'a', 'b'],
  },
  {
    name: 'top takes the greatest',
    query: `${S} S | top 2 by id | project id`,
    answer: ['id:long', '3', '2'],
  },
  {
    name: 'top ascending',
    query: `${S} S | top 1 by at asc nulls last | project id`,
    answer: ['id:long', '1'],
  },
  { name: 'take and limit', query: `${S} S | limit 2 | take 1 | project id`, answer: ['id:long', '1'] },
  { name: 'take zero', query: `${S} S | take 0 | project id`, answer: ['id:long'] },
  {
    name: 'sort then take',
    query: 'range x from 1 to 100000 step 1 | sort by x desc | take 2',
    answer: ['x:long', '100000', '99999'],
  },
  { name: 'count', query: `${S} S | count`, answer: ['Count:long', '3'] },
  { name: 'count of nothing', query: `${S} S | where false | count`, answer: ['Count:long', '0'] },
  {
    name: 'distinct keeps the first of each',
    query: `${S} S | distinct name`,
    answer: ['name:string', 'a', 'b'],
  },
  {
    name: 'distinct of all columns',
    query: 'datatable(a:long,b:string)[1,"x",1,"x",1,"y"] | distinct *',
    answer: ['a:long|b:string', '1|x', '1|y'],
  },
  {
    name: 'getschema',
    query: 'datatable(a:long,b:string)[] | getschema',
    answer: [
      'ColumnName:string|ColumnOrdinal:int|DataType:string|ColumnType:string',
      'a|0|System.Int64|long',
      'b|1|System.String|string',
    ],
  },
  {
    name: 'print numbers its columns',
    query: "print 1, x = 'a', 2.5",
    answer: ['print_0:long|x:string|print_2:real', '1|a|2.5'],
  },
  { name: 'range of longs', query: 'range x from 1 to 8 step 3', answer: ['x:long', '1', '4', '7'] },
  { name: 'range downwards', query: 'range x from 3 to 1 step -1', answer: ['x:long', '3', '2', '1'] },
  {
    name: 'range of datetimes',
    query: 'range t from datetime(2020-01-01) to datetime(2020-01-02) step 12h | count',
    answer: ['Count:long', '3'],
  },
  { name: 'empty range', query: 'range x from 5 to 1 step 1', answer: ['x:long'] },
  {
    name: 'as names a table',
    query: 'range x from 1 to 3 step 1 | as T | where x > toscalar(T | summarize avg(x))',
    answer: ['x:long', '3'],
  },
  {
    name: 'serialize with a row number',
    query: 'datatable(a:string)["x","y"] | serialize n = row_number()',
    answer: ['a:string|n:long', 'x|1', 'y|2'],
  },
  {
    name: 'prev and next',
    query: 'datatable(a:long)[1,5,7] | serialize | extend p = prev(a), n = next(a, 1, -1)',
    answer: ['a:long|p:long|n:long', '1|null|5', '5|1|7', '7|5|-1'],
  },
  {
    name: 'row_cumsum restarts',
    query:
      'datatable(g:string,a:long)["x",1,"x",2,"y",5] | serialize | extend c = row_cumsum(a, g != prev(g))',
    answer: ['g:string|a:long|c:long', 'x|1|1', 'x|2|3', 'y|5|5'],
  },
  {
    name: 'row_rank_dense',
    query: 'datatable(a:long)[1,1,4] | sort by a asc | extend r = row_rank_dense(a), m = row_rank_min(a)',
    answer: ['a:long|r:long|m:long', '1|1|1', '1|1|1', '4|2|3'],
  },
  {
    name: 'window function in where',
    query: 'range x from 1 to 5 step 1 | serialize | where row_number() % 2 == 0',
    answer: ['x:long', '2', '4'],
  },
  {
    name: 'sample-distinct',
    query: 'datatable(a:long)[1,1,2] | sample-distinct 5 of a',
    answer: ['a:long', '1', '2'],
  },
  {
    name: 'sample gives so many rows',
    query: 'range x from 1 to 9 step 1 | sample 3 | count',
    answer: ['Count:long', '3'],
  },
];

export const SUMMARIZE: readonly OperatorCase[] = [
  {
    name: 'aggregates ignore nulls',
    query: `${S} S | summarize count(), sum(x), avg(x), min(x), max(x)`,
    answer: ['count_:long|sum_x:real|avg_x:real|min_x:real|max_x:real', '3|4|2|1.5|2.5'],
  },
  {
    name: 'grouped',
    query: `${S} S | summarize c = count(), s = sum(id) by name`,
    answer: ['name:string|c:long|s:long', 'a|2|4', 'b|1|2'],
  },
  {
    name: 'nulls are a group',
    query: `${S} S | summarize count() by isnull(x), x`,
    answer: ['Column1:bool|x:real|count_:long', 'false|1.5|1', 'false|2.5|1', 'true|null|1'],
  },
  {
    name: 'by bin',
    query: `${S} S | summarize count() by bin(id, 2)`,
    answer: ['id:long|count_:long', '0|1', '2|2'],
  },
  {
    name: 'named key',
    query: `${S} S | summarize count() by k = bin(at, 1d) | where isnotnull(k) | count`,
    answer: ['Count:long', '2'],
  },
  { name: 'keys only', query: `${S} S | summarize by name`, answer: ['name:string', 'a', 'b'] },
  {
    name: 'empty input without keys gives defaults',
    query:
      'datatable(x:long)[] | summarize count(), countif(x > 0), dcount(x), sum(x), avg(x), min(x), max(x), stdev(x), make_list(x), make_set(x), take_any(x), percentile(x, 50)',
    answer: [
      'count_:long|countif_:long|dcount_x:long|sum_x:long|avg_x:real|min_x:long|max_x:long|stdev_x:real|list_x:dynamic|set_x:dynamic|x:long|percentile_x_50:long',
      '0|0|0|0|NaN|null|null|0|[]|[]|null|null',
    ],
  },
  {
    name: 'empty input with keys gives nothing',
    query: 'datatable(x:long)[] | summarize count() by x',
    answer: ['x:long|count_:long'],
  },
  {
    name: 'sum of longs is exact beyond 2^53',
    query: 'datatable(x:long)[9007199254740993, 9007199254740993, 1] | summarize sum(x)',
    answer: ['sum_x:long', '18014398509481987'],
  },
  {
    name: 'sum of decimals is exact',
    query: 'datatable(x:decimal)[decimal(0.1), decimal(0.2)] | summarize sum(x), avg(x)',
    answer: ['sum_x:decimal|avg_x:decimal', '0.3|0.15'],
  },
  {
    name: 'sum of ints is long',
    query: 'datatable(x:int)[2147483647, 1] | summarize sum(x), max(x)',
    answer: ['sum_x:long|max_x:int', '2147483648|2147483647'],
  },
  {
    name: 'timespans',
    query: 'datatable(x:timespan)[1h, 2h] | summarize sum(x), avg(x)',
    answer: ['sum_x:timespan|avg_x:timespan', '03:00:00|01:30:00'],
  },
  {
    name: 'average of datetimes',
    query: 'datatable(x:datetime)[datetime(2020-01-01), datetime(2020-01-03)] | summarize avg(x)',
    answer: ['avg_x:datetime', '2020-01-02T00:00:00.0000000Z'],
  },
  {
    name: 'conditional aggregates',
    query: `${S} S | summarize countif(id > 1), sumif(id, name == 'a'), avgif(x, id < 3), minif(id, id > 1), maxif(id, id < 3), dcountif(name, id > 1)`,
    answer: [
      'countif_:long|sumif_id:long|avgif_x:real|minif_id:long|maxif_id:long|dcountif_name:long',
      '2|4|2|2|2|2',
    ],
  },
  {
    name: 'dcount and count_distinct',
    query: `${S} S | summarize dcount(name), count_distinct(x)`,
    answer: ['dcount_name:long|count_distinct_x:long', '2|2'],
  },
  {
    name: 'arg_max with star',
    query: `${S} S | summarize arg_max(id, *) by name | project name, id, x`,
    answer: ['name:string|id:long|x:real', 'a|3|null', 'b|2|2.5'],
  },
  {
    name: 'arg_min ignores nulls',
    query: `${S} S | summarize arg_min(x, id, n = name)`,
    answer: ['x:real|id:long|n:string', '1.5|1|a'],
  },
  {
    name: 'arg_max names',
    query: `${S} S | summarize (latest, who) = arg_max(at, name), m = arg_min(id, name)`,
    answer: ['latest:datetime|who:string|m:long|name:string', '2020-01-02T00:00:00.0000000Z|b|1|a'],
  },
  {
    name: 'make_list and make_set',
    query:
      'datatable(x:long)[1, 2, long(null), 1] | summarize make_list(x), make_set(x), make_list(x, 2), make_list_with_nulls(x), make_set_if(x, x > 1)',
    answer: [
      'list_x:dynamic|set_x:dynamic|list_x1:dynamic|list_x2:dynamic|set_x1:dynamic',
      '[1,2,1]|[1,2]|[1,2]|[1,2,null,1]|[2]',
    ],
  },
  {
    name: 'make_bag',
    query: 'datatable(d:dynamic)[dynamic({"a":1}), dynamic({"b":2})] | summarize make_bag(d)',
    answer: ['bag_d:dynamic', '{"a":1,"b":2}'],
  },
  {
    name: 'percentiles',
    query:
      'range x from 1 to 100 step 1 | summarize percentiles(x, 5, 50.5, 95), percentile(x, 50), percentiles_array(x, 10, 90)',
    answer: [
      'percentile_x_5:long|percentile_x_50_5:long|percentile_x_95:long|percentile_x_50:long|percentiles_x:dynamic',
      '5|51|95|50|[10,90]',
    ],
  },
  {
    name: 'stdev and variance of a sample',
    query: 'range x from 1 to 5 step 1 | summarize stdev(x), variance(x), variancep(x)',
    answer: ['stdev_x:real|variance_x:real|variancep_x:real', '1.5811388300841898|2.5|2'],
  },
  {
    name: 'take_any and any',
    query: `${S} S | where id == 2 | summarize take_any(name), any(id), take_any(id, x)`,
    answer: ['name:string|any_id:long|id:long|x:real', 'b|2|2|2.5'],
  },
  {
    name: 'binary aggregates',
    query:
      'datatable(x:long)[6, 3] | summarize a = binary_all_and(x), o = binary_all_or(x), e = binary_all_xor(x)',
    answer: ['a:long|o:long|e:long', '2|7|5'],
  },
  {
    name: 'expressions over aggregates',
    query: `${S} S | summarize total = 1 + count(), sum(id) * 1.0 / count(), toint(sum(id))`,
    answer: ['total:long|Column1:real|sum_id:int', '4|2|6'],
  },
  {
    name: 'several groups of several keys',
    query: 'range x from 0 to 5 step 1 | summarize count() by a = x % 2, b = x % 3 | sort by a asc, b asc',
    answer: ['a:long|b:long|count_:long', '0|0|1', '0|1|1', '0|2|1', '1|0|1', '1|1|1', '1|2|1'],
  },
  {
    name: 'min and max of texts, bools and datetimes',
    query: `${S} S | summarize min(name), max(at), max(id > 1)`,
    answer: ['min_name:string|max_at:datetime|max_:bool', 'a|2020-01-02T00:00:00.0000000Z|true'],
  },
  {
    name: 'hints are accepted',
    query: `${S} S | summarize hint.strategy=shuffle count()`,
    answer: ['count_:long', '3'],
  },
];

export const JOINS: readonly OperatorCase[] = [
  {
    name: 'default is innerunique',
    query: `${L} L | join (R) on k`,
    answer: ['k:string|a:long|k1:string|b:long', 'b|2|b|10', 'c|4|c|20', 'c|4|c|30'],
  },
  {
    name: 'inner',
    query: `${L} L | join kind=inner (R) on k`,
    answer: ['k:string|a:long|k1:string|b:long', 'b|2|b|10', 'b|3|b|10', 'c|4|c|20', 'c|4|c|30'],
  },
  {
    name: 'leftouter',
    query: `${L} L | join kind=leftouter (R) on k`,
    answer: ['k:string|a:long|k1:string|b:long', 'a|1||null', 'b|2|b|10', 'b|3|b|10', 'c|4|c|20', 'c|4|c|30'],
  },
  {
    name: 'rightouter',
    query: `${L} L | join kind=rightouter (R) on k`,
    answer: [
      'k:string|a:long|k1:string|b:long',
      'b|2|b|10',
      'b|3|b|10',
      'c|4|c|20',
      'c|4|c|30',
      '|null|d|40',
    ],
  },
  { name: 'fullouter', query: `${L} L | join kind=fullouter (R) on k | count`, answer: ['Count:long', '6'] },
  {
    name: 'leftsemi',
    query: `${L} L | join kind=leftsemi (R) on k`,
    answer: ['k:string|a:long', 'b|2', 'b|3', 'c|4'],
  },
  {
    name: 'rightsemi',
    query: `${L} L | join kind=rightsemi (R) on k`,
    answer: ['k:string|b:long', 'b|10', 'c|20', 'c|30'],
  },
  { name: 'leftanti', query: `${L} L | join kind=leftanti (R) on k`, answer: ['k:string|a:long', 'a|1'] },
  { name: 'anti is leftanti', query: `${L} L | join kind=anti (R) on k`, answer: ['k:string|a:long', 'a|1'] },
  {
    name: 'rightanti',
    query: `${L} L | join kind=rightantisemi (R) on k`,
    answer: ['k:string|b:long', 'd|40'],
  },
  {
    name: 'on $left and $right',
    query: `${L} L | join kind=inner (R | project-rename q = k) on $left.k == $right.q | project k, b`,
    answer: ['k:string|b:long', 'b|10', 'b|10', 'c|20', 'c|30'],
  },
  {
    name: 'on several keys',
    query:
      'datatable(a:long,b:long)[1,1,1,2] | join kind=inner (datatable(a:long,b:long,c:long)[1,2,7]) on a, b | project a, b, c',
    answer: ['a:long|b:long|c:long', '1|2|7'],
  },
  {
    name: 'keys of different numeric types',
    query: 'datatable(a:int)[1] | join kind=inner (datatable(b:long)[1]) on $left.a == $right.b',
    answer: ['a:int|b:long', '1|1'],
  },
  {
    name: 'null keys do not meet',
    query: 'datatable(a:long)[long(null)] | join kind=inner (datatable(a:long)[long(null)]) on a | count',
    answer: ['Count:long', '0'],
  },
  {
    name: 'lookup leaves the right key out',
    query: `${L} L | where a > 1 | lookup R on k`,
    answer: ['k:string|a:long|b:long', 'b|2|10', 'b|3|10', 'c|4|20', 'c|4|30'],
  },
  {
    name: 'lookup is leftouter',
    query: `${L} L | lookup (R | where b > 15) on k`,
    answer: ['k:string|a:long|b:long', 'a|1|null', 'b|2|null', 'b|3|null', 'c|4|20', 'c|4|30'],
  },
  {
    name: 'lookup kind=inner',
    query: `${L} L | lookup kind=inner (R) on k | count`,
    answer: ['Count:long', '4'],
  },
  {
    name: 'union keeps all columns',
    query: 'union (print a=1, b="x"), (print a=2, c=true)',
    answer: ['a:long|b:string|c:bool', '1|x|null', '2||true'],
  },
  {
    name: 'union kind=inner keeps the common ones',
    query: 'union kind=inner (print a=1, b="x"), (print a=2, c=true)',
    answer: ['a:long', '1', '2'],
  },
  {
    name: 'union names columns by type where types differ',
    query: 'union (print a=1), (print a="x")',
    answer: ['a_long:long|a_string:string', '1|', 'null|x'],
  },
  {
    name: 'union behind a pipe with source',
    query: 'print a=1 | union withsource=s (print a=2)',
    answer: ['s:string|a:long', 'union_arg0|1', 'union_arg1|2'],
  },
  {
    name: 'in with a subquery',
    query: `${L} L | where k in ((R | project k)) | project a`,
    answer: ['a:long', '2', '3', '4'],
  },
];

export const EXPANSIONS: readonly OperatorCase[] = [
  {
    name: 'mv-expand of arrays',
    query: 'datatable(a:int, b:dynamic)[1,dynamic([10,20]), 2,dynamic(["a","b"])] | mv-expand b',
    answer: ['a:int|b:dynamic', '1|10', '1|20', '2|"a"', '2|"b"'],
  },
  {
    name: 'mv-expand of bags',
    query: 'print b=dynamic({"p":1,"q":2}) | mv-expand b',
    answer: ['b:dynamic', '{"p":1}', '{"q":2}'],
  },
  {
    name: 'mv-expand of bags as pairs',
    query: 'print b=dynamic({"p":1,"q":2}) | mv-expand kind=array b | project b[0]',
    answer: ['b_0:dynamic', '"p"', '"q"'],
  },
  {
    name: 'mv-expand of two columns',
    query: 'print b=dynamic([1,2]), c=dynamic([5,4,3]) | mv-expand b, c',
    answer: ['b:dynamic|c:dynamic', '1|5', '2|4', 'null|3'],
  },
  {
    name: 'mv-expand to typeof',
    query: 'print b=dynamic([1,"x",2]) | mv-expand b to typeof(long)',
    answer: ['b:long', '1', 'null', '2'],
  },
  {
    name: 'mv-expand with index',
    query: 'print b=dynamic(["x","y"]) | mv-expand with_itemindex=i b to typeof(string)',
    answer: ['b:string|i:long', 'x|0', 'y|1'],
  },
  {
    name: 'mv-expand of a new column',
    query: 'print d=dynamic({"v":[1,2]}) | mv-expand v = d.v | project v',
    answer: ['v:dynamic', '1', '2'],
  },
  {
    name: 'mv-expand limit',
    query: 'print b=dynamic([1,2,3]) | mv-expand b limit 2',
    answer: ['b:dynamic', '1', '2'],
  },
  {
    name: 'mv-expand of null gives a row, of empty none',
    query: 'datatable(a:int, b:dynamic)[1,dynamic(null), 2,dynamic([])] | mv-expand b',
    answer: ['a:int|b:dynamic', '1|null'],
  },
  {
    name: 'parse simple',
    query:
      "print s='Event: name=PipelineScheduler, total=27, end' | parse s with * 'name=' n ', total=' t:long * | project n, t",
    answer: ['n:string|t:long', 'PipelineScheduler|27'],
  },
  {
    name: 'parse is null where it does not match',
    query: "datatable(s:string)['a=1','b=2'] | parse s with 'a=' v:long",
    answer: ['s:string|v:long', 'a=1|1', 'b=2|null'],
  },
  {
    name: 'parse-where drops what does not match',
    query: "datatable(s:string)['a=1','b=2','a=x'] | parse-where s with 'a=' v:long",
    answer: ['s:string|v:long', 'a=1|1'],
  },
  {
    name: 'parse simple is strict about types',
    query: "print s='a=x,b=2' | parse s with 'a=' a:long ',b=' b:long | project a, b",
    answer: ['a:long|b:long', 'null|null'],
  },
  {
    name: 'parse relaxed fills what fits',
    query: "print s='a=x,b=2' | parse kind=relaxed s with 'a=' a:long ',b=' b:long | project a, b",
    answer: ['a:long|b:long', 'null|2'],
  },
  {
    name: 'parse regex',
    query: "print s='id  17;' | parse kind=regex s with @'id\\s+' id:long ';' | project id",
    answer: ['id:long', '17'],
  },
  {
    name: 'parse regex is greedy unless told',
    query:
      "print s='x,y,z' | parse kind=regex s with a ',' * | project a; print s='x,y,z' | parse kind=regex flags=U s with a ',' * | project a",
    answer: ['a:string', 'x,y'],
  },
  {
    name: 'evaluate bag_unpack with a schema',
    query:
      'datatable(k:long, d:dynamic)[1, dynamic({"a":5,"b":"x"}), 2, dynamic({"a":6})] | evaluate bag_unpack(d) : (k:long, a:long, b:string)',
    answer: ['k:long|a:long|b:string', '1|5|x', '2|6|'],
  },
  {
    name: 'evaluate estimate_rows_count',
    query: 'range x from 1 to 7 step 1 | evaluate estimate_rows_count()',
    answer: ['EstimatedRowsCount:long', '7'],
  },
];

export const STATEMENTS: readonly OperatorCase[] = [
  { name: 'let scalar', query: 'let a = 5; let b = a * 2; print v = a + b', answer: ['v:long', '15'] },
  {
    name: 'let table',
    query: 'let T = range x from 1 to 3 step 1; T | where x > 1 | count',
    answer: ['Count:long', '2'],
  },
  {
    name: 'let function',
    query: 'let f = (a:long, b:long = 10) { a + b }; print x = f(1), y = f(1, 2), z = f(b = 5, a = 1)',
    answer: ['x:long|y:long|z:long', '11|3|6'],
  },
  {
    name: 'function over columns',
    query: 'let twice = (a:long) { a * 2 }; range x from 1 to 2 step 1 | extend y = twice(x)',
    answer: ['x:long|y:long', '1|2', '2|4'],
  },
  {
    name: 'function with lets inside',
    query: 'let f = (a:long) { let b = a + 1; b * b }; print v = f(2)',
    answer: ['v:long', '9'],
  },
  {
    name: 'tabular function',
    query: 'let f = (n:long) { range x from 1 to n step 1 }; f(2)',
    answer: ['x:long', '1', '2'],
  },
  {
    name: 'tabular parameter',
    query: 'let f = (T:(x:long), least:long) { T | where x >= least }; f((range x from 1 to 3 step 1), 2)',
    answer: ['x:long', '2', '3'],
  },
  {
    name: 'invoke',
    query:
      'let f = (T:(x:long), factor:long) { T | extend y = x * factor }; range x from 1 to 2 step 1 | invoke f(10)',
    answer: ['x:long|y:long', '1|10', '2|20'],
  },
  {
    name: 'view function without arguments',
    query: 'let V = view () { print a = 1 }; V | union (V())',
    answer: ['a:long', '1', '1'],
  },
  {
    name: 'toscalar',
    query: 'let m = toscalar(range x from 1 to 5 step 1 | summarize max(x)); print v = m + 1',
    answer: ['v:long', '6'],
  },
  {
    name: 'toscalar of nothing is null',
    query: 'print v = toscalar(range x from 5 to 1 step 1)',
    answer: ['v:long', 'null'],
  },
  {
    name: 'materialize is read once',
    query:
      'let M = materialize(range x from 1 to 3 step 1 | extend r = rand()); M | join kind=inner (M) on r | count',
    answer: ['Count:long', '3'],
  },
  {
    name: 'set is accepted',
    query: 'set notruncation; set truncationmaxrecords = 1000; print v = 1',
    answer: ['v:long', '1'],
  },
  {
    name: 'parameters take their defaults',
    query: "declare query_parameters(a:long = 3, b:string = 'x'); print a, b",
    answer: ['print_0:long|print_1:string', '3|x'],
  },
  {
    name: 'consume answers nothing',
    query: 'range x from 1 to 3 step 1 | consume | count',
    answer: ['Count:long', '0'],
  },
  { name: 'comments are skipped', query: '// first\nprint v = 1 // last', answer: ['v:long', '1'] },
  {
    name: 'column_ifexists',
    query: 'print a = 1 | project x = column_ifexists("a", 5), y = column_ifexists("b", 7)',
    answer: ['x:long|y:long', '1|7'],
  },
  {
    name: 'pack_all',
    query: 'print a = 1, b = "x" | project v = pack_all()',
    answer: ['v:dynamic', '{"a":1,"b":"x"}'],
  },
];
