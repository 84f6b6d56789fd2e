import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { isAddressInUse, portTaken } from '../shared/errors.js';
import { type Address, parseAddress } from './address.js';
import { Consumer, ConsumerRegistry } from './consumers.js';
import { amqpError, notFound, Refusal } from './errors.js';
import { Hub, HubRegistry, type HubSpec } from './hubs.js';
import { IDLE_TIMEOUT_MS, MAX_MESSAGE_BYTES, PRODUCER_CREDIT } from './limits.js';
import type { Retention } from './partition-log.js';
import { publish } from './producers.js';
import { answer } from './requests.js';
import {
  type Connection,
  type Container,
  type Context,
  createContainer,
  type DecodedMessage,
  type ReceiverLink,
  type SenderLink,
  type Session,
} from './rhea.js';
import { selectorText, startSequence } from './start-position.js';

const DEFAULT_HOST = '127.0.0.1';
/** Delivers a plain message to this server as bytes: `rhea` decodes only format 0. */
const RAW_FORMAT = 1;
const SETTLED = 1;
const EPOCH_PROPERTY = 'com.microsoft:epoch';
const RUNTIME_METRIC = 'com.microsoft:enable-receiver-runtime-metric';
const IDEMPOTENT_PRODUCER = 'com.microsoft:idempotent-producer';

/** What the server offers and where. */
export interface EventHubsOptions {
  readonly hubs: readonly HubSpec[];
  readonly retention: Retention;
  readonly host?: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
  readonly now?: () => number;
}

/** A running server. */
export interface EventHubsServer {
  readonly port: number;
  readonly connectionString: string;
  stop(): Promise<void>;
}

/**
 * Starts an AMQP 1.0 server that speaks the part of Event Hubs the official clients use.
 *
 * @throws LocalError `PORT_TAKEN`
 */
export async function startEventHubs(options: EventHubsOptions): Promise<EventHubsServer> {
  const now = options.now ?? Date.now;
  const hubs = new HubRegistry(options.hubs.map((spec) => new Hub(spec, options.retention, now())));
  const container = createContainer({ id: 'local-event-hubs' });
  container.sasl_server_mechanisms.enable_anonymous();
  container.sasl_server_mechanisms.enable_plain(() => true);
  container.sasl_server_mechanisms['MSSBCBS'] = () => ({
    outcome: undefined as boolean | undefined,
    start() {
      this.outcome = true;
    },
  });
  new LinkHandler(hubs, now).listenTo(container);
  const connections = trackConnections(container);
  const host = options.host ?? DEFAULT_HOST;
  const server = container.listen({
    port: options.port ?? 0,
    host,
    idle_time_out: IDLE_TIMEOUT_MS,
    receiver_options: {
      credit_window: PRODUCER_CREDIT,
      autoaccept: false,
      max_message_size: MAX_MESSAGE_BYTES,
    },
    sender_options: { snd_settle_mode: SETTLED },
  });
  return started(server, { host, port: options.port ?? 0, connections });
}

function trackConnections(container: Container): ReadonlySet<Connection> {
  const connections = new Set<Connection>();
  container.on('connection_open', ({ connection }: Context) => {
    connections.add(connection);
    connection.socket.once('close', () => connections.delete(connection));
  });
  return connections;
}

