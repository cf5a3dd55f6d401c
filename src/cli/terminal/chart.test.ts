/** Bars and sparklines, in UTF-8 and in ASCII. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bar, chartMarks, condensed, sparkline } from './chart.ts';

const unicode = chartMarks({ LANG: 'C.UTF-8' });
const ascii = chartMarks({ LC_ALL: 'C', LANG: 'de_DE.UTF-8' });

test('a bar is as long as its share, and a small value is never invisible', () => {
  assert.equal(bar(50, 100, 4, unicode), '██');
  assert.equal(bar(100, 100, 4, unicode), '████');
  assert.equal(bar(45, 100, 10, unicode), '████▌');
  assert.equal(bar(1, 1e6, 4, unicode), '▏');
  assert.equal(bar(0, 100, 4, unicode), '');
  assert.equal(bar(75, 100, 4, ascii), '###');
  assert.equal(bar(0, 0, 4, ascii), '');
});

test('a sparkline has one cell for each value', () => {
  assert.equal(sparkline([0, 1, 50, 100], 100, unicode), ' ▁▅█');
  assert.equal(sparkline([0, 1, 50, 100], 100, ascii), ' .=#');
  assert.equal(sparkline([0, 0], 0, unicode), '  ');
});

test('many values are added up with their neighbours until they fit', () => {
  assert.deepEqual(condensed([1, 2, 3, 4, 5], 3), [3, 7, 5]);
  assert.deepEqual(condensed([1, 2], 10), [1, 2]);
  assert.deepEqual(condensed([], 10), []);
});

test('a terminal without a locale gets UTF-8, and one with another character set gets ASCII', () => {
  assert.equal(chartMarks({}), unicode);
  assert.equal(chartMarks({ LC_ALL: '', LANG: 'ja_JP.utf8' }), unicode);
  assert.equal(chartMarks({ LC_CTYPE: 'ja_JP.eucJP' }), ascii);
});
