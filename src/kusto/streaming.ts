import { classifyAnswer } from './classify.js';
import type { Authorize, HttpClient } from './http.js';
import type { StreamingIngestion, StreamRequest } from './ports.js';

/** The service answers within ten seconds or gives up; the rest is for slow networks. */
const STREAM_TIMEOUT_MS = 60_000;

export interface StreamingOptions {
  readonly engineUrl: string;
  readonly http: HttpClient;
  readonly authorize: Authorize;
}

/**
 * Streaming ingestion, one attempt a call. Our own call, because the SDK's neither escapes names nor tells permanent
 * errors from transient ones.
 */
export function createStreamingIngestion(options: StreamingOptions): StreamingIngestion {
  return {
    stream: async (request) => {
      const url = streamUrl(options.engineUrl, request);
      const answer = await options.http.request({
        method: 'POST',
        url,
        headers: {
          ...(await options.authorize(url)),
          'content-type': 'application/octet-stream',
          'content-encoding': 'gzip',
          'x-ms-client-request-id': request.clientRequestId,
          'x-ms-app': 'kusto-functions',
          'x-ms-version': '2024-12-12',
        },
        body: request.body,
        timeoutMs: STREAM_TIMEOUT_MS,
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
      if (answer.status !== 200) {
        const text = answer.body.toString();
        throw classifyAnswer(
          { ...answer, text, streaming: true },
          `stream ${request.database}.${request.table}`,
        );
      }
    },
  };
}

function streamUrl(engineUrl: string, request: StreamRequest): string {
  const path = `/v1/rest/ingest/${encodeURIComponent(request.database)}/${encodeURIComponent(request.table)}`;
  const url = new URL(path, engineUrl);
  url.searchParams.set('streamFormat', request.format);
  if (request.mapping !== undefined) url.searchParams.set('mappingName', request.mapping);
  return url.href;
}