async function started(
  server: Server,
  asked: { host: string; port: number; connections: ReadonlySet<Connection> },
): Promise<EventHubsServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    // One listener per link, and a connection may have many.
    socket.setMaxListeners(0);
    writeInBulk(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  try {
    await once(server, 'listening');
  } catch (error) {
    if (isAddressInUse(error)) throw portTaken('Event Hubs', asked.port, '--port');
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const shownHost = asked.host === '0.0.0.0' ? DEFAULT_HOST : asked.host;
  return {
    port,
    connectionString: connectionString(shownHost, port),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Only this call also ends the timers of a connection.
        for (const connection of [...asked.connections]) connection.abort_socket(connection.socket);
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Connection string of the kind every Event Hubs SDK reads as "local, without TLS". The key guards nothing. */
function connectionString(host: string, port: number): string {
  const name = 'RootManageSharedAccessKey';
  const access = `SharedAccessKeyName=${name};SharedAccessKey=SAS_KEY_VALUE`;
  return `Endpoint=sb://${host}:${port};${access};UseDevelopmentEmulator=true;`;
}

/** The frames of one turn leave in one write: one write per small event costs most of the time otherwise. */
function writeInBulk(socket: Socket): void {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let corked = false;
  const bulkWrite = (...args: unknown[]): boolean => {
    if (!corked) {
      corked = true;
      socket.cork();
      setImmediate(() => {
        corked = false;
        socket.uncork();
      });
    }
    return write(...args);
  };
  socket.write = bulkWrite as Socket['write'];
}

type ProducerTarget = Extract<Address, { kind: 'hub' | 'partition' }>;

/** Decides what becomes of each link and message. */
class LinkHandler {
  readonly #hubs: HubRegistry;
  readonly #now: () => number;
  readonly #consumers = new ConsumerRegistry();
  readonly #producers = new WeakMap<object, { hub: Hub; partition: number | undefined }>();
  readonly #requests = new WeakMap<object, 'cbs' | 'management'>();

  constructor(hubs: HubRegistry, now: () => number) {
    this.#hubs = hubs;
    this.#now = now;
  }

  listenTo(container: Container): void {
    container.on('session_open', (context: Context) => this.#keepEventsEncoded(context.session!));
    container.on('receiver_open', (context: Context) => {
      const link = context.receiver!;
      link.local.attach.source = link.remote.attach.source?.described();
      link.local.attach.target = link.remote.attach.target?.described();
      refuseOnError(link, () => this.#openProducer(link));
    });
    container.on('sender_open', (context: Context) => {
      const link = context.sender!;
      link.local.attach.source = link.remote.attach.source?.described();
      link.local.attach.target = link.remote.attach.target?.described();
      refuseOnError(link, () => this.#openConsumer(link));
    });
    container.on('message', (context: Context) => this.#onMessage(context));
    // Without a listener an error of one client's connection would end the server.
    for (const name of ['error', 'connection_error', 'protocol_error', 'disconnected']) {
      container.on(name, () => undefined);
    }
    for (const name of ['session_error', 'sender_error', 'receiver_error'])
      container.on(name, () => undefined);
  }

  #keepEventsEncoded(session: Session): void {
    const onTransfer = session.on_transfer.bind(session);
    session.on_transfer = (frame) => {
      if (frame.performative.message_format === 0 && this.#producers.has(session._get_link(frame))) {
        frame.performative.message_format = RAW_FORMAT;
      }
      onTransfer(frame);
    };
  }

  #openProducer(link: ReceiverLink): void {
    const address = parseAddress(link.remote.attach.target?.address);
    if (address.kind === 'cbs' || address.kind === 'management') this.#requests.set(link, address.kind);
    else if (address.kind === 'reader')
      throw new Refusal('amqp:not-allowed', 'A consumer group takes no events.');
    else this.#producers.set(link, this.#producerTarget(link, address));
  }

  #producerTarget(link: ReceiverLink, address: ProducerTarget): { hub: Hub; partition: number | undefined } {
    if (wants(link, IDEMPOTENT_PRODUCER)) {
      throw new Refusal(
        'amqp:not-implemented',
        'Idempotent publishing is not supported by the local server.',
      );
    }
    const hub = this.#hubs.get(address.hub);
    const partition = address.kind === 'partition' ? hub.partitionIndex(address.partition) : undefined;
    return { hub, partition };
  }

  #openConsumer(link: SenderLink): void {
    const source = link.remote.attach.source;
    const address = parseAddress(source?.address);
    if (address.kind === 'cbs' || address.kind === 'management') return;
    if (address.kind !== 'reader') {
      throw new Refusal('amqp:not-allowed', 'Events are read at hub/ConsumerGroups/G/Partitions/N.');
    }
    const hub = this.#hubs.get(address.hub);
    if (!hub.hasConsumerGroup(address.group)) throw notFound(`${hub.name}/ConsumerGroups/${address.group}`);
    const log = hub.partitions[hub.partitionIndex(address.partition)]!;
    log.applyRetention(this.#now());
    const consumer = new Consumer(
      {
        link,
        log,
        startSequence: startSequence(log, selectorText(source?.filter)),
        epoch: numberOf(link.remote.attach.properties?.[EPOCH_PROPERTY]),
        tracksLastEnqueued: wants(link, RUNTIME_METRIC),
      },
      this.#now,
    );
    this.#consumers.admit(`${hub.name}/${address.group}/${address.partition}`.toLowerCase(), consumer);
    const { socket } = link.connection;
    const forget = () => {
      this.#consumers.remove(consumer);
      socket.off('close', forget);
    };
    link.on('sendable', () => consumer.wake());
    link.on('sender_close', forget);
    link.session.once('session_close', forget);
    socket.once('close', forget);
  }

  #onMessage(context: Context): void {
    const link = context.receiver!;
    const delivery = context.delivery!;
    try {
      const node = this.#requests.get(link);
      if (node !== undefined) this.#reply(context, node);
      else this.#publish(context, link);
      delivery.accept();
    } catch (error) {
      delivery.reject(amqpError(error));
    }
  }

  #publish(context: Context, link: ReceiverLink): void {
    const target = this.#producers.get(link);
    if (target === undefined) throw new Refusal('amqp:not-allowed', 'This link takes no messages.');
    const bytes = context.message as Buffer;
    const log = publish({ ...target, bytes, format: context.format, nowMs: this.#now() });
    this.#consumers.wake(log);
  }

  #reply(context: Context, node: 'cbs' | 'management'): void {
    const request = context.message as DecodedMessage;
    const sender = replyLink(context, request.reply_to);
    if (sender === undefined) throw new Refusal('amqp:not-found', 'No link takes the answer (reply-to).');
    sender.send(answer(node, request, this.#hubs));
  }
}

function refuseOnError(link: ReceiverLink | SenderLink, open: () => void): void {
  try {
    open();
  } catch (error) {
    link.close(amqpError(error));
  }
}

function replyLink(context: Context, replyTo: string | undefined): SenderLink | undefined {
  const connection = context.connection as unknown as {
    find_sender(filter: (link: SenderLink) => boolean): SenderLink | undefined;
  };
  return connection.find_sender(
    (link) => link.remote.attach?.target?.address === replyTo || link.name === replyTo,
  );
}

function wants(link: ReceiverLink | SenderLink, capability: string): boolean {
  const wanted = link.remote.attach.desired_capabilities;
  return Array.isArray(wanted) ? wanted.map(String).includes(capability) : String(wanted) === capability;
}

function numberOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = Number(Buffer.isBuffer(value) ? value.readBigInt64BE(0) : value);
  return Number.isFinite(number) ? number : undefined;
}
