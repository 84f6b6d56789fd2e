import type { Cell, Dynamic, ScalarType } from '../../store/types.js';
import { parseDynamic } from '../../values/dynamic.js';
import { nodeTypeName } from '../conversion/nodes.js';
import { castExpr, constantExpr, rowExpr } from '../expressions/basic.js';
import { convertArguments, definer, type FunctionTable } from './define.js';

export const conversionFunctions: FunctionTable = new Map();
const define = definer(conversionFunctions);

const CASTS: Readonly<Record<string, ScalarType>> = {
  tostring: 'string',
  tolong: 'long',
  toint: 'int',
  toreal: 'real',
  todouble: 'real',
  todecimal: 'decimal',
  tobool: 'bool',
  toboolean: 'bool',
  todatetime: 'datetime',
  totimespan: 'timespan',
  totime: 'timespan',
  toguid: 'guid',
};

for (const [name, type] of Object.entries(CASTS)) {
  conversionFunctions.set(name, (args, site) => castExpr(convertArguments('any', args, site)[0]!, type));
}

for (const name of ['todynamic', 'parse_json', 'parsejson', 'toobject']) {
  conversionFunctions.set(name, (args, site) => {
    const [arg] = convertArguments('any', args, site);
    if (arg!.type === 'dynamic') {
      // A dynamic that holds text is parsed, anything else stays.
      return rowExpr(
        'dynamic',
        [arg!],
        (cell) => {
          const node = (cell as Dynamic).value();
          return typeof node === 'string' ? parseDynamic(node) : cell!;
        },
        { strict: true },
      );
    }
    return rowExpr('dynamic', [castExpr(arg!, 'string')], parseText, { strict: true });
  });
}

function parseText(cell: Cell | undefined): Cell {
  const text = cell as string;
  return text.trim() === '' || text.trim() === 'null' ? null : parseDynamic(text);
}

conversionFunctions.set('gettype', (args, site) => {
  const [arg] = convertArguments('any', args, site);
  if (arg!.type !== 'dynamic') return constantExpr('string', arg!.type);
  return rowExpr(
    'string',
    [arg!],
    (cell) => (cell === null ? 'null' : nodeTypeName((cell as Dynamic).value())),
    {
      strict: false,
    },
  );
});

function isEmptyCell(cell: Cell): boolean {
  if (cell === null || cell === '') return true;
  return typeof cell === 'object' && 'text' in cell && cell.value() === '';
}

define('isnull', ['any', 'bool'], (cell: Cell) => cell === null, { seesNulls: true });
define('isnotnull notnull', ['any', 'bool'], (cell: Cell) => cell !== null, { seesNulls: true });
define('isempty', ['any', 'bool'], isEmptyCell, { seesNulls: true });
define('isnotempty notempty', ['any', 'bool'], (cell: Cell) => !isEmptyCell(cell), { seesNulls: true });

define('tohex', ['long long?', 'string'], (value: bigint, width?: bigint) =>
  BigInt.asUintN(64, value)
    .toString(16)
    .padStart(Number(width ?? 0n), '0'));
