import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ForeignTokens } from './foreign-tokens.ts';

test('a key may be seen with ten different tokens, however often each of them comes', () => {
  const foreign = new ForeignTokens();
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < 10; i++) assert.equal(foreign.tooMany('key', `token ${i}`, round), false);
  assert.equal(foreign.tooMany('key', 'token 10', 3), true);
  assert.equal(foreign.tooMany('key', 'token 11', 3), true);
  assert.equal(foreign.tooMany('key', 'token 0', 3), false);
  assert.equal(foreign.tooMany('other', 'token 10', 3), false);
});

test('a token is forgotten a minute after it was seen last', () => {
  const foreign = new ForeignTokens();
  for (let i = 0; i < 10; i++) foreign.tooMany('key', `token ${i}`, i);
  assert.equal(foreign.tooMany('key', 'new', 59_999), true);
  assert.equal(foreign.tooMany('key', 'new', 60_000), false);
  assert.equal(foreign.tooMany('key', 'newer', 60_000), true);
});

test('of many keys the one that was quiet longest is forgotten', () => {
  const foreign = new ForeignTokens();
  for (let i = 0; i < 10; i++) foreign.tooMany('busy', `token ${i}`, 0);
  for (let i = 0; i < 5_000; i++) {
    foreign.tooMany(`key ${i}`, 'token', 0);
    assert.equal(foreign.tooMany('busy', 'one more', 0), true);
  }
  assert.equal(foreign.size, 1_000);
});
