import type { ScalarType } from '../store/types.js';

const NAMES: ReadonlyMap<string, ScalarType> = new Map([
  ['bool', 'bool'],
  ['boolean', 'bool'],
  ['int', 'int'],
  ['int32', 'int'],
  ['long', 'long'],
  ['int64', 'long'],
  ['real', 'real'],
  ['double', 'real'],
  ['decimal', 'decimal'],
  ['string', 'string'],
  ['datetime', 'datetime'],
  ['date', 'datetime'],
  ['timespan', 'timespan'],
  ['time', 'timespan'],
  ['guid', 'guid'],
  ['uuid', 'guid'],
  ['uniqueid', 'guid'],
  ['dynamic', 'dynamic'],
]);

/** The scalar type that a name or one of its synonyms means, in any case; undefined when it is none. */
export function scalarTypeNamed(name: string): ScalarType | undefined {
  return NAMES.get(name.toLowerCase());
}
