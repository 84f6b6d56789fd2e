import type { RouteConfig } from '../config/types.js';
import { requireBinary } from '../formats/binary.js';
import { KfError } from '../runtime/errors.js';
import type { Encoder } from './encode-types.js';

const ownBlob = { blobPerRecord: true } as const;

/** One body, one blob, byte for byte; only its size and its first and last bytes are looked at. */
export function createPassThroughEncoder(route: Pick<RouteConfig, 'maxInflatedBytes'>): Encoder {
  return ({ body, envelope, target, index }, output) => {
    requireBinary(target.target.format, body);
    if (body.byteLength > route.maxInflatedBytes) {
      const message = `body: ${body.byteLength} bytes, the limit is ${route.maxInflatedBytes}`;
      throw new KfError('RECORD_TOO_LARGE', message);
    }
    const record = index === undefined ? { bytes: body, envelope } : { bytes: body, envelope, index };
    output.record(target, record, ownBlob);
  };
}
