import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginThrottle } from './login-throttle.ts';

test('twenty failures in a row are free, then ten a minute', () => {
  const throttle = new LoginThrottle();
  for (let i = 0; i < 20; i++) assert.equal(throttle.failed('a', 0), 0);
  assert.equal(throttle.failed('a', 0), 6_000);
  assert.equal(throttle.failed('a', 5_000), 1_000);
  assert.equal(throttle.failed('a', 6_000), 0);
  assert.equal(throttle.failed('a', 6_000), 6_000);
});

test('another address is not held up', () => {
  const throttle = new LoginThrottle();
  for (let i = 0; i < 30; i++) throttle.failed('a', 0);
  assert.equal(throttle.failed('b', 0), 0);
});

test('when too many addresses fail they share one bucket, and no longer than that lasts', () => {
  const throttle = new LoginThrottle();
  for (let i = 0; i < 60_000; i++) throttle.failed(`a${i}`, i / 100);
  let held = 0;
  for (let i = 0; i < 30; i++) if (throttle.failed(`new${i}`, 601) > 0) held += 1;
  assert.equal(held, 30, 'those that come now are held up');
  // A minute later the others are forgotten.
  for (let i = 0; i < 30; i++) assert.equal(throttle.failed(`later${i}`, 60_000), 0);
});
