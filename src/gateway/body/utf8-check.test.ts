import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import { Utf8Check } from './utf8-check.ts';

/** Whether all pieces were taken; a body that ends within a character is the caller's to refuse. */
function takes(pieces: readonly Buffer[]): boolean {
  const check = new Utf8Check();
  return pieces.every((piece) => check.take(piece, 0, piece.length));
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...cuts.map((c) => c % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b);
  return at.slice(1).map((to, i) => bytes.subarray(at[i], to));
}

const cuts = fc.array(fc.nat(), { maxLength: 6 });

test('text passes, wherever it is cut', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), cuts, (text, where) => {
      assert.ok(takes(cut(Buffer.from(text), where)));
    }),
    { numRuns: 750 * moreRuns },
  );
});

test('what is not UTF-8 is refused, wherever it is cut', () => {
  const odd = fc.constantFrom(
    0xff,
    0xfe,
    0xc0,
    0xc1,
    0xed,
    0xa0,
    0x80,
    0xbf,
    0xe0,
    0xf0,
    0xf4,
    0xf5,
    0x90,
    0x61,
    0xc3,
  );
  fc.assert(
    fc.property(fc.array(odd, { maxLength: 8 }), cuts, (list, where) => {
      // With an ASCII character at the end nothing is left open.
      const bytes = Buffer.from([...list, 0x7a]);
      assert.equal(takes(cut(bytes, where)), isUtf8(bytes));
    }),
    { numRuns: 1_250 * moreRuns },
  );
});

test('only the range that is named is read', () => {
  const bytes = Buffer.from([0xff, 0x61, 0xff]);
  assert.equal(new Utf8Check().take(bytes, 1, 2), true);
  assert.equal(new Utf8Check().take(bytes, 0, 2), false);
});

test('it goes on behind a character that was split', () => {
  const check = new Utf8Check();
  assert.equal(check.take(Buffer.from([0x61, 0xf0, 0x9f]), 0, 3), true);
  assert.equal(check.take(Buffer.from([0x98]), 0, 1), true);
  assert.equal(check.take(Buffer.from([0x80, 0xc3]), 0, 2), true);
  assert.equal(check.take(Buffer.from([0x61]), 0, 1), false);
});
