import { Client, ClientRequestProperties, KustoConnectionStringBuilder } from 'azure-kusto-data';
import type { KustoConfig } from '../config/types.js';
import type { Clock } from '../runtime/clock.js';
import { KfError } from '../runtime/errors.js';
import { scrub } from '../runtime/redact.js';
import { readV1, readV2 } from './answers.js';
import { classifyAnswer } from './classify.js';
import { addressOf, type HttpClient } from './http.js';
import type { CallOptions, KustoClient, KustoTable } from './ports.js';
import type { KustoSession } from './session.azure.js';

const DEFAULT_COMMAND_TIMEOUT_MS = 630_000;
const DEFAULT_QUERY_TIMEOUT_MS = 270_000;
const APPLICATION = 'kusto-functions';

export interface KustoClientOptions {
  readonly kusto: KustoConfig;
  readonly session: KustoSession;
  readonly http: HttpClient;
  readonly clock: Pick<Clock, 'newId'>;
}

type Call = 'mgmt' | 'query';
type CallWith = (
  database: string,
  text: string,
  call: { kind: Call; options: CallOptions },
) => Promise<KustoTable>;

/**
 * Management calls and queries over the SDK, which brings authentication and trusted hosts; the answer's text is
 * read by us, because the SDK rounds longs above 2^53 and turns datetimes into milliseconds.
 */
export function createKustoClient(options: KustoClientOptions): KustoClient {
  const engine = endpoint(options, options.kusto.engineUrl);
  const ingest = endpoint(options, options.kusto.ingestUrl);
  return {
    command: (database, text, call = {}) => engine(database, text, { kind: 'mgmt', options: call }),
    query: (database, text, call = {}) => engine(database, text, { kind: 'query', options: call }),
    ingestCommand: (database, text, call = {}) => ingest(database, text, { kind: 'mgmt', options: call }),
  };
}

function endpoint(options: KustoClientOptions, url: string): CallWith {
  const signals = new Map<string, AbortSignal>();
  let pending: Promise<Client> | undefined;
  const client = (): Promise<Client> => {
    pending ??= openClient(options, { url, signals }).catch((error: unknown) => {
      pending = undefined;
      throw error;
    });
    return pending;
  };
  return async (database, text, call) => {
    const place = `${call.kind === 'mgmt' ? 'command' : 'query'} on ${addressOf(url)} database ${database}`;
    const sdk = await client();
    const requestId = `${call.options.clientRequestId ?? `KF.execute;${options.clock.newId()}`}`;
    if (call.options.signal?.aborted === true)
      throw new KfError('CANCELLED', `${place}: cancelled before it was sent`);
    if (call.options.signal !== undefined) signals.set(requestId, call.options.signal);
    try {
      const properties = requestProperties(call.kind, requestId, call.options);
      const answer =
        call.kind === 'mgmt'
          ? await sdk.executeMgmt(database, text, properties)
          : await sdk.executeQuery(database, text, properties);
      const raw = answer as unknown as string;
      return call.kind === 'mgmt' ? readV1(raw, place) : readV2(raw, place);
    } catch (thrown) {
      throw classifyThrown(thrown, place);
    } finally {
      signals.delete(requestId);
    }
  };
}

async function openClient(
  options: KustoClientOptions,
  target: { readonly url: string; readonly signals: ReadonlyMap<string, AbortSignal> },
): Promise<Client> {
  const credential = await options.session.credential();
  const connection =
    credential === undefined
      ? new KustoConnectionStringBuilder(target.url)
      : KustoConnectionStringBuilder.withTokenCredential(target.url, credential);
  connection.applicationNameForTracing = APPLICATION;
  connection.userNameForTracing = APPLICATION;
  const sdk = new Client(connection);
  const { defaults, interceptors } = sdk.axiosInstance;
  defaults.httpAgent = options.http.httpAgent;
  defaults.httpsAgent = options.http.httpsAgent;
  // The agents go through the proxy; without this the settings of the environment would be applied on top.
  defaults.proxy = false;
  defaults.responseType = 'text';
  defaults.transformResponse = [(text: unknown) => text];
  interceptors.request.use((request) => {
    const signal = target.signals.get(String(request.headers['x-ms-client-request-id']));
    if (signal !== undefined) request.signal = signal as never;
    return request;
  });
  return sdk;
}

function requestProperties(kind: Call, requestId: string, options: CallOptions): ClientRequestProperties {
  const properties = new ClientRequestProperties({}, options.parameters ?? {}, requestId);
  properties.raw = true;
  properties.setClientTimeout(
    options.timeoutMs ?? (kind === 'mgmt' ? DEFAULT_COMMAND_TIMEOUT_MS : DEFAULT_QUERY_TIMEOUT_MS),
  );
  if (options.timeoutMs !== undefined) properties.setTimeout(options.timeoutMs);
  return properties;
}

interface HttpFailure {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly inner?: HttpFailure;
  readonly innerException?: unknown;
  readonly response?: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly data: unknown;
  };
}

/** Nothing of the SDK's error is kept: it holds the request. */
function classifyThrown(thrown: unknown, place: string): KfError {
  if (thrown instanceof KfError) return thrown;
  const failure = thrown as HttpFailure;
  if (failure.inner instanceof KfError) return failure.inner;
  const response = failure.response ?? failure.inner?.response;
  if (response !== undefined) {
    const text = typeof response.data === 'string' ? response.data : JSON.stringify(response.data ?? '');
    return classifyAnswer({ status: response.status, headers: response.headers, text }, place);
  }
  const message = `${place}: ${scrub(String(failure.message ?? thrown))}`;
  const fields = { networkCode: failure.code ?? '' };
  if (failure.code === 'ERR_CANCELED') return new KfError('CANCELLED', message);
  if (failure.code === 'ECONNABORTED' || failure.code === 'ETIMEDOUT')
    return new KfError('DEADLINE_EXCEEDED', message, { fields });
  if (failure.name === 'KustoAuthenticationError') return new KfError('AUTH_FAILED', message);
  if (/not currently trusted|kustotrustedendpoints/.test(message))
    return new KfError('CONFIG_INVALID', message);
  if (failure.code !== undefined) return new KfError('KUSTO_UNREACHABLE', message, { fields });
  return new KfError('KUSTO_BAD_ANSWER', message);
}
