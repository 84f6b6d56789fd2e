import type { MetadataFact, RouteConfig } from '../config/types.js';
import {
  type AvroFraming,
  avroBytes,
  avroFraming,
  avroLong,
  checkAvroContainer,
  isAvroContainer,
} from '../formats/avro-container.js';
import { type AvroSchema, type AvroType, parseAvroSchema } from '../formats/avro-schema.js';
import { walkDatum } from '../formats/avro-walk.js';
import { asBuffer } from '../formats/text.js';
import { KfError } from '../runtime/errors.js';
import type { EncodeInput, EncodeOutput, Encoder } from './encode-types.js';
import { factText } from './metadata.js';
import type { Router } from './route.js';
import type { SchemaReference, SchemaResolver } from './schema-resolver.js';
import type { Envelope } from './types.js';

export interface AvroEncoderOptions {
  readonly route: Pick<RouteConfig, 'columns' | 'existingColumn' | 'maxRecordBytes' | 'maxInflatedBytes'>;
  readonly router: Pick<Router, 'variant'>;
  /** Without it framed datums are refused. */
  readonly schemas?: SchemaResolver;
}

/** Schemas kept ready; beyond it all are forgotten and looked up anew. */
const MAX_SCHEMAS = 1000;
/** Magic byte and id of the wire format. */
const FRAME_BYTES = 5;

interface Writer {
  readonly type: AvroType;
  readonly framing: AvroFraming;
  readonly facts: readonly MetadataFact[];
}

const ownBlob = { blobPerRecord: true } as const;

function contentType(properties: Readonly<Record<string, unknown>>): string {
  for (const [name, value] of Object.entries(properties)) {
    const plain = name.toLowerCase().replaceAll(/[-_]/g, '');
    if (plain === 'contenttype' && typeof value === 'string') {
      return value;
    }
  }
  return '';
}

function frameOf({ body, envelope }: EncodeInput): { reference: SchemaReference; datum: Uint8Array } {
  const azure = /^avro\/binary\+([0-9a-f-]{1,64})$/i.exec(contentType(envelope.properties).trim());
  if (azure !== null) {
    return { reference: { registry: 'azure', id: (azure[1] as string).toLowerCase() }, datum: body };
  }
  if (body[0] === 0 && body.byteLength >= FRAME_BYTES) {
    const id = asBuffer(body).readUInt32BE(1);
    return { reference: { registry: 'confluent', id }, datum: body.subarray(FRAME_BYTES) };
  }
  throw new KfError('RECORD_NOT_AVRO', 'body: neither an Avro container nor a datum that names its schema');
}

function factType(fact: MetadataFact): unknown {
  return fact === 'sequenceNumber' ? 'long' : ['null', 'string'];
}

function factBytes(fact: MetadataFact, envelope: Envelope): Buffer {
  if (fact === 'sequenceNumber') {
    return avroLong(envelope.position.sequenceNumber);
  }
  const text = factText(fact, envelope);
  return text === undefined ? avroLong(0) : Buffer.concat([avroLong(1), avroBytes(Buffer.from(text))]);
}

/** Appends the columns as fields of the record: a record's bytes are those of its fields, one after the other. */
function createWriter(schema: AvroSchema, route: AvroEncoderOptions['route']): Writer {
  const wanted = Object.entries(route.columns);
  if (wanted.length === 0) {
    return { type: schema.type, framing: avroFraming(schema.json), facts: [] };
  }
  if (schema.type.kind !== 'record') {
    throw new KfError('RECORD_NOT_AVRO', 'schema: only a record has place for metadata columns');
  }
  const { names } = schema.type;
  const taken = wanted.filter(([name]) => names.includes(name)).map(([name]) => name);
  if (taken.length > 0 && route.existingColumn !== 'keep') {
    throw new KfError(
      'RECORD_KEY_EXISTS',
      `schema: already has the field ${taken.join(', ')}; Avro fields can be kept, not overwritten`,
    );
  }
  const added = wanted.filter(([name]) => !taken.includes(name));
  const json = schema.json as { readonly fields: readonly unknown[] };
  const fields = [...json.fields, ...added.map(([name, fact]) => ({ name, type: factType(fact) }))];
  return {
    type: schema.type,
    framing: avroFraming({ ...json, fields }),
    facts: added.map(([, fact]) => fact),
  };
}

function encodeContainer(input: EncodeInput, output: EncodeOutput, route: AvroEncoderOptions['route']): void {
  const { body, envelope, target, index } = input;
  if (Object.keys(route.columns).length > 0) {
    const message = 'body: an Avro container goes as it is, so metadata columns have no place in it';
    throw new KfError('RECORD_NOT_AVRO', message);
  }
  if (body.byteLength > route.maxInflatedBytes) {
    throw new KfError(
      'RECORD_TOO_LARGE',
      `body: ${body.byteLength} bytes, the limit is ${route.maxInflatedBytes}`,
    );
  }
  checkAvroContainer(body);
  output.record(target, { bytes: body, envelope, ...(index === undefined ? {} : { index }) }, ownBlob);
}

/**
 * A container body goes as it is. A datum that names its schema is walked, not decoded, and becomes a block of a
 * container of that schema; blocks of one schema share a blob.
 */
export function createAvroEncoder({ route, router, schemas }: AvroEncoderOptions): Encoder {
  const writers = new Map<string, Promise<Writer>>();

  const writerOf = (reference: SchemaReference): Promise<Writer> => {
    const key = `${reference.registry} ${reference.id}`;
    const known = writers.get(key);
    if (known !== undefined) {
      return known;
    }
    if (schemas === undefined) {
      throw new KfError('RECORD_NOT_AVRO', 'body: names a schema, but no schema registry is configured');
    }
    if (writers.size >= MAX_SCHEMAS) {
      writers.clear();
    }
    const writer = schemas
      .resolve(reference)
      .then(({ schema, references }) => createWriter(parseAvroSchema(schema, references), route));
    writers.set(key, writer);
    writer.catch(() => writers.delete(key));
    return writer;
  };

  const encodeDatum = async (input: EncodeInput, output: EncodeOutput): Promise<void> => {
    const { envelope, target, index } = input;
    const { reference, datum } = frameOf(input);
    if (datum.byteLength > route.maxRecordBytes) {
      const message = `body: a datum of ${datum.byteLength} bytes, the limit is ${route.maxRecordBytes}`;
      throw new KfError('RECORD_TOO_LARGE', message);
    }
    const { type, framing, facts } = await writerOf(reference);
    walkDatum(datum, type);
    const bytes = framing.block([datum, ...facts.map((fact) => factBytes(fact, envelope))]);
    output.record(
      router.variant(target, { schemaId: framing.fingerprint }),
      { bytes, envelope, ...(index === undefined ? {} : { index }) },
      { header: framing.header },
    );
  };

  return (input, output) =>
    isAvroContainer(input.body) ? encodeContainer(input, output, route) : encodeDatum(input, output);
}
