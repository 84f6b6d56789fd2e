/** The logs behind `.show queries` and `.show commands` remember this many each … */
const MAX_ENTRIES = 20_000;
/** … and this many characters of their texts. */
const MAX_CHARS = 32 * 1024 * 1024;

export interface Activity {
  readonly isCommand: boolean;
  readonly kind: string;
  readonly text: string;
  readonly database: string;
  readonly clientRequestId: string;
  readonly activityId: string;
  readonly principal: string;
  readonly application: string;
  readonly startedOn: bigint;
  lastUpdatedOn: bigint;
  /** As `.show operations` names it, where the command went on in the background. */
  state: string;
  failureReason: string;
  /** Its answer was no end: it goes on in the background. */
  goesOn: boolean;
}

/** What runs, and what ended latest, of one kind. */
class Entries {
  readonly #running = new Map<string, Activity>();
  readonly #ended: Activity[] = [];
  #chars = 0;

  add(entry: Activity): void {
    this.#running.set(entry.activityId, entry);
  }

  /** Moves an entry to those that ended; the oldest of them are forgotten. */
  end(entry: Activity): void {
    if (!this.#running.delete(entry.activityId)) {
      return;
    }
    this.#ended.push(entry);
    this.#chars += entry.text.length;
    while (this.#ended.length > MAX_ENTRIES || this.#chars > MAX_CHARS) {
      this.#chars -= this.#ended.shift()?.text.length ?? 0;
    }
  }

  get(activityId: string): Activity | undefined {
    return this.#running.get(activityId);
  }

  get running(): readonly Activity[] {
    return [...this.#running.values()];
  }

  get ended(): readonly Activity[] {
    return this.#ended;
  }
}

/** Queries and commands: those that run, and the latest of those that ended. */
export class ActivityLog {
  readonly #commands = new Entries();
  readonly #queries = new Entries();

  begin(activity: Omit<Activity, 'lastUpdatedOn' | 'state' | 'failureReason' | 'goesOn'>): Activity {
    const entry: Activity = {
      ...activity,
      lastUpdatedOn: activity.startedOn,
      state: 'InProgress',
      failureReason: '',
      goesOn: false,
    };
    this.#of(entry.isCommand).add(entry);
    return entry;
  }

  /** What the caller is answered is no end of a command that goes on in the background. */
  end(entry: Activity, now: bigint, failure?: unknown): void {
    if (!entry.goesOn || failure !== undefined) {
      this.finish(entry, now, {
        state: failure === undefined ? 'Completed' : 'Failed',
        failureReason: failure instanceof Error ? failure.message : '',
      });
    }
  }

  finish(entry: Activity, now: bigint, end: Pick<Activity, 'state' | 'failureReason'>): void {
    Object.assign(entry, end, { lastUpdatedOn: now });
    this.#of(entry.isCommand).end(entry);
  }

  /** The command of a request, while it runs. */
  running(activityId: string): Activity | undefined {
    return this.#commands.get(activityId);
  }

  /** What has reached its end, as the service's logs list it; with `isRunning` what has not. */
  entries(isCommand: boolean, isRunning = false): readonly Activity[] {
    const entries = this.#of(isCommand);
    return isRunning ? entries.running : entries.ended;
  }

  #of(isCommand: boolean): Entries {
    return isCommand ? this.#commands : this.#queries;
  }
}
