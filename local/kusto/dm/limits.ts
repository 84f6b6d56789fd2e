/** Uncompressed bytes of one streaming request, as documented for the service. */
export const MAX_STREAMING_BYTES = 4 * 1024 * 1024;
/** Blobs of one REST request. */
export const MAX_BLOBS_PER_REQUEST = 20;
/** `maxDataSize` of the REST configuration: bytes of one source. */
export const MAX_DATA_BYTES = 6_442_450_944;
/** Times a source is tried before it fails as `Exhausted`. */
export const MAX_ATTEMPTS = 5;
/** Pause before the second attempt; doubled for each further one. */
export const FIRST_RETRY_MS = 500;
/** Batches that wait for more; the oldest is closed beyond it (`SystemFlush`). */
export const MAX_OPEN_BATCHES = 10_000;
/** Sources downloaded and decoded at the same time within a batch. */
export const PARALLEL_DOWNLOADS = 4;
/** Batches worked on at the same time. */
export const PARALLEL_BATCHES = 4;
/** Operations of the REST form whose status is kept; the oldest is forgotten beyond it. */
export const MAX_TRACKED_OPERATIONS = 100_000;
/** Queue messages taken at once: the most the storage service gives. */
export const MESSAGES_PER_POLL = 32;
/** Pause between polls: doubled from the first to the last while nothing arrives. */
export const MIN_POLL_MS = 25;
export const MAX_POLL_MS = 200;
/** For this long a message taken is hidden from other takers. */
export const MESSAGE_HIDDEN_SECONDS = 60;
/** A message taken more often than this is given up as corrupted. */
export const MAX_DEQUEUE_COUNT = 5;
/** Silence on a download's connection before it counts as a transient failure. */
export const DOWNLOAD_IDLE_MS = 100_000;
/** Attempts to write a status or report. */
export const REPORT_ATTEMPTS = 3;
