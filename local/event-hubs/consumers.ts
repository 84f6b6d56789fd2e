import { lastEnqueuedSection } from './amqp-encoding.js';
import { amqpError, Refusal } from './errors.js';
import { EVENTS_PER_TURN, MAX_READERS_PER_PARTITION, MAX_SOCKET_BACKLOG_BYTES } from './limits.js';
import type { PartitionLog } from './partition-log.js';
import type { SenderLink } from './rhea.js';

/** A consumer that wants to read a partition. */
export interface ConsumerOptions {
  readonly link: SenderLink;
  readonly log: PartitionLog;
  readonly startSequence: number;
  /** Owner level; undefined for a consumer that shares the partition. */
  readonly epoch: number | undefined;
  /** Whether each event carries how far the partition has got. */
  readonly tracksLastEnqueued: boolean;
}

/** Hands the events of one partition to one link, as far as the link's credit goes. */
export class Consumer {
  readonly link: SenderLink;
  readonly epoch: number | undefined;
  readonly log: PartitionLog;
  readonly #tracksLastEnqueued: boolean;
  readonly #now: () => number;
  #next: number;
  #sent = 0;
  #scheduled = false;
  #waitsForDrain = false;

  constructor(options: ConsumerOptions, now: () => number) {
    this.link = options.link;
    this.log = options.log;
    this.epoch = options.epoch;
    this.#tracksLastEnqueued = options.tracksLastEnqueued;
    this.#next = options.startSequence;
    this.#now = now;
  }

  /** Sends soon; calls in the meantime count as one. */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.link.is_open()) this.#sendAvailable();
    });
  }

  #sendAvailable(): void {
    for (let count = 0; this.#mayHand(); count++) {
      if (count === EVENTS_PER_TURN) {
        this.wake();
        return;
      }
      this.#next = Math.max(this.#next, this.log.firstSequence);
      const event = this.log.read(this.#next);
      if (event === undefined) {
        this.link.set_drained(true);
        return;
      }
      const bytes = this.#tracksLastEnqueued
        ? Buffer.concat([lastEnqueuedSection(this.log.last, this.#now()), event])
        : event;
      this.link.send(bytes, deliveryTag(this.#sent), 0);
      this.#next += 1;
      this.#sent += 1;
    }
  }

  /** The link's credit counts only what left the session; what is queued there is taken off here. */
  #mayHand(): boolean {
    const queued = this.#sent - this.link.delivery_count;
    if (queued >= this.link.credit || this.link.session.outgoing.available() === 0) return false;
    if (this.link.connection.socket.writableLength <= MAX_SOCKET_BACKLOG_BYTES) return true;
    if (!this.#waitsForDrain) {
      this.#waitsForDrain = true;
      this.link.connection.socket.once('drain', () => {
        this.#waitsForDrain = false;
        this.wake();
      });
    }
    return false;
  }
}

function deliveryTag(count: number): Buffer {
  const tag = Buffer.allocUnsafe(4);
  tag.writeUInt32BE(count >>> 0, 0);
  return tag;
}

/** The consumers of every partition and consumer group, and who may be among them. */
export class ConsumerRegistry {
  readonly #byReader = new Map<string, Set<Consumer>>();
  readonly #byLog = new Map<PartitionLog, Set<Consumer>>();

  /**
   * Admits a consumer. One with an owner level ends those with a lower one or none; one that is lower than
   * what is there, or has no level while another has one, is refused.
   *
   * @throws Refusal `amqp:link:stolen`, or `amqp:resource-limit-exceeded` beyond 5 shared readers
   */
  admit(readerKey: string, consumer: Consumer): void {
    const present = this.#byReader.get(readerKey) ?? new Set<Consumer>();
    const highest = Math.max(...[...present].map((other) => other.epoch ?? -1), -1);
    if (consumer.epoch === undefined) refuseShared(present.size, highest);
    else if (consumer.epoch < highest) throw higherExists(highest, consumer.epoch);
    else this.#endAll(present, consumer.epoch);
    present.add(consumer);
    this.#byReader.set(readerKey, present);
    const readers = this.#byLog.get(consumer.log) ?? new Set<Consumer>();
    this.#byLog.set(consumer.log, readers.add(consumer));
  }

  remove(consumer: Consumer): void {
    for (const [key, set] of this.#byReader) {
      if (set.delete(consumer) && set.size === 0) this.#byReader.delete(key);
    }
    const readers = this.#byLog.get(consumer.log);
    if (readers?.delete(consumer) === true && readers.size === 0) this.#byLog.delete(consumer.log);
  }

  /** Tells the readers of a partition that there is something new. */
  wake(log: PartitionLog): void {
    for (const consumer of this.#byLog.get(log) ?? []) consumer.wake();
  }

  #endAll(present: ReadonlySet<Consumer>, epoch: number): void {
    for (const other of [...present]) {
      const old = other.epoch === undefined ? 'no owner level' : `owner level ${other.epoch}`;
      const text = `A receiver with owner level ${epoch} was created; this one with ${old} is disconnected.`;
      this.remove(other);
      other.link.close(amqpError(new Refusal('amqp:link:stolen', text)));
    }
  }
}

function refuseShared(present: number, highestEpoch: number): void {
  if (highestEpoch >= 0) {
    throw new Refusal(
      'amqp:link:stolen',
      `A receiver with owner level ${highestEpoch} reads this partition, so one without a level is not allowed.`,
    );
  }
  if (present >= MAX_READERS_PER_PARTITION) {
    throw new Refusal(
      'amqp:resource-limit-exceeded',
      `At most ${MAX_READERS_PER_PARTITION} receivers may read a partition in one consumer group.`,
    );
  }
}

function higherExists(highest: number, epoch: number): Refusal {
  return new Refusal(
    'amqp:link:stolen',
    `A receiver with owner level ${highest} exists already; one with owner level ${epoch} cannot be created.`,
  );
}
