import type { RouteConfig } from '../config/types.js';
import { appendedField, type Dialect, dialectOf } from '../formats/delimited.js';
import { type Row, readDelimitedBody } from '../formats/delimited-body.js';
import { MAX_VALUE_BYTES } from '../formats/json-record.js';
import { createSlab } from '../formats/slab.js';
import { KfError } from '../runtime/errors.js';
import type { EncodeInput, EncodeOutput, Encoder } from './encode-types.js';
import { factText } from './metadata.js';
import type { RoutedTarget, Router } from './route.js';
import type { Envelope, Target } from './types.js';

export interface DelimitedEncoderOptions {
  readonly route: Pick<RouteConfig, 'columns' | 'ignoreFirstRecord' | 'oversizedValue' | 'maxRecordBytes'>;
  readonly router: Pick<Router, 'variant'>;
  /** Fields that a row of the target must have before metadata columns, where that is known. */
  readonly declaredFields?: (target: Target) => number | undefined;
  readonly onOversized: () => void;
}

const LF = Buffer.from('\n');

function requireRow(row: Row, declared: number | undefined, options: DelimitedEncoderOptions): void {
  const { maxRecordBytes, oversizedValue } = options.route;
  if (row.error !== undefined) {
    throw row.error;
  }
  if (row.bytes.length > maxRecordBytes) {
    throw new KfError(
      'RECORD_TOO_LARGE',
      `body: a row of ${row.bytes.length} bytes, the limit is ${maxRecordBytes}`,
    );
  }
  if (declared !== undefined && row.fields !== declared) {
    throw new KfError('RECORD_FIELD_COUNT', `body: a row of ${row.fields} fields, declared are ${declared}`);
  }
  if (row.largestField > MAX_VALUE_BYTES) {
    if (oversizedValue === 'deadLetter') {
      const message = `body: a field of ${row.largestField} bytes; the service cuts strings over 1 MiB`;
      throw new KfError('RECORD_TOO_LARGE', message);
    }
    options.onOversized();
  }
}

/** A row is replayed with its header before it, because the route will take the first row away again. */
const replayable = (row: Row, header: Buffer | undefined): Buffer =>
  header === undefined ? row.bytes : Buffer.concat([header, LF, row.bytes]);

/** Each row is a record; the number of fields belongs to the target, because one odd row fails a whole blob. */
export function createDelimitedEncoder(options: DelimitedEncoderOptions): Encoder {
  const { route, router } = options;
  const facts = Object.values(route.columns);
  const slab = createSlab();

  const withColumns = (row: Row, envelope: Envelope, dialect: Dialect): Buffer => {
    if (facts.length === 0) {
      return row.bytes;
    }
    const columns = facts.map((fact) => appendedField(factText(fact, envelope) ?? '', dialect)).join('');
    slab.begin(row.bytes.length, columns.length);
    slab.put(row.bytes);
    slab.putText(columns);
    return slab.end();
  };

  const counted = (target: RoutedTarget, fields: number): RoutedTarget =>
    router.variant(target, { fieldCount: fields + facts.length });

  return (input: EncodeInput, output: EncodeOutput) => {
    const { body, envelope, target } = input;
    const dialect = dialectOf(target.target.format);
    const { rows, header } = readDelimitedBody(body, dialect, route.ignoreFirstRecord);
    const declared = options.declaredFields?.(target.target);
    let last: { readonly fields: number; readonly target: RoutedTarget } | undefined;
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at] as Row;
      const index = rows.length === 1 ? input.index : at;
      const place = index === undefined ? {} : { index };
      try {
        requireRow(row, declared, options);
        if (last?.fields !== row.fields) {
          last = { fields: row.fields, target: counted(target, row.fields) };
        }
        output.record(last.target, { bytes: withColumns(row, envelope, dialect), envelope, ...place });
      } catch (error) {
        const piece = index === undefined ? {} : { body: replayable(row, header) };
        output.bad({ envelope, target, error: error as KfError, ...place, ...piece });
      }
    }
  };
}
