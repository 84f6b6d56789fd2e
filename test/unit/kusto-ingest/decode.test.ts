import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { MappingKind } from '../../../local/kusto/catalog/types.js';
import { decode } from '../../../local/kusto/ingest/decode.js';
import { readDelimited } from '../../../local/kusto/ingest/delimited.js';
import { readJsonLines, readMultiJson } from '../../../local/kusto/ingest/json-records.js';
import { parseMapping } from '../../../local/kusto/ingest/mapping.js';
import { planTargets } from '../../../local/kusto/ingest/plan.js';
import { RowSink } from '../../../local/kusto/ingest/row-sink.js';
import type { DecodeRequest } from '../../../local/kusto/ingest/types.js';
import { allAtOnce, type Steps } from '../../../local/kusto/slices.js';
import { rowCells } from '../../../local/kusto/store/row-set.js';
import type { ColumnSchema, RowSet, ScalarType } from '../../../local/kusto/store/types.js';
import { cellToText } from '../../../local/kusto/values/cell.js';

function schema(text: string): ColumnSchema[] {
  return text.split(',').map((column) => {
    const [name, type] = column.trim().split(':');
    return { name: name!, type: type as ScalarType };
  });
}

function texts(rows: RowSet): string[][] {
  return Array.from({ length: rows.rowCount }, (_, row) =>
    rowCells(rows, row).map((cell, i) => (cell === null ? '∅' : cellToText(rows.schema[i]!.type, cell))),
  );
}

type Options = Partial<Omit<DecodeRequest, 'schema' | 'mapping'>> & { readonly mapping?: string };

async function decoded(
  body: string | Uint8Array,
  columns: string,
  options: Options = {},
): Promise<string[][]> {
  const { mapping, ...rest } = options;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const request: DecodeRequest = { format: 'csv', ...rest, schema: schema(columns) };
  const full = mapping === undefined ? request : { ...request, mapping: parseMapping(mapping) };
  return texts((await decode(bytes, full)).rows);
}

async function failure(body: string | Uint8Array, columns: string, options: Options = {}): Promise<string> {
  try {
    await decoded(body, columns, options);
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
}

test('delimited fields fill columns in order and what does not fit is null', async () => {
  const rows = await decoded('a,1,2.5,2026-01-02\n"b ""q"", x\ny",x,,\n', 's:string,i:int,r:real,d:datetime');
  assert.deepEqual(rows, [
    ['a', '1', '2.5', '2026-01-02T00:00:00.0000000Z'],
    ['b "q", x\ny', '∅', '∅', '∅'],
  ]);
});

test('exact values survive delimited text', async () => {
  const rows = await decoded(
    '9223372036854775807,123456789012345678901234567890,2026-01-02T03:04:05.1234567Z,1.02:03:04.5,ü€😀',
    'l:long,d:decimal,t:datetime,s:timespan,x:string',
  );
  assert.deepEqual(rows, [
    [
      '9223372036854775807',
      '123456789012345678901234567890',
      '2026-01-02T03:04:05.1234567Z',
      '1.02:03:04.5000000',
      'ü€😀',
    ],
  ]);
});

test('a record with another number of fields fails the source', async () => {
  assert.equal(await failure('a,b\nc\n', 'x:string,y:string'), 'Stream_WrongNumberOfFields');
});

test('an unclosed quote fails the source', async () => {
  assert.equal(await failure('a,"b\nc,d\n', 'x:string,y:string'), 'Stream_ClosingQuoteMissing');
  assert.equal(await failure('a,"b"c\n', 'x:string,y:string'), 'Stream_ClosingQuoteMissing');
});

test('a header is left out when asked', async () => {
  assert.deepEqual(await decoded('h\na\n', 'x:string', { ignoreFirstRecord: true }), [['a']]);
  assert.equal(
    await failure('h\n', 'x:string', { ignoreFirstRecord: true }),
    'BadRequest_NoRecordsOrWrongFormat',
  );
});

test('CR LF, blank lines and a byte order mark are no data', async () => {
  assert.deepEqual(await decoded('\ufeffa,1\r\n\r\n"b",2\r\n', 'x:string,y:int'), [
    ['a', '1'],
    ['b', '2'],
  ]);
});

test('each delimiter cuts its own format', async () => {
  for (const [format, text] of [
    ['tsv', 'a\tb'],
    ['psv', 'a|b'],
    ['scsv', 'a;b'],
    ['sohsv', 'a\u0001b'],
    ['tsve', 'a\tb'],
  ] as const) {
    assert.deepEqual(await decoded(text, 'x:string,y:string', { format }), [['a', 'b']], format);
  }
  assert.deepEqual(await decoded('a\\tb\\n\tc', 'x:string,y:string', { format: 'tsve' }), [['a\tb\n', 'c']]);
});

test('txt is a line per record and raw is one record', async () => {
  assert.deepEqual(await decoded('a,1\n\n"b\n', 'x:string', { format: 'txt' }), [['a,1'], ['"b']]);
  assert.deepEqual(await decoded('a\nb\n', 'x:string', { format: 'raw' }), [['a\nb\n']]);
});

test('any table of text survives CSV', async () => {
  const field = fc.oneof(fc.string(), fc.constantFrom('', '"', ',', '\n', '\r\n', 'ü', 'a"b'));
  const records = fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(records, async (rows) => {
      const text = rows.map((row) => row.map((f) => `"${f.replaceAll('"', '""')}"`).join(',')).join('\r\n');
      assert.deepEqual(await decoded(text, 'a:string,b:string'), rows);
    }),
  );
});

