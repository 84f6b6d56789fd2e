import type { Cell, Decimal, Dynamic, ScalarType } from '../store/types.js';
import { formatDatetime } from '../values/datetime.js';
import { formatDecimal } from '../values/decimal.js';
import { printReal } from '../values/json.js';
import { formatTimespan } from '../values/timespan.js';

/** JSON text of one cell, exact: longs and decimals keep all their digits, datetimes all seven of theirs. */
type CellEncoder = (cell: Cell) => string;

/** Line breaks between JSON tokens would break the one-frame-per-line mode; inside strings JSON has none. */
function dynamic({ text }: Dynamic): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, ' ') : text;
}

const ENCODERS: Readonly<Record<ScalarType, CellEncoder>> = {
  bool: String,
  int: String,
  long: String,
  real: (cell) => printReal(cell as number),
  decimal: (cell) => `"${formatDecimal(cell as Decimal)}"`,
  string: (cell) => JSON.stringify(cell),
  datetime: (cell) => `"${formatDatetime(cell as bigint)}"`,
  timespan: (cell) => `"${formatTimespan(cell as bigint)}"`,
  guid: (cell) => `"${cell}"`,
  dynamic: (cell) => dynamic(cell as Dynamic),
};

export function cellEncoder(type: ScalarType): CellEncoder {
  const encode = ENCODERS[type];
  return type === 'string' ? (cell) => encode(cell ?? '') : (cell) => (cell === null ? 'null' : encode(cell));
}
