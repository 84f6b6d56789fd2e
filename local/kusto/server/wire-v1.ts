import { columns, resultTable } from '../commands/results.js';
import type { RequestResult } from '../commands/run.js';
import type { RowSet } from '../store/types.js';
import { visualizationOf } from './visualization.js';
import { type AnswerIds, columnsV1, encodeRows, inChunks } from './wire.js';

const PROPERTIES = columns('Value');
const STATUS = columns(
  'Timestamp:datetime, Severity:int, SeverityName, StatusCode:int, StatusDescription, Count:int, RequestId:guid, ' +
    'ActivityId:guid, SubActivityId:guid, ClientActivityId',
);
const CONTENTS = columns('Ordinal:long, Kind, Name, Id, PrettyName');
const SEVERITY_INFO = 4;

/**
 * A v1 answer in pieces: one table for a plain command, else the results, their properties, the status and, last, the
 * table of contents. Never two tables, which one of the clients cannot read.
 */
export function* encodeV1(result: RequestResult, ids: AnswerIds): Generator<string> {
  yield* inChunks(pieces(result, ids));
}

function* pieces(result: RequestResult, ids: AnswerIds): Generator<string> {
  const tables = result.isPlainCommand ? result.tables.slice(0, 1) : withTail(result, ids);
  yield '{"Tables":[';
  for (const [ordinal, table] of tables.entries()) {
    yield `${ordinal === 0 ? '' : ','}{"TableName":"Table_${ordinal}","Columns":${columnsV1(table)},"Rows":[`;
    yield* encodeRows(table);
    yield ']}';
  }
  yield ']}';
}

function withTail(result: RequestResult, ids: AnswerIds): readonly RowSet[] {
  const { cursor } = result;
  const properties = resultTable(PROPERTIES, [
    [JSON.stringify(visualizationOf(result))],
    ...(cursor === undefined ? [] : [[JSON.stringify({ Cursor: cursor })]]),
  ]);
  const status = resultTable(STATUS, [
    [
      ...[ids.now, SEVERITY_INFO, 'Info', 0, 'Query completed successfully', 1],
      ...[ids.activityId, ids.activityId, ids.activityId, ids.clientRequestId],
    ],
  ]);
  const kinds = [
    ...result.tables.map((_, at) => ['QueryResult', at === 0 ? 'PrimaryResult' : `PrimaryResult${at}`]),
    ['QueryProperties', '@ExtendedProperties'],
    ['QueryStatus', 'QueryStatus'],
  ];
  const contents = resultTable(
    CONTENTS,
    kinds.map(([kind = '', name = ''], ordinal) => [BigInt(ordinal), kind, name, String(ordinal), '']),
  );
  return [...result.tables, properties, status, contents];
}
