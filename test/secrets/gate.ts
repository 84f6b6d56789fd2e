import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';

export interface Gate {
  readonly url: string;
  /** Everything said by both sides, as text. */
  readonly heard: string[];
  stop(): Promise<void>;
}

async function bodyOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

interface Forward {
  readonly target: string;
  readonly heard: string[];
  readonly refuse: (path: string) => boolean;
}

async function forward(incoming: IncomingMessage, outgoing: ServerResponse, gate: Forward): Promise<void> {
  const body = await bodyOf(incoming);
  const path = incoming.url ?? '/';
  gate.heard.push(`${path}\n${JSON.stringify(incoming.headers)}\n${body.toString('latin1')}`);
  if (gate.refuse(path)) {
    outgoing.writeHead(404).end();
    return;
  }
  const { host: _host, 'accept-encoding': _encoding, ...headers } = incoming.headers;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request(new URL(path, gate.target), { method: incoming.method ?? 'GET', headers }, resolve);
    call.on('error', reject);
    call.end(body);
  });
  const said = await bodyOf(answer);
  gate.heard.push(said.toString('latin1'));
  const { 'transfer-encoding': _transfer, ...answerHeaders } = answer.headers;
  outgoing.writeHead(answer.statusCode ?? 502, { ...answerHeaders, 'content-length': said.length });
  outgoing.end(said);
}

/** Stands before a plain HTTP server and keeps what is said; paths that `refuse` names are answered 404. */
export async function startGate(
  target: string,
  refuse: (path: string) => boolean = () => false,
): Promise<Gate> {
  const heard: string[] = [];
  const server = createServer((incoming, outgoing) => {
    forward(incoming, outgoing, { target, heard, refuse }).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

export interface Door {
  readonly port: number;
  readonly heard: string[];
  /** Breaks what is open and lets nobody in until it is opened again. */
  close(): void;
  open(): void;
  stop(): Promise<void>;
}

/** A way to a TCP server that can be shut. Keeps the lines of what clients say. */
export async function startDoor(targetUrl: string): Promise<Door> {
  const { hostname, port } = new URL(targetUrl);
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  let isOpen = true;
  const server = createTcpServer((client) => {
    if (!isOpen) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (bytes) => heard.push(bytes.toString('latin1')));
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    close: () => {
      isOpen = false;
      breakAll();
    },
    open: () => {
      isOpen = true;
    },
    stop: () =>
      new Promise((done) => {
        breakAll();
        server.close(() => done());
      }),
  };
}
