import { firstToken, type Syntax } from '../parser/syntax.js';
import { projectAway, projectKeep, projectRename, projectReorder } from './columns.js';
import type { OperatorBinder } from './define.js';
import { countOperator, filterOperator, takeOperator } from './filter.js';
import { extendOperator, projectOperator, serializeOperator } from './project.js';
import { sortOperator, topOperator } from './sort.js';
import { distinctOperator, summarizeOperator } from './summarize.js';
import { unionOperator } from './union.js';

/** Operators behind a pipe, by the parser's kind of node. */
export const pipeOperators: Readonly<Record<string, OperatorBinder>> = {
  FilterOperator: filterOperator,
  ExtendOperator: extendOperator,
  ProjectOperator: projectOperator,
  ProjectAwayOperator: projectAway,
  ProjectKeepOperator: projectKeep,
  ProjectRenameOperator: projectRename,
  ProjectReorderOperator: projectReorder,
  SerializeOperator: serializeOperator,
  SummarizeOperator: summarizeOperator,
  DistinctOperator: distinctOperator,
  SortOperator: sortOperator,
  TopOperator: topOperator,
  TakeOperator: takeOperator,
  CountOperator: countOperator,
  UnionOperator: unionOperator,
};

/** The word an operator is called by in a query. */
export function operatorName(node: Syntax): string {
  return firstToken(node);
}
