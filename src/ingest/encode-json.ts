import type { RouteConfig } from '../config/types.js';
import { type JsonObject, oversizedValueBytes, readJsonBody } from '../formats/json-record.js';
import { planSplice, spliceColumns, toOneLine } from '../formats/json-splice.js';
import { KfError } from '../runtime/errors.js';
import type { Encoder } from './encode-types.js';
import { factJson } from './metadata.js';
import type { Envelope } from './types.js';

export interface JsonEncoderOptions {
  readonly route: Pick<RouteConfig, 'columns' | 'existingColumn' | 'oversizedValue' | 'maxRecordBytes'>;
  /** Told of a value over the service's limit that is sent all the same. */
  readonly onOversized: () => void;
}

/** One object, or an array of objects, each on one line with the metadata columns at its end. */
export function createJsonEncoder({ route, onOversized }: JsonEncoderOptions): Encoder {
  const facts = Object.values(route.columns);
  const plan = planSplice(Object.keys(route.columns), route.existingColumn);
  const limits = { maxRecordBytes: route.maxRecordBytes };

  const encode = (object: JsonObject, envelope: Envelope): Buffer => {
    const oversized = oversizedValueBytes(object.bytes);
    if (oversized !== undefined && route.oversizedValue === 'deadLetter') {
      const message = `body: a value of ${oversized} bytes; the service cuts strings and voids dynamics over 1 MiB`;
      throw new KfError('RECORD_TOO_LARGE', message);
    }
    if (oversized !== undefined) {
      onOversized();
    }
    if (facts.length === 0) {
      return object.multiline ? toOneLine(object.bytes) : object.bytes;
    }
    return spliceColumns(
      object,
      plan,
      facts.map((fact) => factJson(fact, envelope)),
    );
  };

  return ({ body, envelope, target, index }, output) => {
    const read = readJsonBody(body, limits);
    if ('value' in read) {
      const bytes = encode(read, envelope);
      output.record(target, index === undefined ? { bytes, envelope } : { bytes, envelope, index });
      return;
    }
    for (let element = 0; element < read.length; element++) {
      const piece = read[element] as (typeof read)[number];
      try {
        if ('error' in piece) {
          throw piece.error;
        }
        output.record(target, { bytes: encode(piece, envelope), envelope, index: element });
      } catch (error) {
        output.bad({ envelope, target, index: element, body: piece.bytes, error: error as KfError });
      }
    }
  };
}
