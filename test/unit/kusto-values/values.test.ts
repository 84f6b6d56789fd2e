import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cellToText, parseCell } from '../../../local/kusto/values/cell.js';
import { formatDatetime, MAX_DATETIME_TICKS, unixMsFromTicks } from '../../../local/kusto/values/datetime.js';
import { parseDatetime } from '../../../local/kusto/values/datetime-parse.js';
import {
  addDecimal,
  compareDecimal,
  divDecimal,
  formatDecimal,
  mulDecimal,
  parseDecimal,
  subDecimal,
} from '../../../local/kusto/values/decimal.js';
import { dynamicFromNode, dynamicFromText, parseDynamic } from '../../../local/kusto/values/dynamic.js';
import { parseGuid } from '../../../local/kusto/values/guid.js';
import { parseJson, printJson } from '../../../local/kusto/values/json.js';
import { formatTimespan, parseTimespan } from '../../../local/kusto/values/timespan.js';

const decimal = (text: string) => parseDecimal(text)!;

test('decimals of 30 digits keep every digit', () => {
  const text = '123456789012345678901234567890.1234';
  assert.equal(formatDecimal(decimal(text)), text);
  assert.equal(formatDecimal(decimal('-0.05')), '-0.05');
  assert.equal(formatDecimal(decimal('1e3')), '1000');
  assert.equal(formatDecimal(decimal('.5')), '0.5');
  assert.equal(parseDecimal('1e99999'), null);
  assert.equal(parseDecimal('abc'), null);
});

test('decimal arithmetic is exact and rounds to 34 digits', () => {
  assert.equal(formatDecimal(addDecimal(decimal('0.1'), decimal('0.2'))), '0.3');
  assert.equal(formatDecimal(subDecimal(decimal('1'), decimal('0.9'))), '0.1');
  assert.equal(formatDecimal(mulDecimal(decimal('1.5'), decimal('-2'))), '-3.0');
  assert.equal(formatDecimal(divDecimal(decimal('1'), decimal('3'))!), `0.${'3'.repeat(34)}`);
  assert.equal(formatDecimal(divDecimal(decimal('2'), decimal('3'))!), `0.${'6'.repeat(33)}7`);
  assert.equal(formatDecimal(divDecimal(decimal('1'), decimal('8'))!), '0.125');
  assert.equal(divDecimal(decimal('1'), decimal('0')), null);
  assert.equal(compareDecimal(decimal('1.0'), decimal('1.00')), 0);
  assert.ok(compareDecimal(decimal('-2'), decimal('1.00')) < 0);
});

test('decimals survive text and subtraction undoes addition', () => {
  const arb = fc.record(
    { unscaled: fc.bigInt(-(10n ** 15n), 10n ** 15n), scale: fc.nat(10) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(arb, arb, (a, b) => {
      assert.deepEqual(parseDecimal(formatDecimal(a)), a);
      assert.equal(compareDecimal(subDecimal(addDecimal(a, b), b), a), 0);
    }),
  );
});

test('datetimes round trip to the tick', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, MAX_DATETIME_TICKS), (ticks) => {
      assert.equal(parseDatetime(formatDatetime(ticks)), ticks);
    }),
  );
  fc.assert(
    fc.property(
      fc.date({
        min: new Date('0001-01-01T00:00:00Z'),
        max: new Date('9999-12-31T00:00:00Z'),
        noInvalidDate: true,
      }),
      (date) => {
        const ticks = parseDatetime(date.toISOString())!;
        assert.equal(unixMsFromTicks(ticks), date.getTime());
      },
    ),
  );
});

test('every spelling of a datetime means the same instant', () => {
  const whole = parseDatetime('2014-11-08T15:55:00Z');
  for (const text of [
    '2014-11-08 15:55',
    '2014-11-08T15:55:00',
    '2014-11-08 15:55:00.0000000',
    '2014-11-08T15:55:00.000000000Z',
    '2014-11-08T17:55:00+02:00',
    '2014-11-08T10:25:00-0530',
    'Sat, 8 Nov 14 15:55:00 GMT',
    'Sat, 08 Nov 2014 15:55:00 +0000',
    'Saturday, 08-Nov-14 15:55:00 UTC',
    '8 Nov 14 15:55',
    '11/08/2014 03:55:00 PM',
    '20141108T155500Z',
  ]) {
    assert.equal(parseDatetime(text), whole, text);
  }
  assert.equal(formatDatetime(parseDatetime('2014-11-08')!), '2014-11-08T00:00:00.0000000Z');
  assert.equal(formatDatetime(parseDatetime('2014-11')!), '2014-11-01T00:00:00.0000000Z');
  assert.equal(
    formatDatetime(parseDatetime('2014-11-08T15:55:55.123456789')!),
    '2014-11-08T15:55:55.1234567Z',
  );
  for (const bad of ['', 'hello', '2014-13-01', '2014-02-30', '2014-11-08T25:00:00', '0000-01-01', '12']) {
    assert.equal(parseDatetime(bad), null, bad);
  }
});

