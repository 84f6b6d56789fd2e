/** Longest text kept of a foreign message. */
const MAX_MESSAGE_CHARS = 1_000;

/**
 * A foreign text made fit for logs, errors and rows: the query part of every URL, signatures, tokens and account
 * keys are cut out, control characters become spaces, and the length is bounded.
 */
export function scrub(text: string): string {
  return text
    .slice(0, MAX_MESSAGE_CHARS * 4)
    .replace(/(https?:\/\/[^\s?"'<>]+)\?[^\s"'<>]*/gi, '$1?…')
    .replace(
      /\b(sig|sharedaccesssignature|accountkey|sharedaccesskey|client_secret|access_token)(["']?\s*[=:]\s*["']?)[^\s;&"']+/gi,
      '$1$2…',
    )
    .replace(/\bBearer\s+[\w.~+/-]+=*/gi, 'Bearer …')
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '…')
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, MAX_MESSAGE_CHARS);
}
