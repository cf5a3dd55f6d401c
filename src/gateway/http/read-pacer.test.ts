import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ReadPacer } from './read-pacer.ts';

const chunk = Buffer.alloc(64 * 1024);

/** A source that always has more, as a socket has whose client sends faster than it is read. */
function source(chunks: number): Readable {
  let left = chunks;
  return new Readable({
    read() {
      this.push(left-- > 0 ? chunk : null);
    },
  });
}

test('of a source that always has more only so much is read in one turn, and in the end all of it', async () => {
  const readable = source(100);
  const turns = new ReadPacer(readable, () => true);
  let inTurn = 0;
  let most = 0;
  let total = 0;
  readable.on('data', (bytes: Buffer) => {
    inTurn += bytes.length;
    total += bytes.length;
    most = Math.max(most, inTurn);
    turns.took(bytes.length);
  });
  let over = false;
  const turn = (): void => {
    inTurn = 0;
    if (!over) setImmediate(turn);
  };
  turn();
  await once(readable, 'end');
  over = true;
  assert.equal(total, 100 * chunk.length);
  assert.ok(most <= 4 * chunk.length, `${most} bytes in one turn`);
});

test('a source that is not read any more in its next turn stays paused', async () => {
  const readable = source(100);
  const turns = new ReadPacer(readable, () => false);
  let total = 0;
  readable.on('data', (bytes: Buffer) => {
    total += bytes.length;
    turns.took(bytes.length);
  });
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(total, 2 * chunk.length);
  assert.equal(readable.isPaused(), true);
});
