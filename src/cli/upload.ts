import { constants } from 'node:fs';
import { access, type FileHandle, open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { pipeline } from 'node:stream';
import { KfError } from '../runtime/errors.js';
import { exchange, ProblemError, UnreachableError } from './api.js';
import { type Invocation, UsageError } from './command.js';
import { meter } from './meter.js';
import { isPassing, repeated } from './repeat.js';

/** What one Put Blob takes. */
const MAX_FILE_BYTES = 5_000 * 1024 * 1024;
/** Times a file is sent before it is given up; each under a new link. */
const MAX_TRIES = 3;
const RETRY_WAIT_MS = 2_000;
const READ_BYTES = 1024 * 1024;

interface Target {
  readonly database: string;
  readonly table: string;
}

interface UploadLink {
  readonly uploadId: string;
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Looks at every file before the first is sent. @throws UsageError */
export async function checkFiles(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const facts = await stat(file).catch(() => undefined);
    if (facts === undefined || !facts.isFile()) throw new UsageError(`${file}: there is no such file`);
    if (facts.size === 0) throw new UsageError(`${file}: is empty`);
    if (facts.size > MAX_FILE_BYTES) {
      throw new UsageError(
        `${file}: ${facts.size} bytes, and an upload holds ${MAX_FILE_BYTES}; split it, or put it into storage and load its URL`,
      );
    }
    await access(file, constants.R_OK).catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`${file}: cannot be read (${error.code})`);
    });
  }
}

/** Streams a file into the app's storage; the id to load it by. @throws KfError, UnreachableError, ProblemError */
export async function uploadFile(invocation: Invocation, file: string, target: Target): Promise<string> {
  const { deps } = invocation;
  for (let tries = 1; ; tries++) {
    const link = await linkFor(invocation, target);
    try {
      await send(invocation, file, link);
      return link.uploadId;
    } catch (error) {
      if (!isPassing(error) || tries >= MAX_TRIES) throw error;
      deps.output.err(`${file}: ${(error as Error).message}; it is sent again`);
      await deps.clock.sleep(RETRY_WAIT_MS * tries);
    }
  }
}

async function linkFor({ api, deps }: Invocation, target: Target): Promise<UploadLink> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ database: target.database, table: target.table });
  const answer = await repeated(deps, () => api.call({ method: 'POST', path: '/uploads', headers, body }));
  return answer.json as UploadLink;
}

async function send(invocation: Invocation, file: string, link: UploadLink): Promise<void> {
  const handle = await open(file).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  const before = await handle.stat();
  const range = { start: 0, end: before.size - 1 };
  const source = handle.createReadStream({ ...range, highWaterMark: READ_BYTES, autoClose: false });
  try {
    const body = meter(invocation, {
      totalBytes: before.size,
      label: basename(file),
      atEnd: () => requireSame(file, handle, { before, bytesRead: source.bytesRead }),
    });
    source.once('error', (cause) => body.destroy(unreadable(file, cause)));
    const answer = await exchange(new URL(link.url), {
      method: link.method,
      headers: { ...link.headers, 'content-length': String(before.size) },
      // A failure to read ends the request too; the request itself tells it.
      body: pipeline(source, body, () => undefined),
    });
    requireStored(file, answer);
  } finally {
    source.destroy();
    await handle.close();
  }
}

function unreadable(file: string, cause: unknown): KfError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new KfError('LOAD_SOURCE_MISSING', `${file}: cannot be read (${code ?? message})`, { cause });
}

interface Looked {
  readonly before: { readonly size: number; readonly mtimeMs: number };
  readonly bytesRead: number;
}

/** Before the last byte is sent, so that of a file that changed nothing is stored. @throws LOAD_SOURCE_INVALID */
async function requireSame(file: string, handle: FileHandle, { before, bytesRead }: Looked): Promise<void> {
  const now = await handle.stat();
  if (now.size === before.size && now.mtimeMs === before.mtimeMs && bytesRead === before.size) return;
  throw new KfError('LOAD_SOURCE_INVALID', `${file}: changed while it was read; load it when it is at rest`);
}

/** @throws UnreachableError for a passing reason, ProblemError */
function requireStored(
  file: string,
  { status, text }: { readonly status: number; readonly text: string },
): void {
  if (status >= 200 && status < 300) return;
  const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? status;
  const detail = `${file}: the storage of the app refused the upload (${code})`;
  if (status >= 500 || status === 408 || status === 429) throw new UnreachableError(detail);
  throw new ProblemError(status, { code: 'STORAGE_FORBIDDEN', detail });
}