test('compression is recognised by content, members of gzip are joined', async () => {
  const two = Buffer.concat([gzipSync('a,1\n'), gzipSync('b,2\n')]);
  assert.deepEqual(await decoded(two, 'x:string,y:int'), [
    ['a', '1'],
    ['b', '2'],
  ]);
  assert.equal(await failure(gzipSync('a,1\n').subarray(0, 20), 'x:string'), 'BadRequest_InvalidBlob');
});

function zipOf(entries: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const [name, text] of Object.entries(entries)) {
    const packed = deflateRawSync(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(Buffer.byteLength(text), 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    locals.push(local, Buffer.from(name), packed);
    central.push(entry, Buffer.from(name));
    at += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(entries).length, 10);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...locals, ...central, end]);
}

test('every file of a zip archive is read', async () => {
  const rows = await decoded(zipOf({ 'a.csv': 'a,1\n', 'b.csv': 'b,2\n' }), 'x:string,y:int');
  assert.deepEqual(rows, [
    ['a', '1'],
    ['b', '2'],
  ]);
  assert.equal(await failure(zipOf({}), 'x:string'), 'BadRequest_EmptyArchive');
  assert.equal(await failure(zipOf({ a: 'xx' }).subarray(0, 60), 'x:string'), 'BadRequest_InvalidArchive');
});

test('empty sources and unknown formats have their codes', async () => {
  assert.equal(await failure('', 'x:string'), 'BadRequest_EmptyBlob');
  assert.equal(await failure(gzipSync(''), 'x:string'), 'BadRequest_EmptyBlob');
  assert.equal(await failure('\n\n', 'x:string'), 'BadRequest_NoRecordsOrWrongFormat');
  assert.equal(await failure('x', 'x:string', { format: 'xls' }), 'BadRequest_FormatNotSupported');
  assert.equal(await failure('x', 'x:string', { format: 'orc' }), 'BadRequest_FormatNotSupported');
  assert.equal(await failure('x', 'x:string', { format: 'w3clogfile' }), 'BadRequest_FormatNotSupported');
});

test('a string is cut to one MB between characters and a larger dynamic is null', async () => {
  const long = 'é'.repeat(600_000);
  const rows = await decoded(JSON.stringify({ s: `x${long}`, d: [long] }), 's:string,d:dynamic', {
    format: 'json',
  });
  assert.equal(Buffer.byteLength(rows[0]![0]!), 1_048_575);
  assert.equal(rows[0]![1], '∅');
});

test('a record of more than 64 MB fails the source in every format of text', async () => {
  const filler = Buffer.alloc(65 * 1024 * 1024, 'x');
  for (const [format, head, tail] of [
    ['csv', '"', '"'],
    ['txt', '', ''],
    ['json', '{"s":"', '"}'],
    ['singlejson', '{"s":"', '"}'],
  ] as const) {
    const body = Buffer.concat([Buffer.from(head), filler, Buffer.from(tail)]);
    assert.equal(await failure(body, 's:string', { format }), 'Stream_InputStreamTooLarge', format);
  }
});

test('JSON values fill columns by case-sensitive name', async () => {
  const text = '{"a":1,"B":"x","c":{"n":[1, 2]},"d":1.0,"e":true}\n{"b":"y","a":null}\n';
  const rows = await decoded(text, 'a:long,b:string,c:dynamic,d:long,e:bool', { format: 'json' });
  assert.deepEqual(rows, [
    ['1', '', '{"n":[1, 2]}', '1', 'true'],
    ['∅', 'y', '∅', '∅', '∅'],
  ]);
});

