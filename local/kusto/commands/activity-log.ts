/** `.show queries` and `.show commands` remember this many each. */
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
  state: 'InProgress' | 'Completed' | 'Failed';
  failureReason: string;
}

/** The latest queries and commands. */
export class ActivityLog {
  readonly #entries: Activity[] = [];

  begin(activity: Omit<Activity, 'lastUpdatedOn' | 'state' | 'failureReason'>): Activity {
    const entry: Activity = {
      ...activity,
      lastUpdatedOn: activity.startedOn,
      state: 'InProgress',
      failureReason: '',
    };
    this.#entries.push(entry);
    this.#entries.splice(0, this.#entries.length - MAX_ENTRIES);
    return entry;
  }

  end(entry: Activity, now: bigint, failure?: unknown): void {
    entry.lastUpdatedOn = now;
    entry.state = failure === undefined ? 'Completed' : 'Failed';
    entry.failureReason = failure instanceof Error ? failure.message : '';
  }

  entries(isCommand: boolean): readonly Activity[] {
    return this.#entries.filter((entry) => entry.isCommand === isCommand);
  }
}
