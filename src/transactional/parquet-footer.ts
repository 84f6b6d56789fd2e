import { parquetMetadata } from 'hyparquet';

/** Longest footer that is read; a file with a longer one is loaded, but not counted beforehand. */
const MAX_FOOTER_BYTES = 32 * 1024 * 1024;
/** `PAR1` and the footer's length before it, at the end of the file. */
const TAIL_BYTES = 8;

export interface ParquetFacts {
  readonly rows: number;
  /** Uncompressed bytes of all column chunks. */
  readonly rawSizeBytes: number;
}

/** Rows and size of a Parquet file, from its footer; undefined when it has none that can be read. */
export async function parquetFacts(
  read: (from: number, to: number) => Promise<Buffer>,
  sizeBytes: number,
): Promise<ParquetFacts | undefined> {
  if (sizeBytes <= TAIL_BYTES) return undefined;
  const tail = await read(sizeBytes - TAIL_BYTES, sizeBytes);
  const footerBytes = tail.readUInt32LE(0) + TAIL_BYTES;
  const isParquet = tail.toString('latin1', 4) === 'PAR1';
  if (!isParquet || footerBytes > MAX_FOOTER_BYTES || footerBytes > sizeBytes) return undefined;
  const footer = await read(sizeBytes - footerBytes, sizeBytes);
  try {
    const { buffer, byteOffset, byteLength } = footer;
    const metadata = parquetMetadata(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
    const raw = metadata.row_groups.reduce((sum, group) => sum + group.total_byte_size, 0n);
    return { rows: Number(metadata.num_rows), rawSizeBytes: Number(raw) };
  } catch {
    return undefined;
  }
}
