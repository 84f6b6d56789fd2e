import type { EventEmitter } from 'node:events';
import type { Server, Socket } from 'node:net';
import rhea from 'rhea';

/**
 * The part of `rhea` this server uses, with exact types. Some members (`session.outgoing`, `on_transfer`,
 * `remote`, `local`) are not in the package's own typings; they are pinned with its version.
 */

/** Error of a link or delivery as AMQP carries it. */
export interface AmqpErrorFields {
  readonly condition: string;
  readonly description: string;
}

/** Source or target of a link. */
export interface Terminus {
  readonly address: string | undefined;
  readonly filter?: Readonly<Record<string, unknown>>;
  described(): unknown;
}

/** What the peer asked for when it attached a link. */
export interface AttachFields {
  readonly source: Terminus | null;
  readonly target: Terminus | null;
  readonly desired_capabilities: unknown;
  readonly properties: Readonly<Record<string, unknown>> | undefined;
}

interface Link extends EventEmitter {
  readonly name: string;
  readonly session: Session;
  readonly connection: Connection;
  readonly remote: { readonly attach: AttachFields };
  readonly local: { readonly attach: { source: unknown; target: unknown; snd_settle_mode: number } };
  readonly delivery_count: number;
  readonly credit: number;
  is_open(): boolean;
  close(error?: AmqpErrorFields): void;
}

/** Link on which this server sends. */
export interface SenderLink extends Link {
  send(payload: unknown, tag?: Buffer, format?: number): unknown;
  set_drained(drained: boolean): void;
}

/** Link on which this server receives. */
export type ReceiverLink = Link;

/** AMQP session with the counters that show how much it still holds. */
export interface Session extends EventEmitter {
  readonly outgoing: { available(): number };
  on_transfer(frame: TransferFrame): void;
  _get_link(frame: TransferFrame): Link;
}

/** Transfer frame as `rhea` hands it to a session. */
export interface TransferFrame {
  readonly performative: { message_format: number | undefined };
}

/** AMQP connection. */
export interface Connection extends EventEmitter {
  readonly socket: Socket;
  abort_socket(socket: Socket): void;
}

/** An incoming message that is to be accepted or rejected. */
export interface Delivery {
  accept(): void;
  reject(error: AmqpErrorFields): void;
}

/** Decoded message, or its bytes where a message format asks for it. */
export interface DecodedMessage {
  readonly body?: unknown;
  readonly message_id?: unknown;
  readonly reply_to?: string;
  readonly application_properties?: Readonly<Record<string, unknown>>;
}

/** What an event handler gets. */
export interface Context {
  readonly connection: Connection;
  readonly session?: Session;
  readonly sender?: SenderLink;
  readonly receiver?: ReceiverLink;
  readonly delivery?: Delivery;
  readonly message?: DecodedMessage | Buffer;
  readonly format?: number;
}

interface Mechanisms {
  enable_anonymous(): void;
  enable_plain(callback: (user: string, password: string) => boolean): void;
  [name: string]: unknown;
}

/** Factory and registry of connections. */
export interface Container extends EventEmitter {
  readonly sasl_server_mechanisms: Mechanisms;
  listen(options: Record<string, unknown>): Server;
}

interface TypeTools {
  readonly Writer: new () => { write(value: unknown): void; toBuffer(): Buffer };
  described_nc(descriptor: unknown, value: unknown): unknown;
  wrap_ulong(value: number): unknown;
  wrap_long(value: number): unknown;
  wrap_int(value: number): unknown;
  wrap_string(value: string): unknown;
  wrap_symbol(value: string): unknown;
  wrap_timestamp(value: number): unknown;
  wrap_boolean(value: boolean): unknown;
  wrap_array(values: readonly unknown[], code: number): unknown;
  wrap_symbolic_map(map: Readonly<Record<string, unknown>>): unknown;
}

interface Module {
  readonly types: TypeTools;
  create_container(options: Record<string, unknown>): Container;
}

const module = rhea as unknown as Module;

/** Tools that write AMQP values with a chosen type. */
export const types: TypeTools = module.types;

/** A container of its own, so that several servers in one process share nothing. */
export function createContainer(options: Record<string, unknown>): Container {
  return module.create_container(options);
}
