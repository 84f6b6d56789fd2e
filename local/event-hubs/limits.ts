/** Largest event or batch a link accepts, in bytes (Event Hubs standard tier: 1 MB). */
export const MAX_MESSAGE_BYTES = 1_048_576;
/** Partitions a hub may have (Event Hubs standard tier). */
export const MAX_PARTITIONS = 32;
/** Consumers without an owner level that may read one partition in one consumer group. */
export const MAX_READERS_PER_PARTITION = 5;
/** Messages a producer may have under way on one link. */
export const PRODUCER_CREDIT = 300;
/** Bytes waiting in a consumer's socket above which no more events are handed to it. */
export const MAX_SOCKET_BACKLOG_BYTES = 4 * 1024 * 1024;
/** Idle time after which a silent connection is closed, in ms. */
export const IDLE_TIMEOUT_MS = 60_000;
/** Events handed to one consumer before others get their turn. */
export const EVENTS_PER_TURN = 500;
