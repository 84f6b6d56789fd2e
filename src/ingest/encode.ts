import type { DataFormat, RouteConfig } from '../config/types.js';
import { formatKind } from '../formats/kinds.js';
import { KfError } from '../runtime/errors.js';
import { createAvroEncoder } from './encode-avro.js';
import { createDelimitedEncoder } from './encode-delimited.js';
import { createJsonEncoder } from './encode-json.js';
import { createPassThroughEncoder } from './encode-pass-through.js';
import type { Encoder } from './encode-types.js';
import type { Router } from './route.js';
import type { SchemaResolver } from './schema-resolver.js';
import type { Target } from './types.js';

export interface EncodersOptions {
  readonly route: RouteConfig;
  readonly router: Router;
  readonly onOversized: () => void;
  readonly declaredFields?: (target: Target) => number | undefined;
  readonly schemas?: SchemaResolver;
}

/** @throws KfError CONFIG_INVALID */
function requireColumnsFit({ columns }: RouteConfig, format: DataFormat): void {
  if (Object.keys(columns).length > 0 && (formatKind(format) === 'binary' || format === 'txt')) {
    throw new KfError('CONFIG_INVALID', `route.columns: format ${format} has no place for metadata columns`);
  }
}

/** The encoder for a format; made once per route. */
export function createEncoders(options: EncodersOptions): (format: DataFormat) => Encoder {
  requireColumnsFit(options.route, options.route.format);
  const json = createJsonEncoder(options);
  const delimited = createDelimitedEncoder(options);
  const avro = createAvroEncoder(options);
  const passThrough = createPassThroughEncoder(options.route);
  return (format) => {
    if (format !== options.route.format) {
      requireColumnsFit(options.route, format);
    }
    switch (format) {
      case 'json':
        return json;
      case 'raw':
      case 'parquet':
      case 'orc':
      case 'w3clogfile':
        return passThrough;
      case 'avro':
        return avro;
      default:
        return delimited;
    }
  };
}
