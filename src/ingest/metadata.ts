import type { MetadataFact } from '../config/types.js';
import type { Envelope } from './types.js';

/** At most 18 digits without a leading zero: fits a long, and reads the same as a number and as text. */
function isPlainInteger(text: string): boolean {
  if (text.length === 0 || text.length > 18 || (text.length > 1 && text.charCodeAt(0) === 0x30)) {
    return false;
  }
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) {
      return false;
    }
  }
  return true;
}

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

/** The fact as JSON: offsets and partitions as numbers where they are, properties as an object, null for none. */
export function factJson(fact: MetadataFact, envelope: Envelope): string {
  const text = factText(fact, envelope);
  if (text === undefined) {
    return 'null';
  }
  switch (fact) {
    case 'sequenceNumber':
    case 'properties':
      return text;
    case 'offset':
    case 'partition':
      return isPlainInteger(text) ? text : JSON.stringify(text);
    default:
      return JSON.stringify(text);
  }
}
