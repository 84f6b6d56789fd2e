import { Transform } from 'node:stream';
import { formatSize } from '../config/units.js';
import type { Invocation } from './command.js';

const TELL_EVERY_MS = 500;

interface MeterOptions {
  /** Undefined when nobody knows. */
  readonly totalBytes?: number;
  /** What is sent; default: nothing is said of it. */
  readonly label?: string;
  /** Called when all has come, before the last of it is passed on; what it throws ends the stream. */
  readonly atEnd?: () => Promise<void>;
}

/** Counts what passes and tells it now and then. */
export function meter({ deps, json }: Pick<Invocation, 'deps' | 'json'>, options: MeterOptions): Transform {
  const { totalBytes, label, atEnd = async () => undefined } = options;
  let sentBytes = 0;
  let toldMs = 0;
  let held: Buffer | undefined;
  const tell = (): void => {
    const share = totalBytes
      ? ` of ${formatSize(totalBytes)} (${Math.floor((100 * sentBytes) / totalBytes)} %)`
      : '';
    deps.output.progress?.(`${label === undefined ? '' : `${label}: `}sent ${sentBytes} bytes${share}`);
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sentBytes += chunk.byteLength;
      if (!json && deps.clock.now() - toldMs >= TELL_EVERY_MS) {
        toldMs = deps.clock.now();
        tell();
      }
      const ready = held;
      held = chunk;
      done(null, ready);
    },
    flush(done) {
      if (!json) {
        tell();
        deps.output.progress?.('\n');
      }
      atEnd().then(() => done(null, held), done);
    },
  });
}
