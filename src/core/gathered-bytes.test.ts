import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertLinear } from '../../test/helpers/count-steps.ts';
import { GatheredBytes, gatherText } from './gathered-bytes.ts';

const maxBytes = 4 * 1024 * 1024;

test('what arrives in parts of any size is one text', async () => {
  const all = Buffer.from('a b c ä 😀 '.repeat(1_000));
  for (const size of [1, 3, 1_000, all.length]) {
    const parts = Array.from({ length: Math.ceil(all.length / size) }, (_, i) =>
      all.subarray(i * size, (i + 1) * size),
    );
    const text = await gatherText(
      (async function* () {
        yield* parts;
      })(),
      maxBytes,
    );
    assert.equal(text, all.toString());
  }
});

test('4 MB in parts of one byte take a few times 4 MB, and each byte is copied a few times', () => {
  const gathered = new GatheredBytes(maxBytes);
  const one = Buffer.from('x');
  const before = memory();
  for (let i = 0; i < maxBytes; i++) gathered.add(one);
  assert.ok(memory() - before <= 3 * maxBytes, `${memory() - before} bytes`);
  assert.equal(gathered.length, maxBytes);
  assertLinear(
    'parts of one byte',
    (size) => () => {
      const bytes = new GatheredBytes(size);
      for (let i = 0; i < size; i++) bytes.add(one);
    },
    { sizes: [10_000, 200_000], fixed: 5_000, perUnit: 12 },
  );
});

test('above the limit nothing is kept', () => {
  const gathered = new GatheredBytes(10);
  assert.equal(gathered.add(Buffer.from('0123456789')), true);
  assert.equal(gathered.add(Buffer.from('x')), false);
  assert.equal(gathered.tooLong, true);
  assert.equal(gathered.bytes().length, 0);
  assert.equal(gathered.add(Buffer.from('x')), false);
});

/** Of buffers, which is where parts would lie. */
function memory(): number {
  return process.memoryUsage().arrayBuffers;
}
