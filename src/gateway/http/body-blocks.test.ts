import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyBlocks, freeUnusedBlocks } from './body-blocks.ts';

/** Stores everything, and returns the copies. */
function store(blocks: BodyBlocks, bytes: Buffer): readonly Buffer[] {
  const copies: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const copy = blocks.store(bytes, at);
    copies.push(copy);
    at += copy.length;
  }
  return copies;
}

const memoryOf = (copies: readonly Buffer[]): ReadonlySet<ArrayBufferLike> =>
  new Set(copies.map((c) => c.buffer));

test('a body in blocks has the bytes that came, whatever their sizes', () => {
  const blocks = new BodyBlocks();
  const sent = [100_000, 1, 32_768, 17, 65_536].map((size, i) => Buffer.alloc(size, i + 1));
  const copies = sent.flatMap((piece) => store(blocks, piece));
  for (const piece of sent) piece.fill(0xff);
  const expected = [100_000, 1, 32_768, 17, 65_536].map((size, i) => Buffer.alloc(size, i + 1));
  assert.deepEqual(Buffer.concat(copies), Buffer.concat(expected));
});

test('two bodies never have a block together, and a block that was given back serves the next body', () => {
  const one = new BodyBlocks();
  const other = new BodyBlocks();
  const first = memoryOf(store(one, Buffer.alloc(100_000)));
  const second = memoryOf(store(other, Buffer.alloc(100_000)));
  assert.ok(first.isDisjointFrom(second));
  one.giveBack();
  const third = memoryOf(store(one, Buffer.alloc(100_000)));
  assert.deepEqual(third, first);
  // Given back twice, a block would serve two bodies.
  other.giveBack();
  other.giveBack();
  const [fourth, fifth] = [new BodyBlocks(), new BodyBlocks()].map((b) =>
    memoryOf(store(b, Buffer.alloc(90_000))),
  );
  assert.ok(fourth?.isDisjointFrom(fifth as ReadonlySet<ArrayBufferLike>));
});

test('sixteen large bodies at a time use the memory of the sixteen before them', () => {
  const bodies = Array.from({ length: 16 }, () => new BodyBlocks());
  const piece = Buffer.alloc(1024 * 1024);
  const first = memoryOf(bodies.flatMap((body) => store(body, piece)));
  for (const body of bodies) body.giveBack();
  assert.deepEqual(memoryOf(bodies.flatMap((body) => store(body, piece))), first);
  for (const body of bodies) body.giveBack();
});

test('spare blocks that no body used since the last look are freed, and the others stay', () => {
  const [busy, idle] = [new BodyBlocks(), new BodyBlocks()];
  const idleMemory = memoryOf(store(idle, Buffer.alloc(40_000)));
  const busyMemory = memoryOf(store(busy, Buffer.alloc(40_000)));
  idle.giveBack();
  busy.giveBack();
  freeUnusedBlocks();
  assert.deepEqual(memoryOf(store(busy, Buffer.alloc(40_000))), busyMemory);
  busy.giveBack();
  freeUnusedBlocks();
  const all = memoryOf([...store(busy, Buffer.alloc(40_000)), ...store(idle, Buffer.alloc(40_000))]);
  assert.ok(all.isSupersetOf(busyMemory));
  assert.ok(all.isDisjointFrom(idleMemory));
});

test('memory that a socket fills follows the bytes that were stored, and ends with the body', () => {
  const blocks = new BodyBlocks();
  const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
  const parts = [...store(blocks, sent.subarray(0, 40_000))];
  let at = 40_000;
  for (;;) {
    const memory = blocks.lend(sent.length - at);
    if (memory === undefined) break;
    assert.ok(memory.length >= 16_384 && memory.length <= sent.length - at, `${memory.length} bytes`);
    // A read returns as many bytes as there are.
    const bytes = Math.min(memory.length, 1 + (at % 20_000));
    sent.copy(memory, 0, at, at + bytes);
    parts.push(blocks.filled(bytes));
    at += bytes;
  }
  assert.ok(sent.length - at < 16_384);
  parts.push(...store(blocks, sent.subarray(at)));
  assert.deepEqual(Buffer.concat(parts), sent);
});

test('a body of which little has arrived gets no large memory to wait for the rest', () => {
  const blocks = new BodyBlocks();
  store(blocks, Buffer.alloc(32 * 1024 - 1));
  assert.equal(blocks.lend(10_000_000), undefined);
});

test('memory that a socket may still fill serves no other body', () => {
  const [one, other] = [new BodyBlocks(), new BodyBlocks()];
  store(one, Buffer.alloc(40_000));
  const lent = one.lend(1_000_000);
  assert.ok(lent !== undefined);
  one.giveBack();
  const next = memoryOf(store(other, Buffer.alloc(1_000_000)));
  assert.ok(!next.has(lent.buffer));
  // The socket reads elsewhere from now on.
  assert.equal(one.lend(0), undefined);
  one.giveBack();
  assert.ok(memoryOf(store(other, Buffer.alloc(100_000))).has(lent.buffer));
});
