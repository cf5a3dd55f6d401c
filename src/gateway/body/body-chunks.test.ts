import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyChunks } from './body-chunks.ts';

test('a body that comes in few pieces is kept as it came', () => {
  const pieces = new BodyChunks();
  const sent = [Buffer.from('a'), Buffer.from('bc'), Buffer.alloc(100_000)];
  for (const piece of sent) pieces.add(piece);
  assert.deepEqual(pieces.all(), sent);
  assert.equal(pieces.all()[0], sent[0]);
  assert.equal(pieces.length, 100_003);
});

test('a body that comes byte by byte is kept in few pieces', () => {
  const pieces = new BodyChunks();
  const sent = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
  // Each in memory of its own, as in a proxy, where small buffers share no pool.
  for (const byte of sent) pieces.add(Buffer.from(Uint8Array.of(byte).buffer));
  assert.deepEqual(Buffer.concat(pieces.all()), sent);
  assert.ok(pieces.all().length < 32, `${pieces.all().length} pieces`);
});

test('pieces that follow each other in memory become one, and others do not', () => {
  const pieces = new BodyChunks();
  const block = Buffer.allocUnsafeSlow(100);
  for (let i = 0; i < 100; i++) block[i] = i;
  for (let at = 0; at < 90; at++) pieces.add(block.subarray(at, at + 1));
  const [alone] = pieces.all();
  assert.equal(pieces.all().length, 1);
  assert.equal(alone?.buffer, block.buffer);
  pieces.add(block.subarray(95, 100));
  assert.deepEqual(pieces.all(), [block.subarray(0, 90), block.subarray(95)]);
  assert.equal(pieces.length, 95);
});

test('large and small pieces in turn keep their order', () => {
  const pieces = new BodyChunks();
  const sent: Buffer[] = [];
  for (let i = 0; i < 200; i++) sent.push(Buffer.alloc(i % 3 === 0 ? 5_000 : i % 17, i));
  for (const piece of sent) pieces.add(piece);
  assert.deepEqual(Buffer.concat(pieces.all()), Buffer.concat(sent));
  assert.equal(pieces.length, Buffer.concat(sent).length);
});

test('a chunk that counts as finished is the same at the end of the body', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9_000), { maxLength: 80 }), fc.boolean(), (sizes, inOneBlock) => {
      const chunks = new BodyChunks();
      const finished: Buffer[] = [];
      const block = Buffer.alloc(
        sizes.reduce((sum, size) => sum + size, 0),
        'text',
      );
      let at = 0;
      for (const size of sizes) {
        const piece = block.subarray(at, at + size);
        at += size;
        // Every third piece has memory of its own.
        chunks.add(inOneBlock && at % 3 !== 0 ? piece : Buffer.from(piece));
        for (
          let chunk = chunks.finished(finished.length);
          chunk !== undefined;
          chunk = chunks.finished(finished.length)
        )
          finished.push(chunk);
      }
      const all = chunks.all();
      for (const [i, chunk] of finished.entries()) assert.equal(chunk, all[i]);
      assert.ok(finished.length < Math.max(1, all.length));
      assert.deepEqual(Buffer.concat(all), block);
    }),
  );
});

test('a body that fills blocks in tiny pieces is not copied', () => {
  const chunks = new BodyChunks();
  const blocks = Array.from({ length: 40 }, () => Buffer.alloc(32_768));
  for (const block of blocks)
    for (let at = 0; at < block.length; at += 1_024) chunks.add(block.subarray(at, at + 1_024));
  const all = chunks.all();
  assert.equal(all.length, blocks.length);
  assert.ok(all.every((chunk, i) => chunk.buffer === blocks[i]?.buffer));
});
