/** Begins a text that stands for a number which a double cannot hold. No JSON of the service begins a text so. */
const MARK = '\ue000number:';

/** Texts, and numbers of any form. A text is consumed whole, so that digits inside it are left alone. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Parses JSON with numbers kept exact: an integer beyond ±(2^53 − 1) becomes a bigint. Other numbers are doubles,
 * as everywhere.
 * @throws SyntaxError
 */
export function parseExactJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const marked = text.replace(tokens, (token) =>
    token.length > 15 && !token.startsWith('"') && /^-?\d+$/.test(token) ? `"${MARK}${token}"` : token,
  );
  return JSON.parse(marked, (_key, value: unknown) => {
    if (typeof value !== 'string' || !value.startsWith(MARK)) return value;
    const exact = BigInt(value.slice(MARK.length));
    const double = Number(exact);
    return Number.isSafeInteger(double) ? double : exact;
  });
}
