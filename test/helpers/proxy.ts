import { createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface CountingProxy {
  readonly url: string;
  /** Requests and tunnels by target, `host:port`. */
  readonly seen: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

export interface ProxyOptions {
  /** `user:password` that every request must bring; what comes without is answered 407. */
  readonly credentials?: string;
  /** Takes a copy of every byte that clients send. */
  readonly record?: (bytes: Buffer) => void;
}

/** A proxy that counts what goes through it, by target: CONNECT tunnels and plain forwarded requests. */
export async function startProxy(options: ProxyOptions = {}): Promise<CountingProxy> {
  const seen = new Map<string, number>();
  const sockets = new Set<Socket>();
  const wanted =
    options.credentials === undefined
      ? undefined
      : `Basic ${Buffer.from(options.credentials).toString('base64')}`;
  const count = (target: string): void => {
    seen.set(target, (seen.get(target) ?? 0) + 1);
  };
  const record = (bytes: Buffer): void => options.record?.(bytes);
  const server = createServer((incoming, outgoing) => {
    if (wanted !== undefined && incoming.headers['proxy-authorization'] !== wanted) {
      outgoing.writeHead(407).end();
      return;
    }
    const url = new URL(incoming.url ?? '');
    count(url.host);
    record(Buffer.from(`${incoming.method} ${incoming.url}\n`));
    const { 'proxy-authorization': _own, ...headers } = incoming.headers;
    const forwarded = httpRequest(url, { method: incoming.method ?? 'GET', headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.destroy());
    incoming.on('data', record);
    incoming.pipe(forwarded);
  });
  server.on('connect', (incoming, client: Socket) => {
    if (wanted !== undefined && incoming.headers['proxy-authorization'] !== wanted) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    count(incoming.url ?? '');
    const [host, port] = (incoming.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client);
      client.on('data', record);
      client.pipe(upstream);
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    stop: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
