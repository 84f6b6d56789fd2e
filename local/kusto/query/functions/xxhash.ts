const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;
const MASK = 0xffffffffffffffffn;

const STRIPE_BYTES = 32;

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

function round(lane: bigint, input: bigint): bigint {
  return (rotate((lane + input * P2) & MASK, 31n) * P1) & MASK;
}

function avalanche(hashIn: bigint): bigint {
  let hash = hashIn;
  hash = ((hash ^ (hash >> 33n)) * P2) & MASK;
  hash = ((hash ^ (hash >> 29n)) * P3) & MASK;
  return hash ^ (hash >> 32n);
}

function stripes(view: DataView, length: number): bigint {
  const lanes = [P1 + P2, P2, 0n, -P1].map((lane) => lane & MASK);
  for (let at = 0; at + STRIPE_BYTES <= length; at += STRIPE_BYTES) {
    for (let lane = 0; lane < 4; lane++)
      lanes[lane] = round(lanes[lane]!, view.getBigUint64(at + lane * 8, true));
  }
  const rotations = [1n, 7n, 12n, 18n];
  let hash = lanes.reduce((sum, lane, index) => (sum + rotate(lane, rotations[index]!)) & MASK, 0n);
  for (const lane of lanes) hash = (((hash ^ round(0n, lane)) * P1) & MASK) + P4;
  return hash & MASK;
}

/** XXH64 with seed 0, the hash Kusto documents for `hash()`. */
export function xxHash64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  let hash = length >= STRIPE_BYTES ? stripes(view, length) : P5;
  hash = (hash + BigInt(length)) & MASK;
  let at = length - (length % STRIPE_BYTES);
  for (; at + 8 <= length; at += 8) {
    hash ^= round(0n, view.getBigUint64(at, true));
    hash = (rotate(hash, 27n) * P1 + P4) & MASK;
  }
  if (at + 4 <= length) {
    hash ^= (BigInt(view.getUint32(at, true)) * P1) & MASK;
    hash = (rotate(hash, 23n) * P2 + P3) & MASK;
    at += 4;
  }
  for (; at < length; at++) {
    hash ^= (BigInt(bytes[at]!) * P5) & MASK;
    hash = (rotate(hash, 11n) * P1) & MASK;
  }
  return avalanche(hash);
}
