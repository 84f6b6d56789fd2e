import { LocalError } from '../shared/errors.js';
import { withSlash } from './send.js';

/** Longest the app may take to be healthy once the host is up. */
const HEALTH_TIMEOUT_MS = 30_000;
const POLL_MS = 250;
const REQUEST_TIMEOUT_MS = 10_000;
/** Characters of the last answer that are shown. */
const ANSWER_CHARS = 2_000;

/**
 * Waits until the app's own checks pass.
 *
 * @throws LocalError `CONFIGURATION` with the last answer of the health route
 */
export async function waitUntilHealthy(functionsUrl: string): Promise<void> {
  const url = new URL('api/health', withSlash(functionsUrl));
  const deadline = performance.now() + HEALTH_TIMEOUT_MS;
  let answer = '';
  while (performance.now() < deadline) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
      const text = await response.text();
      if (response.ok) return;
      answer = `${response.status} ${text.slice(0, ANSWER_CHARS)}`;
    } catch (error) {
      answer = error instanceof Error ? error.message : String(error);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new LocalError('CONFIGURATION', `the app is not healthy: ${url} answers ${answer}`, {
    fix: 'npm start -- --verbose prints the log of the app',
  });
}
