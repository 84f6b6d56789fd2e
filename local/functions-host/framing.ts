import type { Duplex } from 'node:stream';
import { deserialize, serialize } from 'node:v8';
import { HostError } from './errors.js';

/** Bytes before each frame: its length, big-endian. */
const HEADER_BYTES = 4;

/** Largest single message, in bytes; bounds what a peer can make us hold. */
const MAX_FRAME_BYTES = 1024 * 1024 * 1024;

/** A two-way channel of whole messages over a byte stream. */
export interface Channel<In, Out> {
  /** Sends one message; buffers (Uint8Array) travel as raw bytes. */
  send(message: Out): void;
  onMessage(listener: (message: In) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

/** Collects chunks and yields whole frames, copying each byte at most once. */
function createFrameReader(): (chunk: Buffer) => Buffer[] {
  let chunks: Buffer[] = [];
  let heldBytes = 0;
  const take = (bytes: number): Buffer => {
    const joined = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, heldBytes);
    const rest = joined.subarray(bytes);
    chunks = rest.length > 0 ? [rest] : [];
    heldBytes = rest.length;
    return joined.subarray(0, bytes);
  };
  let wantedBytes: number | undefined;
  return (chunk) => {
    chunks.push(chunk);
    heldBytes += chunk.length;
    const frames: Buffer[] = [];
    for (;;) {
      if (wantedBytes === undefined) {
        if (heldBytes < HEADER_BYTES) return frames;
        wantedBytes = take(HEADER_BYTES).readUInt32BE(0);
        if (wantedBytes > MAX_FRAME_BYTES) {
          throw new HostError('frame-too-large', `a message of ${wantedBytes} bytes is over the limit`);
        }
      }
      if (heldBytes < wantedBytes) return frames;
      frames.push(take(wantedBytes));
      wantedBytes = undefined;
    }
  };
}

/** Makes the channel over one duplex stream (the pipe between host and worker). */
export function createChannel<In, Out>(stream: Duplex): Channel<In, Out> {
  const readFrames = createFrameReader();
  const messageListeners: ((message: In) => void)[] = [];
  const closeListeners: (() => void)[] = [];
  stream.on('data', (chunk: Buffer) => {
    for (const frame of readFrames(chunk)) {
      const message = deserialize(frame) as In;
      for (const listener of messageListeners) listener(message);
    }
  });
  // A broken pipe is reported by the close that follows it.
  stream.on('error', () => undefined);
  stream.on('close', () => {
    for (const listener of closeListeners) listener();
  });
  stream.on('end', () => stream.destroy());
  return {
    send(message) {
      if (stream.destroyed || !stream.writable) return;
      const body = serialize(message);
      const header = Buffer.allocUnsafe(HEADER_BYTES);
      header.writeUInt32BE(body.length, 0);
      stream.cork();
      stream.write(header);
      stream.write(body);
      stream.uncork();
    },
    onMessage: (listener) => messageListeners.push(listener),
    onClose: (listener) => closeListeners.push(listener),
    close: () => stream.destroy(),
  };
}
