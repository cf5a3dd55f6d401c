import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coloursOf } from './series-colours.ts';

test('a name keeps its colour, and names of one chart have different colours', () => {
  const [first] = coloursOf(['a', 'b', 'c']);
  assert.deepEqual(coloursOf(['c', 'a']).at(1), first);
  const colours = coloursOf(['x', 'a', 'b', 'y', 'c']);
  assert.equal(new Set(colours).size, 5);
  assert.equal(colours[1], first);
});

test('more names than colours have colours too', () => {
  const colours = coloursOf(Array.from({ length: 20 }, (_, i) => `many ${i}`));
  assert(colours.every((colour) => colour >= 1 && colour <= 8));
});
