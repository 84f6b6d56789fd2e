const GUID = /^[{(]?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})[)}]?$/;

/** Lower case with dashes from any of the usual spellings (braces, parentheses, no dashes), or `null`. */
export function parseGuid(text: string): string | null {
  const match = GUID.exec(text.trim().toLowerCase());
  return match === null ? null : match.slice(1).join('-');
}
