/** Message ids an instance remembers. With their quotes and commas they fit into one table property (32,768 units). */
const MAX_RECENT = 2_000;
/** Part of an id that is kept: 48 random bits tell the messages of one instance apart. */
const ID_CHARS = 12;

/** Ids of the messages handled last, so that one which comes twice has no second effect. */
export type RecentIds = string[];

/**
 * Takes an id into the list.
 * @returns false when it was there before
 */
export function remember(recent: RecentIds, id: string): boolean {
  const short = id.slice(0, ID_CHARS);
  if (recent.includes(short)) return false;
  recent.push(short);
  if (recent.length > MAX_RECENT) recent.splice(0, recent.length - MAX_RECENT);
  return true;
}
