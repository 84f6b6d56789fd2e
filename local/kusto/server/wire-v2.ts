import { columns, jsonCell, resultTable } from '../commands/results.js';
import type { QueryResult } from '../query/types.js';
import type { RowSet } from '../store/types.js';
import { visualizationOf } from './visualization.js';
import { type AnswerIds, columnsV2, encodeRows, inChunks } from './wire.js';

/** Rows per fragment where primary tables are sent in fragments. */
const FRAGMENT_ROWS = 50_000;
const PROPERTIES = columns('TableId:int, Key, Value:dynamic');
const COMPLETION = columns(
  'Timestamp:datetime, ClientRequestId, ActivityId:guid, SubActivityId:guid, ParentActivityId:guid, Level:int, ' +
    'LevelName, StatusCode:int, StatusCodeName, EventType:int, EventTypeName, Payload',
);
const LEVEL_INFO = 4;
const EVENT_QUERY_INFO = 4;
const EVENT_RESOURCES = 5;

/** How the client asked for the frames. */
interface FrameOptions {
  readonly isProgressive: boolean;
  /** One frame per line. */
  readonly newlines: boolean;
  /** Primary tables as header, fragments and completion. */
  readonly fragments: boolean;
  /** `end_of_table`, `end_of_dataset` or `in_data`, echoed in the header. */
  readonly errorReporting: string;
}

/** Options of the request body → frame options. */
export function frameOptions(options: Readonly<Record<string, unknown>>): FrameOptions {
  const isSet = (name: string) => options[name] === true || options[name] === 'true';
  const placement = options['results_error_reporting_placement'];
  const isProgressive = isSet('results_progressive_enabled');
  return {
    isProgressive,
    newlines: isSet('results_v2_newlines_between_frames'),
    fragments: isProgressive || isSet('results_v2_fragment_primary_tables'),
    errorReporting: typeof placement === 'string' ? placement : 'in_data',
  };
}

/** A v2 answer in pieces. `FrameType` is the first member of every frame and `Rows` the last. */
export function* encodeV2(result: QueryResult, frames: FrameOptions, ids: AnswerIds): Generator<string> {
  yield* inChunks(pieces(result, frames, ids));
}

function* pieces(result: QueryResult, frames: FrameOptions, ids: AnswerIds): Generator<string> {
  const separator = frames.newlines ? '\n,' : ',';
  yield '[';
  yield JSON.stringify({
    FrameType: 'DataSetHeader',
    IsProgressive: frames.isProgressive,
    Version: 'v2.0',
    IsFragmented: frames.fragments,
    ErrorReportingPlacement: frames.errorReporting,
  });
  yield separator;
  yield* dataTable(0, 'QueryProperties', '@ExtendedProperties', propertiesTable(result));
  for (const [at, rows] of result.tables.entries()) {
    yield separator;
    yield* frames.fragments
      ? fragmentedTable(at + 1, rows, { separator, isProgressive: frames.isProgressive })
      : dataTable(at + 1, 'PrimaryResult', 'PrimaryResult', rows);
  }
  yield separator;
  const completion = completionTable(ids);
  yield* dataTable(
    result.tables.length + 1,
    'QueryCompletionInformation',
    'QueryCompletionInformation',
    completion,
  );
  yield separator;
  yield '{"FrameType":"DataSetCompletion","HasErrors":false,"Cancelled":false}';
  yield frames.newlines ? '\n]' : ']';
}

function tableHead(frameType: string, id: number, kind: string, name: string): string {
  return `{"FrameType":"${frameType}","TableId":${id},"TableKind":"${kind}","TableName":"${name}"`;
}

function* dataTable(id: number, kind: string, name: string, rows: RowSet): Generator<string> {
  yield `${tableHead('DataTable', id, kind, name)},"Columns":${columnsV2(rows)},"Rows":[`;
  yield* encodeRows(rows);
  yield ']}';
}

interface FragmentOptions {
  readonly separator: string;
  readonly isProgressive: boolean;
}

function* fragmentedTable(id: number, rows: RowSet, { separator, isProgressive }: FragmentOptions) {
  yield `${tableHead('TableHeader', id, 'PrimaryResult', 'PrimaryResult')},"Columns":${columnsV2(rows)}}`;
  for (let from = 0; from < rows.rowCount; from += FRAGMENT_ROWS) {
    const to = Math.min(from + FRAGMENT_ROWS, rows.rowCount);
    yield `${separator}{"FrameType":"TableFragment","TableFragmentType":"DataAppend","TableId":${id},`;
    yield `"FieldCount":${rows.schema.length},"Rows":[`;
    yield* encodeRows(rows, from, to);
    yield ']}';
    if (isProgressive) {
      const progress = (100 * to) / rows.rowCount;
      yield `${separator}{"FrameType":"TableProgress","TableId":${id},"TableProgress":${progress.toFixed(1)}}`;
    }
  }
  yield `${separator}{"FrameType":"TableCompletion","TableId":${id},"RowCount":${rows.rowCount}}`;
}

function propertiesTable(result: QueryResult): RowSet {
  const { cursor } = result;
  return resultTable(PROPERTIES, [
    [1, 'Visualization', jsonCell(JSON.stringify(visualizationOf(result)))],
    ...(cursor === undefined ? [] : [[1, 'Cursor', jsonCell(cursor)]]),
  ]);
}

function completionTable({ clientRequestId, activityId, now }: AnswerIds): RowSet {
  const common = [
    now,
    clientRequestId,
    activityId,
    activityId,
    activityId,
    LEVEL_INFO,
    'Info',
    0,
    'S_OK (0)',
  ];
  return resultTable(COMPLETION, [
    [...common, EVENT_QUERY_INFO, 'QueryInfo', '{"Count":1,"Text":"Query completed successfully"}'],
    [...common, EVENT_RESOURCES, 'WorkloadGroup', '{"Count":1,"Text":"default"}'],
  ]);
}
