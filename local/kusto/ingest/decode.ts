import { createHash } from 'node:crypto';
import { breathe, inSlices } from '../slices.js';
import { concatRowsSteps } from '../store/row-set.js';
import type { RowSet } from '../store/types.js';
import { readAvro } from './avro.js';
import { decompress } from './decompress.js';
import { type DelimitedOptions, readDelimited, readLines, readRaw } from './delimited.js';
import { badData } from './errors.js';
import { readJsonLines, readMultiJson, readSingleJson } from './json-records.js';
import { mappingKindOf } from './mapping.js';
import { readParquet } from './parquet.js';
import { planTargets, type Target } from './plan.js';
import { RowSink } from './row-sink.js';
import type { Decode, DecodeRequest } from './types.js';

/** Bodies from this size on are each begun in a round of the event loop of their own. */
const LARGE_BYTES = 64 * 1024;

const DELIMITERS: Readonly<Record<string, string>> = {
  csv: ',',
  tsv: '\t',
  tsve: '\t',
  psv: '|',
  scsv: ';',
  sohsv: '\u0001',
};

/** Reads a file into the sink and tells how many records it ignored. */
async function read(bytes: Uint8Array, sink: RowSink, request: DecodeRequest): Promise<number> {
  const format = request.format.toLowerCase();
  const ignoreFirstRecord = request.ignoreFirstRecord ?? false;
  const delimiter = DELIMITERS[format];
  if (delimiter !== undefined) {
    const escaping = format === 'tsve';
    const options: DelimitedOptions = { delimiter, quoting: !escaping, escaping, ignoreFirstRecord };
    await inSlices(readDelimited(bytes, sink, options));
    return 0;
  }
  switch (format) {
    case 'txt':
      await inSlices(readLines(bytes, sink, ignoreFirstRecord));
      return 0;
    case 'raw':
      readRaw(bytes, sink);
      return 0;
    case 'json':
      return inSlices(readJsonLines(bytes, sink, { ignoreFirstRecord }));
    case 'multijson':
      await inSlices(readMultiJson(bytes, sink, { ignoreFirstRecord }));
      return 0;
    case 'singlejson':
      await inSlices(readSingleJson(bytes, sink));
      return 0;
    case 'parquet':
      await readParquet(bytes, sink);
      return 0;
    default:
      await inSlices(readAvro(bytes, sink));
      return 0;
  }
}

/** These are kept and moved whole; their rows cannot be read here, which is said rather than guessed. */
function refuseOpaque(format: string, body: Uint8Array): void {
  if (format !== 'orc' && format !== 'w3clogfile') return;
  const digest = createHash('sha256').update(body).digest('hex');
  throw badData(
    'BadRequest_FormatNotSupported',
    `Format ${format} is not supported by the local engine: its rows are not read. ` +
      `Received ${body.length} bytes, sha256 ${digest}.`,
  );
}

interface File {
  readonly rows: RowSet;
  readonly ignored: number;
}

async function decodeFile(
  bytes: Uint8Array,
  targets: readonly Target[],
  request: DecodeRequest,
): Promise<File> {
  if (bytes.length === 0) throw badData('BadRequest_EmptyBlob', 'The source is empty once decompressed');
  const sink = new RowSink(targets, request.sourcePath ?? '');
  const ignored = await read(bytes, sink, request);
  return { rows: sink.finish(), ignored };
}

/** The {@link Decode} of the local engine. */
export const decode: Decode = async (body, request) => {
  const format = request.format.toLowerCase();
  const kind = mappingKindOf(format);
  if (kind === undefined)
    throw badData('BadRequest_FormatNotSupported', `Format ${request.format} is not known`);
  refuseOpaque(format, body);
  const targets = planTargets(request.schema, request.mapping, kind);
  const contents = await decompress(body);
  if (body.length >= LARGE_BYTES) await breathe();
  const files: File[] = [];
  for (const bytes of contents) files.push(await decodeFile(bytes, targets, request));
  const rows =
    files.length === 1
      ? files[0]!.rows
      : await inSlices(
          concatRowsSteps(
            request.schema,
            files.map((file) => file.rows),
          ),
        );
  if (rows.rowCount === 0) {
    throw badData(
      'BadRequest_NoRecordsOrWrongFormat',
      `The source holds no record in format ${request.format} (a JSON source may need multijson)`,
    );
  }
  return {
    rows,
    rawSizeBytes: contents.reduce((sum, bytes) => sum + bytes.length, 0),
    ignoredRecords: files.reduce((sum, file) => sum + file.ignored, 0),
  };
};
