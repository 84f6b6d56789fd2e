import type { DataFormat, RouteConfig } from '../config/types.js';
import { KfError } from '../runtime/errors.js';
import { createJsonEncoder } from './encode-json.js';
import { createPassThroughEncoder } from './encode-pass-through.js';
import type { Encoder } from './encode-types.js';

export interface EncodersOptions {
  readonly route: RouteConfig;
  readonly onOversized: () => void;
}

/** The encoder for a format; made once per route. */
export function createEncoders(options: EncodersOptions): (format: DataFormat) => Encoder {
  const json = createJsonEncoder(options);
  const passThrough = createPassThroughEncoder(options.route);
  return (format) => {
    switch (format) {
      case 'json':
        return json;
      case 'raw':
      case 'parquet':
      case 'orc':
      case 'w3clogfile':
        return passThrough;
      default:
        throw new KfError('FORMAT_UNKNOWN', `format ${format}: no encoder`);
    }
  };
}
