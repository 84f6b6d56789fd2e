import { readBody } from './http/buffered.js';
import { type HttpCall, type PathHandler, sendJson, sendStatus } from './http/server.js';
import type { FunctionMetadata } from './protocol.js';

/** Largest body of a call to the admin API, in bytes. */
const MAX_ADMIN_BODY_BYTES = 16 * 1024 * 1024;

/** A function as the admin API lists it. */
export interface ListedFunction {
  metadata: FunctionMetadata;
  isDisabled: boolean;
  /** Why the function does not run, when it does not. */
  errors: string[];
  isHttp: boolean;
  invokeUrl?: string;
  /** Starts the function once; absent when it cannot be started this way. */
  runNow?(input: string): Promise<void>;
}

/** What the admin API shows and starts. */
export interface AdminSource {
  functions(): ListedFunction[];
  status(): Record<string, unknown>;
  log(message: string): void;
}

function describe(listed: ListedFunction, origin: string) {
  const { name, bindings } = listed.metadata;
  return {
    name,
    href: `${origin}/admin/functions/${encodeURIComponent(name)}`,
    language: 'node',
    isDisabled: listed.isDisabled,
    invoke_url_template: listed.invokeUrl ?? null,
    errors: listed.errors,
    config: {
      name,
      bindings: Object.entries(bindings).map(([bindingName, binding]) => ({ ...binding, name: bindingName })),
    },
  };
}

/** The text a caller wants as input: `{"input": "…"}`; anything else than text is passed as JSON. */
function readInput(body: string): string | undefined {
  if (body.trim() === '') return '';
  try {
    const { input } = JSON.parse(body) as { input?: unknown };
    if (input === undefined || input === null) return '';
    return typeof input === 'string' ? input : JSON.stringify(input);
  } catch {
    return undefined;
  }
}

async function start(source: AdminSource, listed: ListedFunction, call: HttpCall): Promise<void> {
  const { response } = call;
  const body = await readBody(call.request, MAX_ADMIN_BODY_BYTES);
  if (!body) return sendStatus(response, 413);
  const input = readInput(body.toString('utf8'));
  if (input === undefined)
    return sendJson(response, 400, { error: 'the body must be JSON: {"input": "text"}' });
  if (listed.isHttp) {
    return sendJson(response, 400, {
      error: `function "${listed.metadata.name}" is called by HTTP: ${listed.invokeUrl}`,
    });
  }
  if (!listed.runNow)
    return sendJson(response, 409, { error: listed.errors.join('; ') || 'the function is not running' });
  listed
    .runNow(input)
    .catch((error: unknown) => source.log(`start of ${listed.metadata.name} failed: ${String(error)}`));
  sendStatus(response, 202);
}

async function functions(source: AdminSource, name: string | undefined, call: HttpCall): Promise<void> {
  const { request, response, url } = call;
  if (name === undefined) {
    if (request.method !== 'GET') return sendStatus(response, 405);
    return sendJson(
      response,
      200,
      source.functions().map((listed) => describe(listed, url.origin)),
    );
  }
  const listed = source.functions().find((one) => one.metadata.name.toLowerCase() === name.toLowerCase());
  if (!listed) return sendStatus(response, 404);
  if (request.method === 'GET') return sendJson(response, 200, describe(listed, url.origin));
  if (request.method === 'POST') return start(source, listed, call);
  sendStatus(response, 405);
}

/** Serves `/admin/…` and the home page. */
export function createAdmin(source: AdminSource): PathHandler {
  return async (path, call) => {
    const [root, area, item, ...rest] = path.map((segment) => segment.toLowerCase());
    if (path.length === 0) {
      call.response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
      call.response.end('The local Functions host is running.\n');
      return true;
    }
    if (root !== 'admin') return false;
    if (area === 'functions' && rest.length === 0) await functions(source, path[2], call);
    else if (area === 'host' && item === 'status' && rest.length === 0)
      sendJson(call.response, 200, source.status());
    else if (area === 'host' && item === 'ping' && rest.length === 0) sendStatus(call.response, 200);
    else sendStatus(call.response, 404);
    return true;
  };
}
