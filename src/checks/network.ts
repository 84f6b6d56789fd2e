import { lookup } from 'node:dns/promises';
import { request } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Check, type CheckCode, failed, passed } from './codes.js';

/** Longest time for each step: name, connection, proxy, handshake. */
const stepTimeoutMs = 10_000;

/** Reaches a host step by step, so that the failing step can be named. */
export interface NetworkProbe {
  /** Name → TCP → TLS of a URL, through the proxy when one is given. */
  reach(url: string, proxyUrl?: string): Promise<Check>;
}

class StepError extends Error {
  readonly code: CheckCode;

  constructor(code: CheckCode, message: string) {
    super(message);
    this.code = code;
  }
}

function within<T>(code: CheckCode, what: string, step: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new StepError(code, `${what}: no answer in ${stepTimeoutMs} ms`)),
      stepTimeoutMs,
    );
  });
  const named = step.catch((error: unknown) => {
    const reason =
      error instanceof Error ? error.message || (error as NodeJS.ErrnoException).code : String(error);
    throw error instanceof StepError ? error : new StepError(code, `${what}: ${reason}`);
  });
  return Promise.race([named, late]).finally(() => clearTimeout(timer));
}

const portOf = (url: URL): number => Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

async function openTcp(url: URL, resolveName: ResolveName): Promise<Socket> {
  const host = hostOf(url);
  if (isIP(host) === 0) {
    await within('DNS_FAILED', `looking up ${host}`, resolveName(host));
  }
  const socket = connect({ host, port: portOf(url) });
  const opened = new Promise<Socket>((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
  return within('TCP_FAILED', `connecting to ${host}:${portOf(url)}`, opened).catch((error: unknown) => {
    socket.destroy();
    throw error;
  });
}

async function openThroughProxy(url: URL, proxy: URL): Promise<Socket> {
  const target = `${url.hostname}:${portOf(url)}`;
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const headers: Record<string, string> =
    proxy.username === ''
      ? {}
      : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
  const call = request({
    host: hostOf(proxy),
    port: portOf(proxy),
    method: 'CONNECT',
    path: target,
    headers,
  });
  const opened = new Promise<Socket>((resolve, reject) => {
    call.once('connect', (response, socket) =>
      response.statusCode === 200 ? resolve(socket) : reject(new Error(`it answered ${response.statusCode}`)),
    );
    call.once('response', (response) => reject(new Error(`it answered ${response.statusCode}`)));
    call.once('error', reject);
  });
  call.end();
  return within('PROXY_FAILED', `asking the proxy ${proxy.host} for ${target}`, opened).catch(
    (error: unknown) => {
      call.destroy();
      throw error;
    },
  );
}

async function shakeHands(socket: Socket, url: URL): Promise<void> {
  const host = hostOf(url);
  const secure = connectTls({ socket, ...(isIP(host) === 0 ? { servername: host } : { host }) });
  const done = new Promise<void>((resolve, reject) => {
    secure.once('secureConnect', () => resolve());
    secure.once('error', reject);
  });
  await within('TLS_FAILED', `securing the connection to ${host}`, done).finally(() => secure.destroy());
}

/** Throws when the name has no address. */
type ResolveName = (host: string) => Promise<unknown>;

/** The probe over the machine's own network. */
export function createNetworkProbe(resolveName: ResolveName = (host) => lookup(host)): NetworkProbe {
  return {
    reach: async (address, proxyUrl) => {
      const url = new URL(address);
      const name = `network ${url.host}`;
      let socket: Socket | undefined;
      try {
        socket =
          proxyUrl === undefined
            ? await openTcp(url, resolveName)
            : await openThroughProxy(url, new URL(proxyUrl));
        if (url.protocol === 'https:') {
          await shakeHands(socket, url);
        }
        return passed(name, proxyUrl === undefined ? 'reached' : 'reached through the proxy');
      } catch (error) {
        const step = error as StepError;
        return failed(name, step.code ?? 'TCP_FAILED', { message: step.message });
      } finally {
        socket?.destroy();
      }
    },
  };
}
