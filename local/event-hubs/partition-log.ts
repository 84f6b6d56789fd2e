/** Bytes of one block of memory; an event larger than this gets a block of its own. */
const SEGMENT_BYTES = 256 * 1024;

/** How long and how much a partition keeps. The oldest events go first. */
export interface Retention {
  readonly maxEvents: number;
  readonly maxAgeMs: number;
  /** Appending beyond this many bytes fails, so that memory is bounded without losing unread events. */
  readonly maxBytes: number;
}

/** Where an event stands in its partition. */
export interface EventPlace {
  readonly sequenceNumber: number;
  readonly offset: number;
  readonly enqueuedMs: number;
}

interface Segment {
  readonly bytes: Buffer;
  readonly firstSequence: number;
  used: number;
  readonly starts: number[];
  readonly offsets: number[];
  readonly times: number[];
}

/**
 * Append-only list of encoded events of one partition, kept in large blocks so that hundreds of thousands of
 * small events cost little more than their bytes. Sequence numbers and offsets begin at 0.
 */
export class PartitionLog {
  readonly #retention: Retention;
  readonly #segments: Segment[] = [];
  #firstSequence = 0;
  #nextSequence = 0;
  #nextOffset = 0;
  #bytes = 0;
  #last: EventPlace | undefined;

  constructor(retention: Retention) {
    this.#retention = retention;
  }

  /** Sequence number of the oldest event still kept (the next one to come when there is none). */
  get firstSequence(): number {
    return this.#firstSequence;
  }

  /** Sequence number the next event will get. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** The newest event ever appended, also when retention has dropped it since. */
  get last(): EventPlace | undefined {
    return this.#last;
  }

  get isEmpty(): boolean {
    return this.#firstSequence === this.#nextSequence;
  }

  /** True when `sizeBytes` more would exceed the memory this partition may use. */
  isFullFor(sizeBytes: number): boolean {
    return this.#bytes + sizeBytes > this.#retention.maxBytes;
  }

  /**
   * Appends one event. `encode` gets the event's place and returns the bytes to keep, in parts.
   * The parts are copied: what they refer to may be reused.
   */
  append(enqueuedMs: number, encode: (place: EventPlace) => readonly Buffer[]): EventPlace {
    const place = { sequenceNumber: this.#nextSequence, offset: this.#nextOffset, enqueuedMs };
    const parts = encode(place);
    let size = 0;
    for (const part of parts) size += part.length;
    const segment = this.#segmentFor(size);
    segment.starts.push(segment.used);
    segment.offsets.push(place.offset);
    segment.times.push(enqueuedMs);
    for (const part of parts) {
      part.copy(segment.bytes, segment.used);
      segment.used += part.length;
    }
    this.#nextSequence += 1;
    this.#nextOffset += size;
    this.#last = place;
    return place;
  }

  /** The encoded event with this sequence number, or undefined when it is gone or has not come yet. */
  read(sequenceNumber: number): Buffer | undefined {
    if (sequenceNumber < this.#firstSequence || sequenceNumber >= this.#nextSequence) return undefined;
    const segment = this.#find(sequenceNumber);
    const index = sequenceNumber - segment.firstSequence;
    return segment.bytes.subarray(segment.starts[index]!, segment.starts[index + 1] ?? segment.used);
  }

  /** Sequence number of the first kept event for which `field` is at least (or above) `value`. */
  firstWhere(field: 'offset' | 'enqueuedMs', value: number, inclusive: boolean): number {
    let low = this.#firstSequence;
    let high = this.#nextSequence;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const segment = this.#find(middle);
      const column = field === 'offset' ? segment.offsets : segment.times;
      const found = column[middle - segment.firstSequence]!;
      if (found > value || (inclusive && found === value)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Drops what retention no longer covers. Whole blocks are freed once all their events are dropped. */
  applyRetention(nowMs: number): void {
    const byCount = this.#nextSequence - this.#retention.maxEvents;
    const byAge = this.firstWhere('enqueuedMs', nowMs - this.#retention.maxAgeMs, true);
    this.#firstSequence = Math.max(this.#firstSequence, byCount, byAge);
    while (this.#segments.length > 0) {
      const segment = this.#segments[0]!;
      if (segment.firstSequence + segment.starts.length > this.#firstSequence) return;
      this.#bytes -= segment.bytes.length;
      this.#segments.shift();
    }
  }

  #segmentFor(sizeBytes: number): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.used + sizeBytes <= last.bytes.length) return last;
    const segment: Segment = {
      bytes: Buffer.allocUnsafeSlow(Math.max(SEGMENT_BYTES, sizeBytes)),
      firstSequence: this.#nextSequence,
      used: 0,
      starts: [],
      offsets: [],
      times: [],
    };
    this.#segments.push(segment);
    this.#bytes += segment.bytes.length;
    return segment;
  }

  #find(sequenceNumber: number): Segment {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#segments[middle]!.firstSequence <= sequenceNumber) low = middle;
      else high = middle - 1;
    }
    return this.#segments[low]!;
  }
}
