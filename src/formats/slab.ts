/** Bytes taken from the system at a time. */
const SLAB_BYTES = 256 * 1024;
/** Up to here a loop is faster than a native copy. */
const SMALL_BYTES = 32;
/** UTF-8 bytes of one UTF-16 unit, at most; JSON escapes take up to six. */
const MAX_BYTES_PER_UNIT = 6;

/**
 * Writes many small byte strings into few large allocations: one allocation per record, or one joined string, would
 * cost more than everything else done to a record. A slab lives as long as anything cut from it.
 */
export interface Slab {
  /** Begins a byte string; `bytes` and the `texts` to come must fit what is asked for here. */
  begin(bytes: number, textUnits: number): void;
  put(bytes: Uint8Array): void;
  putByte(byte: number): void;
  /** Takes back the last bytes put. */
  back(bytes: number): void;
  /** As UTF-8. */
  putText(text: string): void;
  /** As a JSON string with its quotes. */
  putJsonString(text: string): void;
  /** What was put since `begin`. */
  end(): Buffer;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

export function createSlab(): Slab {
  let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  let from = 0;
  let used = 0;

  /** Copies printable ASCII; false, with nothing used, when the text has anything else. */
  const putPlain = (text: string): boolean => {
    const out = slab;
    const start = used;
    const units = text.length;
    for (let unit = 0; unit < units; unit++) {
      const code = text.charCodeAt(unit);
      if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) {
        return false;
      }
      out[start + unit] = code;
    }
    used = start + units;
    return true;
  };

  return {
    begin: (bytes, textUnits) => {
      const most = bytes + textUnits * MAX_BYTES_PER_UNIT;
      if (slab.length - used < most) {
        slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, most));
        used = 0;
      }
      from = used;
    },
    put: (bytes) => {
      const { length } = bytes;
      if (length > SMALL_BYTES) {
        slab.set(bytes, used);
      } else {
        for (let at = 0; at < length; at++) {
          slab[used + at] = bytes[at] as number;
        }
      }
      used += length;
    },
    putByte: (byte) => {
      slab[used++] = byte;
    },
    back: (bytes) => {
      used -= bytes;
    },
    putText: (text) => {
      if (!putPlain(text)) {
        used += slab.write(text, used, 'utf8');
      }
    },
    putJsonString: (text) => {
      slab[used++] = QUOTE;
      if (putPlain(text)) {
        slab[used++] = QUOTE;
      } else {
        used--;
        used += slab.write(JSON.stringify(text), used, 'utf8');
      }
    },
    end: () => slab.subarray(from, used),
  };
}
