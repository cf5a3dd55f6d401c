import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { oneLine } from './one-line.ts';

/** Where Python's `splitlines` ends a line, and C1, which steers terminals. */
const breaking = /[\n\r\v\f\x1c-\x1e\x7f-\x9f\u2028\u2029]/;

test('any JSON stays the same value, on one line for every reader', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const json = JSON.stringify(value);
      const line = oneLine(json);
      assert.deepEqual(JSON.parse(line), JSON.parse(json));
      assert.doesNotMatch(line, breaking);
    }),
  );
  const odd = JSON.stringify({ '\u2028': '\u2029\u0085\u009b\u007f é😀' });
  assert.equal(oneLine(odd), '{"\\u2028":"\\u2029\\u0085\\u009b\\u007f é😀"}');
});

test('what breaks nothing is not touched', () => {
  const json = '{"a":"é😀\\n"}';
  assert.equal(oneLine(json), json);
});
