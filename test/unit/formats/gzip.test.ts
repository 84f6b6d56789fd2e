import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createGzipWriter, gzipBytes, inflateBody, inflateStream } from '../../../src/formats/gzip.js';

const limits = { maxInflatedBytes: 2_000_000, maxInflateRatio: 100 };

async function inflate(body: Uint8Array, chunk?: number): Promise<Buffer> {
  if (chunk === undefined) {
    return inflateBody(body, limits);
  }
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < body.length; at += chunk) {
      yield body.subarray(at, at + chunk);
    }
  };
  const pieces: Uint8Array[] = [];
  for await (const piece of inflateStream(source(), limits)) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

const text = Buffer.from(Array.from({ length: 5000 }, (_, n) => `line ${n * n}\n`).join(''));
const large = randomBytes(300_000);

for (const chunk of [undefined, 1000]) {
  const how = chunk === undefined ? 'whole' : 'in pieces';
  test(`one or more members are inflated (${how})`, async () => {
    assert.deepEqual(await inflate(gzipSync(text), chunk), text);
    assert.deepEqual(
      await inflate(Buffer.concat([gzipSync(text), gzipSync('x')]), chunk),
      Buffer.concat([text, Buffer.from('x')]),
    );
    assert.deepEqual(await inflate(gzipSync(large), chunk), large);
  });

  test(`damage, truncation and trailing bytes are refused (${how})`, async () => {
    const whole = gzipSync(text);
    const damaged = Buffer.from(whole);
    damaged[100] = (damaged[100] as number) ^ 0xff;
    const bad = [
      whole.subarray(0, -1),
      whole.subarray(0, 5),
      damaged,
      Buffer.concat([whole, Buffer.from('x')]),
      Buffer.concat([whole, Buffer.alloc(3)]),
      Buffer.concat([whole, Buffer.from([0x1f, 0x8b])]),
      Buffer.from('no gzip at all'),
    ];
    for (const body of bad) {
      await assert.rejects(async () => inflate(body, chunk), { code: 'RECORD_NOT_GZIP' });
    }
  });

  test(`a bomb stops at the limit on size or ratio (${how})`, async () => {
    await assert.rejects(async () => inflate(gzipSync(Buffer.alloc(100_000_000)), chunk), {
      code: 'RECORD_BOMB',
    });
    await assert.rejects(async () => inflate(gzipSync(Buffer.alloc(500_000)), chunk), {
      code: 'RECORD_BOMB',
    });
    await assert.rejects(async () => inflate(gzipSync(randomBytes(2_100_000)), chunk), {
      code: 'RECORD_BOMB',
    });
  });
}

test('what is compressed is one member that everybody reads', async () => {
  assert.deepEqual(gunzipSync(await gzipBytes(text)), text);
  const pieces: Uint8Array[] = [];
  const writer = createGzipWriter(async (bytes) => {
    pieces.push(bytes);
  });
  for (let at = 0; at < large.length; at += 10_000) {
    await writer.write(large.subarray(at, at + 10_000));
  }
  await writer.end();
  assert.deepEqual(gunzipSync(Buffer.concat(pieces)), large);
});

test('an upload that fails comes out of the compressor, and it never hangs', async () => {
  const writer = createGzipWriter(async () => {
    throw new Error('upload failed');
  });
  await assert.rejects(async () => {
    for (let round = 0; round < 1000; round++) {
      await writer.write(large);
    }
    await writer.end();
  }, /upload failed/);
  await writer.abort();
});
