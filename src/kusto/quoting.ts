/**
 * The only way names and values enter a command or query text. Every function returns one whole token: whatever
 * the input holds, the token ends where this module ends it.
 *
 * Escapes are those of KQL string literals (`\\`, `\"`, `\'`, `\n`, `\r`, `\t`, `\uHHHH`).
 */
/** Quotes, the backslash, control characters, line separators and lone surrogates. */
const needsEscape = /["'\\\p{Cc}\p{Cs}\u2028\u2029]/gu;

const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "'": "\\'",
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function escapeText(text: string): string {
  return text.replace(
    needsEscape,
    (char) => shortEscapes[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The name of a database, table, column, mapping or function: `['name']`. Any text is a valid name here. */
export function quoteIdentifier(name: string): string {
  return `['${escapeText(name)}']`;
}

/** A string value: `"text"`. */
export function quoteString(text: string): string {
  return `"${escapeText(text)}"`;
}

/** A string value that the service stars out in its own logs: `h"text"`. For every SAS and key. */
export function quoteSecret(text: string): string {
  return `h"${escapeText(text)}"`;
}
