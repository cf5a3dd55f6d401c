import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  for (let at = 0; at < sent.length; at++) pieces.add(Buffer.from(sent.subarray(at, at + 1)));
  assert.deepEqual(Buffer.concat(pieces.all()), sent);
  assert.ok(pieces.all().length < 32, `${pieces.all().length} pieces`);
});

test('large and small pieces in turn keep their order', () => {
  const pieces = new BodyChunks();
  const sent: Buffer[] = [];
  for (let i = 0; i < 200; i++) sent.push(Buffer.alloc(i % 3 === 0 ? 5_000 : i % 17, i));
  for (const piece of sent) pieces.add(piece);
  assert.deepEqual(Buffer.concat(pieces.all()), Buffer.concat(sent));
  assert.equal(pieces.length, Buffer.concat(sent).length);
});
