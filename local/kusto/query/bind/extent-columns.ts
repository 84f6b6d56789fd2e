import type { PlanColumn } from '../plan/types.js';

/** Hidden columns by which extent properties travel with the rows; they stand after all others. */
export const EXTENT_COLUMNS: readonly PlanColumn[] = [
  { name: '$IngestionTime', type: 'datetime', hidden: true },
  { name: '$ExtentId', type: 'guid', hidden: true },
  { name: '$ExtentTags', type: 'dynamic', hidden: true },
];
