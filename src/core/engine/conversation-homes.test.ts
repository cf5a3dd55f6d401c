import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConversationHomes } from './conversation-homes.ts';

test('the last ten thousand conversations are remembered, and no more than twice as many', () => {
  const homes = new ConversationHomes();
  const knows = (id: number): boolean => homes.homeOf(0, { id }).engine !== undefined;
  for (let id = 1; id <= 50_000; id++) homes.homeOf(0, { id }).moveTo('a');
  const known = Array.from({ length: 50_000 }, (_, i) => i + 1).filter(knows);
  assert(known.length >= 10_000 && known.length <= 20_000, String(known.length));
  assert(known.at(-1) === 50_000 && known[0] === 50_001 - known.length);
});

test('a conversation that goes on is not forgotten, however many others begin', () => {
  const homes = new ConversationHomes();
  homes.homeOf(0, { id: 1 }).moveTo('a');
  for (let id = 2; id <= 100_000; id++) {
    homes.homeOf(0, { id }).moveTo('b');
    if (id % 9_000 === 0) {
      const home = homes.homeOf(0, { id: 1 });
      assert.equal(home.engine, 'a');
      home.moveTo('a');
    }
  }
});
