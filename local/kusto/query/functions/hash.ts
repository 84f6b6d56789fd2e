import { createHash, randomUUID } from 'node:crypto';
import type { ScalarType } from '../../store/types.js';
import { castExpr, rowExpr } from '../expressions/basic.js';
import { convertArguments, definer, type FunctionTable } from './define.js';
import { xxHash64 } from './xxhash.js';

export const hashFunctions: FunctionTable = new Map();
const define = definer(hashFunctions);

const DIGESTS: Readonly<Record<string, string>> = {
  hash_md5: 'md5',
  hash_sha1: 'sha1',
  hash_sha256: 'sha256',
};

for (const [name, algorithm] of Object.entries(DIGESTS)) {
  define(name, ['text', 'string'], (text: string) => createHash(algorithm).update(text).digest('hex'));
}

/** Bytes a hash is taken over: the text of a string, eight bytes of a number. */
function bytesOf(type: ScalarType, cell: unknown): Uint8Array {
  if (type === 'long' || type === 'datetime' || type === 'timespan') {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(cell as bigint);
    return bytes;
  }
  if (type === 'real') {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(cell as number);
    return bytes;
  }
  return Buffer.from(String(cell));
}

for (const name of ['hash', 'hash_xxhash64']) {
  hashFunctions.set(name, (args, site) => {
    const [source, mod] = convertArguments('any long?', args, site);
    const kept = ['long', 'datetime', 'timespan', 'real', 'string'].includes(source!.type);
    const value = kept ? source! : castExpr(source!, source!.type === 'int' ? 'long' : 'string');
    return rowExpr(
      'long',
      mod === undefined ? [value] : [value, mod],
      (cell, modulo) => {
        const hash = xxHash64(bytesOf(value.type, cell));
        if (modulo === undefined) return BigInt.asIntN(64, hash);
        return modulo === 0n ? null : hash % (modulo as bigint);
      },
      { strict: true },
    );
  });
}

define('new_guid', ['', 'guid'], () => randomUUID(), { volatile: true });
