export { CellColumn, ConstantColumn, missingCell } from './cell-columns.js';
export { DecimalColumn, GuidColumn } from './guid-decimal-columns.js';
export { BoolColumn, IntColumn, LongColumn, RealColumn } from './number-columns.js';
export type { RowIndices, StoreColumn } from './store-column.js';
export {
  type Codes,
  DictionaryColumn,
  newCodes,
  stringsByteSize,
  TextColumn,
  type TextType,
} from './text-columns.js';
export { BigIntColumn, type BigIntType, TicksColumn, type TicksType } from './ticks-columns.js';
