const MIB = 1024 * 1024;

/** Bytes of one source after decompression; larger ones fail with `BadRequest_FileTooLarge`. */
export const MAX_SOURCE_BYTES = 2048 * MIB;
/** A string cell is cut to this many UTF-8 bytes; a larger dynamic becomes null. */
export const MAX_CELL_BYTES = MIB;
/** A record with more characters fails the source with `Stream_InputStreamTooLarge`. */
export const MAX_RECORD_CHARS = 64 * MIB;
/** Bytes of text decoded at a time: what a request that comes meanwhile waits for. */
export const TEXT_CHUNK_BYTES = MIB / 2;
/** Entries of a zip archive. */
export const MAX_ARCHIVE_ENTRIES = 1000;
/** Values in one record of a binary format: arrays of empty items must not exhaust memory. */
export const MAX_RECORD_VALUES = 10_000_000;
/** Nesting of a value in a binary format. */
export const MAX_BINARY_DEPTH = 1000;
/** Steps of one path of a mapping. */
export const MAX_PATH_STEPS = 64;
