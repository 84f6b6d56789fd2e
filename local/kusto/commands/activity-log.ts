/** The logs behind `.show queries` and `.show commands` remember this many together. */
const MAX_ENTRIES = 2_000;

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

/** The latest queries and commands. */
export class ActivityLog {
  readonly #entries: Activity[] = [];

  begin(activity: Omit<Activity, 'lastUpdatedOn' | 'state' | 'failureReason' | 'goesOn'>): Activity {
    const entry: Activity = {
      ...activity,
      lastUpdatedOn: activity.startedOn,
      state: 'InProgress',
      failureReason: '',
      goesOn: false,
    };
    this.#entries.push(entry);
    this.#entries.splice(0, this.#entries.length - MAX_ENTRIES);
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
  }

  /** The entry of a request, while it is remembered. */
  find(activityId: string): Activity | undefined {
    return this.#entries.findLast((entry) => entry.activityId === activityId);
  }

  /** What has reached its end, as the service's logs list it; with `isRunning` what has not. */
  entries(isCommand: boolean, isRunning = false): readonly Activity[] {
    return this.#entries.filter(
      (entry) => entry.isCommand === isCommand && (entry.state === 'InProgress') === isRunning,
    );
  }
}
