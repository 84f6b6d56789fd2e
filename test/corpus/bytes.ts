import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

export const mib = 1024 * 1024;

/** Gzip of 1 GiB of one byte in 64 members: little more than 1 MB. */
export function gzipBomb(byte: string): Buffer {
  const member = gzipSync(Buffer.alloc(16 * mib, byte), { level: 9 });
  return Buffer.concat(Array.from({ length: 64 }, () => member));
}

/** A gzip that grows by less than the limit on ratio, up to a size over the limit on inflated bytes. */
export function slowBomb(inflatedBytes: number): Buffer {
  const block = Buffer.alloc(1024 * 1024, 'x');
  for (let at = 0; at < 256; at++) {
    block.write(String(Math.imul(at, 2654435761) >>> 0), (at * 4093) % (block.length - 16));
  }
  const member = gzipSync(block, { level: 9 });
  return Buffer.concat(Array.from({ length: Math.ceil(inflatedBytes / block.length) }, () => member));
}

export interface ZipEntry {
  readonly name: string;
  readonly content: Buffer;
  /** Points at the local header of another entry, so that both share their bytes. */
  readonly sharesHeaderOf?: number;
}

function localHeader({ name, content }: ZipEntry, packed: Buffer): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(8, 8);
  header.writeUInt32LE(crc32(content), 14);
  header.writeUInt32LE(packed.length, 18);
  header.writeUInt32LE(content.length, 22);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, Buffer.from(name), packed]);
}

interface Place {
  readonly packed: Buffer;
  readonly at: number;
  /** With the sizes in a zip64 field. */
  readonly wide: boolean;
}

function centralHeader({ name, content }: ZipEntry, { packed, at, wide }: Place): Buffer {
  const extra = Buffer.alloc(wide ? 28 : 0);
  if (wide) {
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(24, 2);
    extra.writeBigUInt64LE(BigInt(content.length), 4);
    extra.writeBigUInt64LE(BigInt(packed.length), 12);
    extra.writeBigUInt64LE(BigInt(at), 20);
  }
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(45, 4);
  header.writeUInt16LE(wide ? 45 : 20, 6);
  header.writeUInt16LE(8, 10);
  header.writeUInt32LE(crc32(content), 16);
  header.writeUInt32LE(wide ? 0xffffffff : packed.length, 20);
  header.writeUInt32LE(wide ? 0xffffffff : content.length, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(wide ? 0xffffffff : at, 42);
  return Buffer.concat([header, Buffer.from(name), extra]);
}

/** A zip archive by hand, so that it may be as wrong as wanted. */
function zip(entries: readonly ZipEntry[], wide = false): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  const offsets: number[] = [];
  let at = 0;
  for (const entry of entries) {
    const packed = deflateRawSync(entry.content);
    const shared = entry.sharesHeaderOf === undefined ? undefined : offsets[entry.sharesHeaderOf];
    offsets.push(shared ?? at);
    centrals.push(centralHeader(entry, { packed, at: shared ?? at, wide }));
    if (shared === undefined) {
      locals.push(localHeader(entry, packed));
      at += (locals.at(-1) as Buffer).length;
    }
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(wide ? 0xffffffff : at, 16);
  return Buffer.concat([...locals, directory, end]);
}

export const zips: Readonly<Record<string, Buffer>> = {
  empty: zip([]),
  overlapping: zip([
    { name: 'a.json', content: Buffer.from('{"a":1}') },
    { name: 'b.json', content: Buffer.from('{"a":1}'), sharesHeaderOf: 0 },
  ]),
  zip64: zip([{ name: 'a.json', content: Buffer.from('{"a":1}') }], true),
  'parent-names': zip([{ name: '../../etc/passwd', content: Buffer.from('{"a":1}') }]),
};

export function utf16(text: string, order: 'le' | 'be', mark: boolean): Buffer {
  const bytes = Buffer.from((mark ? '\ufeff' : '') + text, 'utf16le');
  return order === 'le' ? bytes : bytes.swap16();
}
