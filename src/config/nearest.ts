/** Longest text whose distance is computed; longer ones are no typing mistakes of a key. */
const maxLength = 64;

function distance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const current = [i];
    for (let j = 1; j <= right.length; j++) {
      const substitution = (previous[j - 1] as number) + (left[i - 1] === right[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[j] as number) + 1, (current[j - 1] as number) + 1));
    }
    previous = current;
  }
  return previous[right.length] as number;
}

/** How many letters of a text of this length may be wrong. */
function tolerance(length: number): number {
  return length < 4 ? Math.floor(length / 2) : Math.min(4, Math.max(2, Math.floor(length / 3)));
}

/** The candidate that `text` was probably meant to be, case aside. */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  if (text.length > maxLength) {
    return undefined;
  }
  const ranked = candidates
    .map((candidate) => ({ candidate, away: distance(text.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.away - b.away);
  const best = ranked[0];
  return best !== undefined && best.away <= tolerance(text.length) ? best.candidate : undefined;
}
