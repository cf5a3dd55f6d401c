import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import { fromStored, fromStoredList, toStored } from './stored-text.ts';

const anyText = fc.string({ unit: fc.constantFrom('\u0000', '\u001a', '0', 'a', 'ü', '\ud83d\ude00') });

test('any text comes back from its stored form, which has no zero character', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.equal(fromStored(toStored(text)), text);
      assert.ok(!toStored(text).includes('\u0000'));
    }),
    { numRuns: 300 * moreRuns },
  );
});

test('texts of a JSON list come back, also where one looks like an escape', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(anyText, fc.constantFrom('\\u001a0', '\\\\u001a'))), (texts) => {
      assert.deepEqual(JSON.parse(fromStoredList(JSON.stringify(texts.map(toStored)))), texts);
    }),
    { numRuns: 300 * moreRuns },
  );
});

test('two texts never have one stored form', () => {
  fc.assert(
    fc.property(anyText, anyText, (one, other) => {
      assert.equal(toStored(one) === toStored(other), one === other);
    }),
    { numRuns: 300 * moreRuns },
  );
});