test('JSON numbers keep every digit', async () => {
  const text =
    '{"l":9007199254740993,"m":-9223372036854775808,"d":1234567890.123456789012345678901234,"r":0.1,"x":9223372036854775808}';
  assert.deepEqual(await decoded(text, 'l:long,m:long,d:decimal,r:real,x:long', { format: 'json' }), [
    ['9007199254740993', '-9223372036854775808', '1234567890.123456789012345678901234', '0.1', '∅'],
  ]);
});

test('values of another type become null, text of the right form is read', async () => {
  const text = '{"i":"5","j":1.5,"b":"true","s":12.50,"t":"01:00:00","g":{"x":1},"u":[1]}';
  const rows = await decoded(text, 'i:int,j:int,b:bool,s:string,t:timespan,g:guid,u:long', {
    format: 'json',
  });
  assert.deepEqual(rows, [['5', '∅', 'true', '12.50', '01:00:00', '∅', '∅']]);
});

test('a malformed JSON line is ignored and counted', async () => {
  const body = Buffer.from('{"a":1}\n{"a":\n{"a":2} x\n[1]\n  \n{"a":3}');
  const result = await decode(body, { format: 'json', schema: schema('a:long') });
  assert.deepEqual(texts(result.rows), [['1'], ['3']]);
  assert.equal(result.ignoredRecords, 3);
});

test('JSON spread over lines needs multijson', async () => {
  const text = '{\n"a": 1\n}\n{"a":2}{"a":3}';
  assert.equal(
    await failure('{\n"a": 1\n}', 'a:long', { format: 'json' }),
    'BadRequest_NoRecordsOrWrongFormat',
  );
  assert.deepEqual(await decoded(text, 'a:long', { format: 'multijson' }), [['1'], ['2'], ['3']]);
  assert.deepEqual(await decoded('[{"a":1} ,\n{"a":2}]', 'a:long', { format: 'multijson' }), [['1'], ['2']]);
});

test('malformed multijson fails the source', async () => {
  for (const text of [
    '{"a":1',
    '[{"a":1},]',
    '[{"a":1} {"a":2}]',
    '[1]',
    '{"a":01}',
    '{"a":1},{"a":2}',
    '[{"a":1}',
  ]) {
    assert.equal(await failure(text, 'a:long', { format: 'multijson' }), 'BadRequest_InvalidBlob', text);
  }
});

test('singlejson is one record whatever its layout', async () => {
  const mapping = '[{"column":"d","path":"$"}]';
  assert.deepEqual(await decoded('[1,\n2]', 'd:dynamic', { format: 'singlejson', mapping }), [['[1,\n2]']]);
  assert.equal(
    await failure('{} {}', 'd:dynamic', { format: 'singlejson', mapping }),
    'BadRequest_InvalidBlob',
  );
});

test('escapes, duplicate names and deep values are read as JSON says', async () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const text = `{"a":"x\\n\\u00fc\\"","a":"last","d":${deep},"n\\u0061me":1}`;
  const rows = await decoded(text, 'a:string,d:dynamic,name:int', { format: 'json' });
  assert.deepEqual(rows, [['last', deep, '1']]);
});

test('any JSON record survives as dynamic and by its fields', async () => {
  const record = fc.record({ k: fc.jsonValue(), s: fc.string(), n: fc.integer() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 5 }),
      fc.constantFrom('json', 'multijson'),
      async (list, format) => {
        const text = list.map((item) => JSON.stringify(item)).join('\n');
        const rows = await decoded(text, 'k:dynamic,s:string,n:int', { format });
        const expected = list.map((item) => [
          item.k === null ? '∅' : JSON.stringify(item.k),
          item.s,
          String(item.n),
        ]);
        assert.deepEqual(rows, expected);
      },
    ),
  );
});

test('paths reach into objects and lists', async () => {
  const mapping = JSON.stringify([
    { column: 'a', Properties: { Path: "$.x['odd name'][1].y" } },
    { Name: 'b', path: '$.x' },
    { columnName: 'c', Properties: { ConstValue: '7' } },
    { Column: 'loc', Properties: { Transform: 'SourceLocation' } },
    { column: 'line', Properties: { Transform: 'SourceLineNumber' } },
    { column: 'all', path: '$' },
  ]);
  const record = '{"x":{"odd name":[0,{"y":"deep"}]}}';
  const rows = await decoded(
    `\n${record}\n`,
    'a:string,b:dynamic,c:int,loc:string,line:long,all:dynamic,un:int',
    {
      format: 'json',
      mapping,
      sourcePath: 'blob.json',
    },
  );
  assert.deepEqual(rows, [['deep', '{"odd name":[0,{"y":"deep"}]}', '7', 'blob.json', '2', record, '∅']]);
});

