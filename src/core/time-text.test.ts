import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dayOf, momentOf, spanOf } from './time-text.ts';

test('a span is a number with a unit, and nothing else', () => {
  assert.deepEqual(
    ['30s', '5m', '12h', '90d', '2w', '0s'].map(spanOf),
    [30_000, 300_000, 43_200_000, 7_776_000_000, 1_209_600_000, 0],
  );
  for (const text of ['', '5', 'h', '-5m', '1.5h', '5 m', '5M', '1h30m', '9999999d']) {
    assert.equal(spanOf(text), undefined, text);
  }
});

test('a moment is a span from now, a day, or a time', () => {
  assert.equal(momentOf('1h', 1_000), 3_601_000);
  assert.equal(momentOf('2027-01-31', 0), Date.UTC(2027, 0, 31));
  assert.equal(momentOf('2027-01-31T12:00', 0), new Date(2027, 0, 31, 12).getTime());
  assert.equal(momentOf('2027-01-31T12:00Z', 0), Date.UTC(2027, 0, 31, 12));
  assert.equal(momentOf('2027-01-31T12:00:30+02:00', 0), Date.UTC(2027, 0, 31, 10, 0, 30));
  for (const text of [
    'soon',
    '2027',
    '2027-1-1',
    '2027-13-01',
    '2027-02-30',

    '31.1.2027',
  ]) {
    assert.equal(momentOf(text, 0), undefined, text);
  }
});

test('a day is one that the calendar has', () => {
  assert.equal(dayOf('2028-02-29'), '2028-02-29');
  for (const text of ['2027-02-29', '2027-00-01', '2027-1-1', 'today', ''])
    assert.equal(dayOf(text), undefined, text);
});
