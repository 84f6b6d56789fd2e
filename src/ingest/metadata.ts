import type { MetadataFact } from '../config/types.js';
import type { SpliceKind } from '../formats/json-splice.js';
import type { Envelope } from './types.js';

/** The fact as text; undefined where the source gave none. */
export function factText(fact: MetadataFact, envelope: Envelope): string | undefined {
  switch (fact) {
    case 'offset':
      return envelope.position.offset;
    case 'sequenceNumber':
      return String(envelope.position.sequenceNumber);
    case 'partition':
      return envelope.position.partition;
    case 'key':
      return envelope.key;
    case 'enqueuedTime':
      return envelope.enqueuedAt;
    case 'properties':
      return JSON.stringify(envelope.properties);
    case 'source':
      return envelope.source;
  }
}

/** In JSON, offsets and partitions are numbers where they can be, and properties an object. */
export function factKind(fact: MetadataFact): SpliceKind {
  switch (fact) {
    case 'sequenceNumber':
    case 'properties':
      return 'json';
    case 'offset':
    case 'partition':
      return 'integerOrString';
    default:
      return 'string';
  }
}