test('transforms reshape values', async () => {
  const mapping = JSON.stringify([
    { column: 's', Properties: { Path: '$.t', Transform: 'DateTimeFromUnixSeconds' } },
    { column: 'n', Properties: { Path: '$.n', Transform: 'DateTimeFromUnixNanoseconds' } },
    { column: 'bag', Properties: { Path: '$.events', Transform: 'PropertyBagArrayToDictionary' } },
    { column: 'rest', Properties: { Path: '$', Transform: 'DropMappedFields' } },
    { column: 'k', Properties: { Path: '$.o.k' } },
  ]);
  const text =
    '{"t":1700000000.5,"n":1700000000123456789,"events":[{"a":"1"},{"b":2}],"o":{"k":"v","m":1},"z":0}';
  const rows = await decoded(text, 's:datetime,n:datetime,bag:dynamic,rest:dynamic,k:string', {
    format: 'json',
    mapping,
  });
  assert.deepEqual(rows, [
    [
      '2023-11-14T22:13:20.5000000Z',
      '2023-11-14T22:13:20.1234567Z',
      '{"a":"1","b":2}',
      '{"o":{"m":1},"z":0}',
      'v',
    ],
  ]);
});

test('ordinals choose fields of delimited text', async () => {
  const mapping = JSON.stringify([
    { Name: 'b', DataType: 'string', Ordinal: 0 },
    { Column: 'a', Properties: { Ordinal: '2' } },
    { Column: 'z', Properties: { Ordinal: 9 } },
  ]);
  assert.deepEqual(await decoded('x,y,z', 'a:string,b:string,z:string', { mapping }), [['z', 'x', '']]);
});

test('mappings that cannot work have their codes', async () => {
  const json = { format: 'json' };
  const path = (text: string) => JSON.stringify([{ column: 'a', path: text }]);
  for (const mapping of ['{', '{}', '[]', '[{}]', path('$..a'), path('$.a[*]'), path('a'), path('$[')]) {
    assert.equal(await failure('{}', 'a:long', { ...json, mapping }), 'BadRequest_InvalidMapping', mapping);
  }
  const unknown = JSON.stringify([{ column: 'nope', path: '$.a' }]);
  assert.equal(
    await failure('{}', 'a:long', { ...json, mapping: unknown }),
    'BadRequest_InconsistentMapping',
  );
  const transform = JSON.stringify([{ column: 'a', path: '$.a', transform: 'Magic' }]);
  assert.equal(await failure('{}', 'a:long', { ...json, mapping: transform }), 'BadRequest_InvalidMapping');
});

test('records are read alike however the bytes are cut into pieces', async () => {
  const csv = Buffer.from('aü,"b\r\n""c"""\r\n\n"",e\r\n"x"",",y');
  const json = Buffer.from('{"a":"ü\\"","b":[1,{"c":2}]}\r\n\n{bad\n{"b":12,"a":""}');
  const read = (fill: (sink: RowSink) => Steps<unknown>, format: MappingKind): string[][] => {
    const sink = new RowSink(planTargets(schema('a:string,b:string'), undefined, format), '');
    allAtOnce(fill(sink));
    return texts(sink.finish());
  };
  const delimited = { delimiter: ',', quoting: true, escaping: false, ignoreFirstRecord: false };
  const wholeCsv = read((sink) => readDelimited(csv, sink, delimited), 'csv');
  const wholeJson = read((sink) => readJsonLines(json, sink, { ignoreFirstRecord: false }), 'json');
  assert.deepEqual(wholeCsv, [
    ['aü', 'b\r\n"c"'],
    ['', 'e'],
    ['x",', 'y'],
  ]);
  assert.deepEqual(wholeJson, [
    ['ü"', '[1,{"c":2}]'],
    ['', '12'],
  ]);
  const legal = Buffer.from('[{"a":"1","b":2} , {"a":"3"}]\n{"b":[4]}');
  const wholeMulti = read((sink) => readMultiJson(legal, sink, { ignoreFirstRecord: false }), 'json');
  for (let chunkBytes = 1; chunkBytes < 30; chunkBytes++) {
    assert.deepEqual(
      read((sink) => readDelimited(csv, sink, { ...delimited, chunkBytes }), 'csv'),
      wholeCsv,
    );
    const options = { ignoreFirstRecord: false, chunkBytes };
    assert.deepEqual(
      read((sink) => readJsonLines(json, sink, options), 'json'),
      wholeJson,
    );
    assert.deepEqual(
      read((sink) => readMultiJson(legal, sink, options), 'json'),
      wholeMulti,
    );
  }
});
