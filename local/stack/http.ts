const REQUEST_TIMEOUT_MS = 60_000;
/** Characters of an error body that are shown. */
const ERROR_TEXT_CHARS = 600;

/** Calls an HTTP API; the JSON it answers, or undefined for none. @throws Error with the start of a refusal */
export async function callApi<T>(url: URL, init: RequestInit & { readonly method: string }): Promise<T> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  const text = await answer.text();
  if (!answer.ok) {
    // The query may hold a signature.
    const what = `${init.method} ${url.origin}${url.pathname}`;
    throw new Error(`${what} was answered ${answer.status}: ${text.slice(0, ERROR_TEXT_CHARS)}`);
  }
  return (text === '' ? undefined : JSON.parse(text)) as T;
}
