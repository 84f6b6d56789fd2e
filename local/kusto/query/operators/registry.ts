import { firstToken, type Syntax } from '../parser/syntax.js';
import { projectAway, projectKeep, projectRename, projectReorder } from './columns.js';
import type { OperatorBinder } from './define.js';
import { evaluateOperator } from './evaluate.js';
import { countOperator, filterOperator } from './filter.js';
import { joinOperator, lookupOperator } from './join.js';
import {
  asOperator,
  consumeOperator,
  getSchemaOperator,
  invokeOperator,
  renderOperator,
  sampleDistinctOperator,
  sampleOperator,
  takeOperator,
} from './misc.js';
import { mvExpandOperator } from './mv-expand.js';
import { parseOperator, parseWhereOperator } from './parse.js';
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
  JoinOperator: joinOperator,
  LookupOperator: lookupOperator,
  MvExpandOperator: mvExpandOperator,
  ParseOperator: parseOperator,
  ParseWhereOperator: parseWhereOperator,
  GetSchemaOperator: getSchemaOperator,
  AsOperator: asOperator,
  InvokeOperator: invokeOperator,
  RenderOperator: renderOperator,
  ConsumeOperator: consumeOperator,
  SampleOperator: sampleOperator,
  SampleDistinctOperator: sampleDistinctOperator,
  EvaluateOperator: evaluateOperator,
};

/** Operators that read their parameters themselves; of all others any but hints are refused. */
export const withParameters: ReadonlySet<string> = new Set([
  'JoinOperator',
  'LookupOperator',
  'MvExpandOperator',
  'ParseOperator',
  'ParseWhereOperator',
  'RenderOperator',
  'UnionOperator',
]);

/** The word an operator is called by in a query. */
export function operatorName(node: Syntax): string {
  return firstToken(node);
}
