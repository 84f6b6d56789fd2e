import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadata,
  parquetRead,
  parquetSchema,
  type SchemaTree,
} from 'hyparquet';
import { compressors as pureCompressors } from 'hyparquet-compressors';
import { breathe, pacer } from '../slices.js';
import { parseJson } from '../values/json.js';
import { badData } from './errors.js';
import type { Field } from './field.js';
import { MAX_SOURCE_BYTES } from './limits.js';
import { nodeAt, TypedValue } from './nodes.js';
import { leafOf, nodeFromParquet, rawElement } from './parquet-values.js';
import type { BoundField, RowSink } from './row-sink.js';

const MAGIC = 'PAR1';

/** Node's own decompressors where it has them. */
const compressors: Compressors = {
  ...pureCompressors,
  GZIP: (input, length) => gunzipSync(input, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }),
};

function invalid(reason: string): Error {
  return badData('BadRequest_InvalidBlob', `The Parquet source cannot be read: ${reason}`);
}

function asyncBuffer(bytes: Uint8Array): AsyncBuffer {
  const buffer = bytes.buffer as ArrayBuffer;
  return {
    byteLength: bytes.byteLength,
    slice: (start, end) =>
      buffer.slice(
        bytes.byteOffset + start,
        bytes.byteOffset + Math.min(end ?? bytes.byteLength, bytes.byteLength),
      ),
  };
}

/** JSON text keeps its spelling: a tree made of it would lose digits. */
function fillJson(field: Field, raw: string | null | undefined): void {
  const text = raw?.trim();
  if (text === undefined) field.node(null);
  else if (parseJson(text) === undefined) field.node(text);
  else field.json(text, 0, text.length);
}

/** Adds a run of values of one top-level column to a field. */
function filler(tree: SchemaTree, { field, path }: BoundField): (values: ArrayLike<unknown>) => void {
  const rest = path.slice(1);
  if (tree.children.length === 0 && rest.length === 0 && tree.element.repetition_type !== 'REPEATED') {
    const leaf = leafOf(tree.element);
    if (leaf.type === field.takes) {
      return (values) => {
        for (let i = 0; i < values.length; i++) {
          const raw = values[i];
          if (raw === null || raw === undefined) field.missing();
          else field.cell(leaf.cell(raw) as Exclude<ReturnType<typeof leaf.cell>, Uint8Array>);
        }
      };
    }
    if (leaf.type === 'bytes') {
      return (values) => {
        for (let i = 0; i < values.length; i++) {
          const raw = values[i];
          field.node(raw === null || raw === undefined ? null : new TypedValue('bytes', raw as Uint8Array));
        }
      };
    }
    if (leaf.type === 'json') {
      return (values) => {
        for (let i = 0; i < values.length; i++) fillJson(field, values[i] as string | null | undefined);
      };
    }
  }
  return (values) => {
    for (let i = 0; i < values.length; i++) field.node(nodeAt(nodeFromParquet(tree, values[i]), rest));
  };
}

interface ParquetFile {
  readonly bytes: Uint8Array;
  readonly metadata: FileMetaData;
  readonly rowGroups: readonly number[];
}

/** Fills the fields of one top-level column, row group by row group. */
async function fillColumn(file: ParquetFile, tree: SchemaTree, fields: readonly BoundField[]): Promise<void> {
  const fill = fields.map((field) => filler(tree, field));
  const pause = pacer();
  let start = 0;
  for (const rows of file.rowGroups) {
    let filled = 0;
    await pause();
    await parquetRead({
      file: asyncBuffer(file.bytes),
      metadata: file.metadata,
      columns: [tree.element.name],
      rowStart: start,
      rowEnd: start + rows,
      compressors,
      utf8: false,
      parsers: { timestampFromNanoseconds: (nanos) => nanos },
      onChunk: ({ columnData }) => {
        filled += columnData.length;
        for (const one of fill) one(columnData);
      },
    });
    if (filled !== rows) throw invalid(`column ${tree.element.name} has ${filled} values for ${rows} rows`);
    start += rows;
  }
}

function open(bytes: Uint8Array): { file: ParquetFile; columns: readonly SchemaTree[] } {
  const tail = Buffer.from(bytes.buffer, bytes.byteOffset + bytes.byteLength - MAGIC.length, MAGIC.length);
  if (bytes.length < 12 || tail.toString('latin1') !== MAGIC)
    throw invalid('it does not end as a Parquet file');
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const metadata = parquetMetadata(buffer, { geoparquet: false });
  const size = metadata.row_groups.reduce((sum, group) => sum + Number(group.total_byte_size), 0);
  if (size > MAX_SOURCE_BYTES) {
    throw badData(
      'BadRequest_FileTooLarge',
      `The source is larger than ${MAX_SOURCE_BYTES} bytes uncompressed`,
    );
  }
  const raw = { ...metadata, schema: metadata.schema.map(rawElement) };
  const rowGroups = metadata.row_groups.map((group) => Number(group.num_rows));
  return { file: { bytes, metadata: raw, rowGroups }, columns: parquetSchema(metadata).children };
}

async function fillAll(bytes: Uint8Array, sink: RowSink): Promise<void> {
  const { file, columns } = open(bytes);
  const rows = file.rowGroups.reduce((sum, count) => sum + count, 0);
  const byName = new Map(columns.map((column) => [column.element.name, column]));
  const wanted = new Map<SchemaTree, BoundField[]>();
  for (const bound of sink.bound) {
    const tree = byName.get(String(bound.path[0]));
    if (tree === undefined) for (let i = 0; i < rows; i++) bound.field.missing();
    else wanted.set(tree, [...(wanted.get(tree) ?? []), bound]);
  }
  for (const [tree, fields] of wanted) {
    await fillColumn(file, tree, fields);
    await breathe();
  }
  for (let row = 1; row <= rows; row++) sink.endRow(row);
}

/**
 * Parquet → rows, one column of one row group at a time, so that memory stays near that of the result.
 * @throws KustoError `BadRequest_InvalidBlob`, `BadRequest_FileTooLarge`
 */
export async function readParquet(bytes: Uint8Array, sink: RowSink): Promise<void> {
  try {
    await fillAll(bytes, sink);
  } catch (error) {
    if (error instanceof Error && error.name === 'KustoError') throw error;
    throw invalid(error instanceof Error ? error.message : 'it is damaged');
  }
}