test('timespans read and print as Kusto does', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['1d', '1.00:00:00'],
    ['1.5h', '01:30:00'],
    ['90m', '01:30:00'],
    ['10s', '00:00:10'],
    ['100ms', '00:00:00.1000000'],
    ['10microsecond', '00:00:00.0000100'],
    ['1tick', '00:00:00.0000001'],
    ['2', '2.00:00:00'],
    ['00:00:01.1234567', '00:00:01.1234567'],
    ['1.02:03:04', '1.02:03:04'],
    ['-1.02:03:04.5', '-1.02:03:04.5000000'],
    ['12:34', '12:34:00'],
    ['15 seconds', '00:00:15'],
  ];
  for (const [text, printed] of cases) assert.equal(formatTimespan(parseTimespan(text)!), printed, text);
  for (const bad of ['', 'x', '25:00:00', '1 fortnight']) assert.equal(parseTimespan(bad), null, bad);
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 62n), 2n ** 62n), (ticks) => {
      assert.equal(parseTimespan(formatTimespan(ticks)), ticks);
    }),
  );
});

test('guids are lower-cased and dashed', () => {
  const guid = '74be27de-1e4e-49d9-b579-fe0b331d3642';
  assert.equal(parseGuid(`{${guid.toUpperCase()}}`), guid);
  assert.equal(parseGuid(guid.replaceAll('-', '')), guid);
  assert.equal(parseGuid('74be27de'), null);
});

test('JSON numbers keep their kind and all digits', () => {
  const node = parseJson('{"a":9007199254740993,"b":1.0,"c":1e2,"d":-5,"e":9007199254740991}') as Map<
    string,
    unknown
  >;
  assert.equal(node.get('a'), 9007199254740993n);
  assert.deepEqual(node.get('b'), { real: 1 });
  assert.deepEqual(node.get('c'), { real: 100 });
  assert.equal(node.get('d'), -5);
  assert.equal(node.get('e'), 9007199254740991);
  assert.equal(
    printJson(node as never),
    '{"a":9007199254740993,"b":1.0,"c":100.0,"d":-5,"e":9007199254740991}',
  );
});

test('JSON text round trips for any value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      const printed = printJson(parseJson(text)!);
      assert.deepEqual(JSON.parse(printed), JSON.parse(text));
    }),
  );
});

test('the parser accepts exactly what JSON allows', () => {
  for (const bad of [
    '',
    '{',
    '[1,]',
    '{"a":}',
    '01',
    '1.',
    '"\u0001"',
    '"\\x"',
    'nul',
    '[1 2]',
    '{"a" 1}',
    '1 1',
    '"a',
  ]) {
    assert.equal(parseJson(bad), undefined, bad);
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      let legal = true;
      try {
        JSON.parse(text);
      } catch {
        legal = false;
      }
      assert.equal(parseJson(text) !== undefined, legal);
    }),
  );
});

test('a value nested 100,000 deep is read and printed', () => {
  const text = '['.repeat(100_000) + ']'.repeat(100_000);
  assert.equal(printJson(parseJson(text)!), text);
});

test('text that is not JSON becomes a dynamic string', () => {
  assert.equal(parseDynamic('hello').text, '"hello"');
  assert.equal(parseDynamic('{ "a" : 1 }').text, '{ "a" : 1 }');
  assert.equal(Array.isArray(dynamicFromText('[1]').value()), true);
  assert.equal(dynamicFromNode(new Map([['k', null]])).text, '{"k":null}');
});

test('a field that does not fit its type becomes null', () => {
  for (const type of ['bool', 'int', 'long', 'real', 'decimal', 'datetime', 'timespan', 'guid'] as const) {
    assert.equal(parseCell(type, 'what?'), null, type);
    assert.equal(parseCell(type, ''), null, type);
  }
  assert.equal(parseCell('string', ''), '');
  assert.equal(parseCell('dynamic', ''), null);
  assert.equal(parseCell('int', '2147483648'), null);
  assert.equal(parseCell('long', '9223372036854775808'), null);
  assert.equal(parseCell('long', '9223372036854775807'), 9223372036854775807n);
  assert.equal(parseCell('bool', '1'), true);
  assert.equal(parseCell('real', '-inf'), Number.NEGATIVE_INFINITY);
});

test('cells survive their text', () => {
  const cases = [
    ['long', -5n],
    ['real', 0.1],
    ['bool', false],
    ['datetime', 638_000_000_000_000_001n],
    ['timespan', -1n],
  ] as const;
  for (const [type, cell] of cases) assert.equal(parseCell(type, cellToText(type, cell)), cell);
});
