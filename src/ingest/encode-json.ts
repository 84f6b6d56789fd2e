import type { RouteConfig } from '../config/types.js';
import {
  createJsonReader,
  type JsonObject,
  type JsonVisitor,
  oversizedValueBytes,
} from '../formats/json-record.js';
import { planSplice, spliceColumns, toOneLine } from '../formats/json-splice.js';
import { createSlab } from '../formats/slab.js';
import { KfError } from '../runtime/errors.js';
import type { EncodeInput, EncodeOutput, Encoder } from './encode-types.js';
import { factKind, factText } from './metadata.js';
import type { Envelope } from './types.js';

export interface JsonEncoderOptions {
  readonly route: Pick<RouteConfig, 'columns' | 'existingColumn' | 'oversizedValue' | 'maxRecordBytes'>;
  /** Told of a value over the service's limit that is sent all the same. */
  readonly onOversized: () => void;
}

/** One object, or an array of objects, each on one line with the metadata columns at its end. */
export function createJsonEncoder({ route, onOversized }: JsonEncoderOptions): Encoder {
  const columns = Object.entries(route.columns).map(([name, fact]) => ({ name, fact, kind: factKind(fact) }));
  const plan = planSplice(columns, route.existingColumn);
  const slab = createSlab();
  const values: (string | undefined)[] = columns.map(() => undefined);
  const reader = createJsonReader({ maxRecordBytes: route.maxRecordBytes });

  const encode = (object: JsonObject, envelope: Envelope): Buffer => {
    const oversized = oversizedValueBytes(object.bytes);
    if (oversized !== undefined && route.oversizedValue === 'deadLetter') {
      const message = `body: a value of ${oversized} bytes; the service cuts strings and voids dynamics over 1 MiB`;
      throw new KfError('RECORD_TOO_LARGE', message);
    }
    if (oversized !== undefined) {
      onOversized();
    }
    if (columns.length === 0) {
      return object.multiline ? toOneLine(object.bytes) : object.bytes;
    }
    for (let at = 0; at < columns.length; at++) {
      values[at] = factText((columns[at] as (typeof columns)[number]).fact, envelope);
    }
    return spliceColumns(object, plan, values, slab);
  };

  // One visitor for all bodies: closures made per record were a tenth of the garbage.
  let current: EncodeInput | undefined;
  let sink: EncodeOutput | undefined;
  const visitor: JsonVisitor = {
    object: (object, element) => {
      const { envelope, target, index } = current as EncodeInput;
      const output = sink as EncodeOutput;
      const place = element ?? index;
      try {
        const bytes = encode(object, envelope);
        output.record(target, place === undefined ? { bytes, envelope } : { bytes, envelope, index: place });
      } catch (error) {
        if (element === undefined) {
          throw error;
        }
        output.bad({ envelope, target, index: element, body: object.bytes, error: error as KfError });
      }
    },
    refused: (bytes, error, element) => {
      const { envelope, target } = current as EncodeInput;
      sink?.bad({ envelope, target, index: element, body: bytes, error });
    },
  };

  return (input, output) => {
    current = input;
    sink = output;
    try {
      reader.read(input.body, visitor);
    } finally {
      current = undefined;
      sink = undefined;
    }
  };
}
