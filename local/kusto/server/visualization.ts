import type { QueryResult } from '../query/types.js';

const NOTHING_TO_DRAW = {
  Visualization: null,
  Title: null,
  XColumn: null,
  Series: null,
  YColumns: null,
  AnomalyColumns: null,
  XTitle: null,
  YTitle: null,
  XAxis: null,
  YAxis: null,
  Legend: null,
  YSplit: null,
  Accumulate: false,
  IsQuerySorted: false,
  Kind: null,
  Ymin: 'NaN',
  Ymax: 'NaN',
  Xmin: null,
  Xmax: null,
};

/** The row of `@ExtendedProperties` that tells a client how to draw the result. */
export function visualizationOf(result: QueryResult): Readonly<Record<string, unknown>> {
  return { ...NOTHING_TO_DRAW, ...result.visualization };
}
