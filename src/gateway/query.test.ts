import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { passingQuery } from './query.ts';

test('only names of the list pass, in their order, as often as they come', () => {
  assert.equal(passingQuery('b=2&x=9&a=1&b=3', ['a', 'b']), '?b=2&a=1&b=3');
  assert.equal(passingQuery('x=9', ['a']), '');
  assert.equal(passingQuery('', ['a']), '');
  assert.equal(passingQuery('a=1', []), '');
});

test('a name is a name after unescaping, and in its case', () => {
  assert.equal(passingQuery('%61=1&A=2', ['a']), '?a=1');
  assert.equal(
    passingQuery('include[]=x&include%5B%5D=y', ['include[]']),
    '?include%5B%5D=x&include%5B%5D=y',
  );
});

test('what a value holds cannot become another name', () => {
  assert.equal(passingQuery('a=1%26key%3Dstolen', ['a']), '?a=1%26key%3Dstolen');
  assert.equal(passingQuery('a=%0d%0aX:%20y', ['a']), '?a=%0D%0AX%3A+y');
});

test('whatever the query, what passes is safe on a request line and holds no other name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (query) => {
      const passed = passingQuery(query, ['a', 'b']);
      assert.match(passed, /^(?:\?[\x21\x24-\x7e]+)?$/);
      for (const name of new URLSearchParams(passed).keys()) assert.ok(name === 'a' || name === 'b');
    }),
    { numRuns: 500, interruptAfterTimeLimit: 2_000 },
  );
  assert.equal(passingQuery('a', ['a']), '?a=');
});
