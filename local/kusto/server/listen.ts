import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { isAddressInUse, portTaken } from '../../shared/errors.js';
import type { LocalCertificate } from '../../shared/tls.js';

const HOST = '127.0.0.1';
/** Idle connections are kept this long: longer than the clients keep theirs, so that none is cut while in use. */
const KEEP_ALIVE_MS = 120_000;

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

interface ListenOptions {
  readonly port: number;
  readonly handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** For the message when the port is taken. */
  readonly name: string;
  readonly portFlag: string;
  /** Serve https. */
  readonly certificate?: LocalCertificate;
}

/** @throws LocalError `PORT_TAKEN` */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { port, handler, certificate } = options;
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    handler(request, response).catch(() => request.socket.destroy());
  };
  const settings = { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 };
  const server: Server =
    certificate === undefined
      ? createServer(settings, onRequest)
      : createTlsServer({ ...settings, cert: certificate.certPem, key: certificate.keyPem }, onRequest);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(isAddressInUse(error) ? portTaken(options.name, port, options.portFlag) : error),
    );
    server.listen(port, HOST, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
