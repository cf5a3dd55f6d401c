import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanUntil, longestSearch } from './special-bytes.ts';

const isSpecial = (byte: number): boolean => byte < 0x20 || byte === 0x22 || byte === 0x5c;
const sizes = [0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 127, 128, 129, 1_000, longestSearch];

test('of every byte it is known whether text of a string may hold it, wherever it stands', () => {
  const text = Buffer.alloc(longestSearch, 'a');
  for (let byte = 0; byte < 256; byte++) {
    for (const at of [0, 1, 14, 15, 16, 17, 63, 64, 1_023, longestSearch - 17, longestSearch - 1]) {
      text[at] = byte;
      const clean = cleanUntil(text, 0, text.length);
      if (isSpecial(byte)) assert.ok(clean <= at && clean > at - 16, `byte ${byte} at ${at}: ${clean}`);
      else assert.equal(clean, text.length, `byte ${byte} at ${at}`);
      text[at] = 0x61;
    }
  }
});

test('a search begins and ends with its text', () => {
  for (const size of sizes) {
    const text = Buffer.from(`"${'a'.repeat(size)}"`);
    const clean = cleanUntil(text, 1, 1 + size);
    assert.ok(clean >= 1 && clean <= 1 + size && clean > 1 + size - 16, `${size} bytes: ${clean}`);
    assert.equal(cleanUntil(text, 0, 1 + size), 0);
  }
});
