import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { badData, transientFailure } from '../ingest/errors.js';
import { MAX_SOURCE_BYTES } from '../ingest/limits.js';
import type { StorageAccount } from '../server/types.js';
import { DOWNLOAD_IDLE_MS } from './limits.js';
import { containerSas } from './sas.js';
import { publicPath } from './source.js';

const STORAGE_VERSION = '2021-12-02';

/** Reads, measures and deletes blobs by address, with the SAS or key the address carries. */
export interface BlobDoor {
  /** @throws KustoError `Download_…`, `BadRequest_InvalidBlobUri`, `BadRequest_FileTooLarge` */
  read(blob: string, maxBytes?: number): Promise<Uint8Array>;
  /** `undefined` when it cannot be told. */
  size(blob: string): Promise<number | undefined>;
  delete(blob: string): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Call {
  readonly method: 'GET' | 'HEAD' | 'DELETE';
  readonly url: URL;
  readonly maxBytes: number;
}

function tooLarge(maxBytes: number): Error {
  return badData(
    'BadRequest_FileTooLarge',
    `The source exceeds the maximum allowed size of ${maxBytes} bytes`,
  );
}

function collect(response: http.IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) response.destroy(tooLarge(maxBytes));
      else chunks.push(chunk);
    });
    response.on('end', () => {
      if (response.complete) resolve(Buffer.concat(chunks));
      else reject(new Error('the answer was cut short'));
    });
    response.on('error', reject);
  });
}

function send({ method, url, maxBytes }: Call, agent: http.Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:';
    const request = (secure ? https : http).request(url, {
      method,
      agent,
      headers: { 'x-ms-version': STORAGE_VERSION },
      timeout: DOWNLOAD_IDLE_MS,
    });
    request.on('timeout', () => request.destroy(new Error(`no data for ${DOWNLOAD_IDLE_MS} ms`)));
    request.on('error', reject);
    request.on('response', (response) => {
      const status = response.statusCode ?? 0;
      collect(response, maxBytes).then(
        (body) => resolve({ status, headers: response.headers, body }),
        reject,
      );
    });
    request.end();
  });
}

/** The code of the service's list for a storage answer that is no success. */
function refusal(status: number, where: string): Error {
  const failed = `Failed to download ${where} from storage`;
  switch (status) {
    case 401:
    case 403:
      return badData('Download_Forbidden', `${failed}: access forbidden (${status})`);
    case 404:
      return badData('Download_SourceNotFound', `${failed}: source not found`);
    case 409:
    case 412:
      return badData(
        'Download_AccessConditionNotSatisfied',
        `${failed}: access condition not satisfied (${status})`,
      );
    case 408:
    case 429:
      return transientFailure('Download_UnknownError', `${failed}: status ${status}`);
    default:
      return status >= 500
        ? transientFailure('Download_UnknownError', `${failed}: status ${status}`)
        : badData('Download_BadRequest', `${failed}: bad request (${status})`);
  }
}

function brokenConnection(error: unknown, where: string): Error {
  if (error instanceof Error && error.name === 'KustoError') return error;
  const { code, message } = error as { code?: string; message?: string };
  if (code === 'ENOTFOUND') {
    return badData('Download_AccountNotFound', `Failed to download ${where} from storage: account not found`);
  }
  return transientFailure(
    'Download_UnknownError',
    `Failed to download ${where} from storage: ${code ?? message}`,
  );
}

/** Account, container and address of a blob in path style or with the account in the host name. */
function place(url: URL, account: StorageAccount | undefined): { accountName: string; container: string } {
  const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  const pathStyle = account !== undefined && parts[0] === account.accountName;
  return pathStyle
    ? { accountName: parts[0]!, container: parts[1] ?? '' }
    : { accountName: url.hostname.split('.')[0]!, container: parts[0] ?? '' };
}

const MARKS = /^(?:impersonate|managed_identity=.*)$/i;

/** The address with a SAS: its own, or one made from the key that follows the semicolon. */
function signed(blob: string, account: StorageAccount | undefined): URL {
  const cut = blob.indexOf(';');
  const address = cut < 0 ? blob : blob.slice(0, cut);
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw badData('BadRequest_InvalidBlobUri', 'The address of the blob is not a URL');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw badData(
      'BadRequest_InvalidBlobUri',
      `Sources of scheme ${url.protocol} are not supported by the local engine`,
    );
  }
  if (cut < 0) return url;
  const credential = blob.slice(cut + 1);
  const { accountName, container } = place(url, account);
  const own = MARKS.test(credential);
  if (own && accountName !== account?.accountName) {
    throw badData(
      'BadRequest_InvalidAuthentication',
      'The local engine has no identity at that storage account',
    );
  }
  const accountKey = own ? account!.accountKey : credential;
  url.search = containerSas({ accountName, accountKey }, container, 'rd');
  return url;
}

/** @param account the engine's own, whose certificate is trusted and whose blobs need no key */
export function createBlobDoor(account: StorageAccount | undefined): BlobDoor & { close(): void } {
  const agents = {
    http: new http.Agent({ keepAlive: true, maxSockets: 32 }),
    https: new https.Agent({
      keepAlive: true,
      maxSockets: 32,
      ...(account?.certificate !== undefined && { ca: account.certificate }),
    }),
  };
  const call = async (method: Call['method'], blob: string, maxBytes: number): Promise<Answer> => {
    const url = signed(blob, account);
    const where = publicPath(blob);
    try {
      const agent = url.protocol === 'https:' ? agents.https : agents.http;
      const answer = await send({ method, url, maxBytes }, agent);
      if (answer.status >= 200 && answer.status < 300) return answer;
      throw refusal(answer.status, where);
    } catch (error) {
      throw brokenConnection(error, where);
    }
  };
  return {
    async read(blob, maxBytes = MAX_SOURCE_BYTES) {
      const { body, headers } = await call('GET', blob, maxBytes);
      const stated = headers['content-md5'];
      if (typeof stated === 'string' && createHash('md5').update(body).digest('base64') !== stated) {
        throw transientFailure('Download_UnknownError', `${publicPath(blob)} arrived altered`);
      }
      return body;
    },
    async size(blob) {
      try {
        const { headers } = await call('HEAD', blob, 0);
        const length = Number(headers['content-length']);
        return Number.isFinite(length) && length > 0 ? length : undefined;
      } catch {
        return undefined;
      }
    },
    async delete(blob) {
      await call('DELETE', blob, 1024 * 1024);
    },
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}
