/** What stands where a secret was. */
const hidden = '***';

/** Longest text that leaves the process in a log line, in characters. */
const maxTextLength = 4096;

const patterns: readonly (readonly [RegExp, string])[] = [
  // The signature of a shared access signature, in a URL or a token.
  [/\bsig=[^&\s"';]+/gi, `sig=${hidden}`],
  [
    /\b(AccountKey|SharedAccessKey|SharedAccessSignature|AppKey|Application Key|client_secret|clientSecret|access_token|password|pwd|x-functions-key)(["']?\s*[=:]\s*)("[^"]*"|[^\s;,"'&]+)/gi,
    `$1$2${hidden}`,
  ],
  [/\b(Bearer|SharedAccessSignature)\s+[A-Za-z0-9._~+/=%&-]{8,}/g, `$1 ${hidden}`],
  // A JSON Web Token wherever it stands.
  [/\beyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*/g, hidden],
  // User and password of a URL.
  [/(\/\/)[^/\s@:]+:[^/\s@]+@/g, `$1${hidden}@`],
  // The function key of a caller.
  [/([?&]code=)[^&\s"']+/gi, `$1${hidden}`],
];

/** Text without the shapes that secrets have: SAS, keys, tokens, passwords; cut when it is very long. */
export function redact(text: string): string {
  const cut = text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text;
  return patterns.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), cut);
}

/** Longest text kept of a foreign message, in characters. */
const maxForeignLength = 1000;

/**
 * A foreign text made fit for errors and rows: as {@link redact}, and besides the query part of every URL is cut
 * out, control characters become spaces, and the length is bounded more tightly.
 */
export function scrub(text: string): string {
  const bare = text
    .slice(0, maxForeignLength * 4)
    .replace(/(https?:\/\/[^\s?"'<>]+)\?[^\s"'<>]*/gi, '$1?…')
    .replace(/\p{Cc}+/gu, ' ');
  return redact(bare).slice(0, maxForeignLength);
}
