export { CellColumn, ConstantColumn } from './cell-columns.js';
export { DecimalColumn } from './guid-decimal-columns.js';
export { BoolColumn, IntColumn, LongColumn, RealColumn } from './number-columns.js';
export type { StoreColumn } from './store-column.js';
export { DictionaryColumn, TextColumn } from './text-columns.js';
export { BigIntColumn, TicksColumn } from './ticks-columns.js';
