import { collectionAggregates, distinctBinder } from './collections.js';
import type { AggregateBinder } from './define.js';
import { argExtremeBinder, extremeBinder, takeAnyBinder, takeAnyIfBinder } from './extremes.js';
import { averageBinder, countBinder, countIfBinder, sumBinder } from './numeric.js';
import { binaryAggregates, percentileAggregates, spreadAggregates } from './statistics.js';

/** Aggregate functions by name. */
export const aggregates: ReadonlyMap<string, AggregateBinder> = new Map<string, AggregateBinder>([
  ['count', countBinder],
  ['countif', countIfBinder],
  ['sum', sumBinder('sum', false)],
  ['sumif', sumBinder('sumif', true)],
  ['avg', averageBinder('avg', false)],
  ['avgif', averageBinder('avgif', true)],
  ['min', extremeBinder('min', -1, false)],
  ['max', extremeBinder('max', 1, false)],
  ['minif', extremeBinder('minif', -1, true)],
  ['maxif', extremeBinder('maxif', 1, true)],
  ['arg_min', argExtremeBinder(-1)],
  ['arg_max', argExtremeBinder(1)],
  ['argmin', argExtremeBinder(-1)],
  ['argmax', argExtremeBinder(1)],
  ['take_any', takeAnyBinder],
  ['any', takeAnyBinder],
  ['take_anyif', takeAnyIfBinder],
  ['anyif', takeAnyIfBinder],
  ['dcount', distinctBinder('dcount', false)],
  ['dcountif', distinctBinder('dcountif', true)],
  ['count_distinct', distinctBinder('count_distinct', false)],
  ['count_distinctif', distinctBinder('count_distinctif', true)],
  ...collectionAggregates,
  ...spreadAggregates,
  ...percentileAggregates,
  ...binaryAggregates,
]);

export const aggregateNames: ReadonlySet<string> = new Set(aggregates.keys());
