import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { ZstdFrame } from './zstd-frame.ts';

const contents: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from('{"model":"m"}'),
  Buffer.alloc(300, 'a'),
  Buffer.alloc(70_000, 'abc'),
  Buffer.alloc(3_000_000, 'x'),
  randomBytes(400_000),
];
const frames = contents.flatMap((content) =>
  [
    {},
    { [constants.ZSTD_c_checksumFlag]: 1 },
    { [constants.ZSTD_c_contentSizeFlag]: 0 },
    { [constants.ZSTD_c_compressionLevel]: 19 },
  ].map((params) => zstdCompressSync(content, { params })),
);

test('a frame is whole at its last byte and not before, however it comes in pieces', () => {
  for (const bytes of frames) {
    const atOnce = new ZstdFrame();
    assert.ok(atOnce.read(bytes));
    assert.ok(atOnce.whole);
    const pieces = new ZstdFrame();
    const step = Math.max(1, Math.floor(bytes.length / 50));
    for (let at = 0; at < bytes.length; at += step) {
      assert.ok(!pieces.whole);
      assert.ok(pieces.read(bytes.subarray(at, at + step)));
    }
    assert.ok(pieces.whole);
    const short = new ZstdFrame();
    assert.ok(short.read(bytes.subarray(0, -1)));
    assert.ok(!short.whole);
  }
});

test('anything behind a frame is refused, whatever it is', () => {
  for (const bytes of frames)
    for (const more of [Buffer.from([0]), Buffer.from([0x28]), Buffer.from([0x28, 0xb5, 0x2f]), bytes]) {
      assert.ok(!new ZstdFrame().read(Buffer.concat([bytes, more])));
      const later = new ZstdFrame();
      assert.ok(later.read(bytes));
      assert.ok(!later.read(more));
    }
});

test('what begins otherwise is no frame', () => {
  for (const bytes of [Buffer.from('{"model":"m"}'), Buffer.from([0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 1])])
    assert.ok(!new ZstdFrame().read(bytes));
});
