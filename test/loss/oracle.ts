/** Identity of a test record: partition and its number there, both in the payload. */
export type Key = string;

export const keyOf = (partition: number, n: number): Key => `${partition}/${n}`;

/** What was observed once all work had ended. */
export interface Observation {
  /** Every record the hub accepted. */
  readonly accepted: ReadonlySet<Key>;
  /** Records that the service is told to refuse. */
  readonly poison: ReadonlySet<Key>;
  /** Code with which it refuses them. */
  readonly poisonCode: string;
  /** Every row of the table, repeats included; not intact when its content differs from what was sent. */
  readonly rows: readonly { readonly key: Key; readonly intact: boolean }[];
  readonly letters: readonly { readonly key: Key; readonly serviceCode: string | undefined }[];
}

export interface Verdict {
  readonly stored: number;
  readonly deadLettered: number;
  readonly lost: readonly Key[];
  /** Records with more than one row. */
  readonly duplicated: readonly Key[];
  /** Records both in the table and dead-lettered. */
  readonly both: readonly Key[];
  readonly corrupted: readonly Key[];
  /** Rows or letters nobody sent. */
  readonly foreign: readonly Key[];
  /** Poison that reached the table, or without a letter, or one of whose letters lacks the service's code. */
  readonly poisonMistreated: readonly Key[];
}

/** Compares what went in with where it came out; pure. */
export function judge(observed: Observation): Verdict {
  const copies = new Map<Key, number>();
  const corrupted: Key[] = [];
  for (const { key, intact } of observed.rows) {
    copies.set(key, (copies.get(key) ?? 0) + 1);
    if (!intact) {
      corrupted.push(key);
    }
  }
  const letters = new Map<Key, Set<string | undefined>>();
  for (const { key, serviceCode } of observed.letters) {
    letters.set(key, (letters.get(key) ?? new Set()).add(serviceCode));
  }
  const isRefused = (codes: Set<string | undefined> | undefined): boolean =>
    codes?.size === 1 && codes.has(observed.poisonCode);
  const accepted = [...observed.accepted];
  const known = (key: Key): boolean => observed.accepted.has(key);
  return {
    stored: copies.size,
    deadLettered: letters.size,
    lost: accepted.filter((key) => !copies.has(key) && !letters.has(key)),
    duplicated: [...copies].filter(([, count]) => count > 1).map(([key]) => key),
    both: [...letters.keys()].filter((key) => copies.has(key)),
    corrupted,
    foreign: [...copies.keys(), ...letters.keys()].filter((key) => !known(key)),
    poisonMistreated: [...observed.poison].filter(
      (key) => known(key) && (copies.has(key) || !isRefused(letters.get(key))),
    ),
  };
}
