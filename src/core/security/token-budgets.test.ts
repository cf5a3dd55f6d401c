import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MovedClock } from '../../../test/helpers/moved-clock.ts';
import { type KeyLimits, type KeyView, noKeyLimits } from './api-key.ts';
import { TokenBudgets } from './token-budgets.ts';

const keyOf = (limits: Partial<KeyLimits>): KeyView =>
  ({ id: 'k', limits: { ...noKeyLimits, ...limits } }) as KeyView;

test('a key without token limits is never refused and gets no token fields', () => {
  const budgets = new TokenBudgets(new MovedClock(), { today: () => 1e12 });
  const key = keyOf({});
  budgets.settle(key, 1e9);
  assert.equal(budgets.deny(key), undefined);
  assert.equal(budgets.reading(key), undefined);
});

test('a key is admitted while its balance is positive, and pays back what it overdrew', async () => {
  const clock = new MovedClock();
  const budgets = new TokenBudgets(clock, { today: () => 0 });
  const key = keyOf({ tokensPerMinute: 600 });
  assert.equal(budgets.deny(key), undefined);
  budgets.settle(key, 599);
  assert.equal(budgets.deny(key), undefined);
  budgets.settle(key, 101);
  const denial = budgets.deny(key);
  // 100 in debt and one to spare, at ten a second.
  assert.deepEqual([denial?.code, denial?.retryAfterMs], ['TOKENS_LIMITED', 10_100]);
  assert.deepEqual(budgets.reading(key), { limit: 600, remaining: 0, resetMs: 70_000 });
  await clock.move(10_000);
  assert.ok(budgets.deny(key) !== undefined);
  await clock.move(100);
  assert.equal(budgets.deny(key), undefined);
});

test('the balance never grows past one minute', async () => {
  const clock = new MovedClock();
  const budgets = new TokenBudgets(clock, { today: () => 0 });
  const key = keyOf({ tokensPerMinute: 60 });
  budgets.settle(key, 10);
  await clock.move(3_600_000);
  assert.equal(budgets.reading(key)?.remaining, 60);
});

test('the tokens of a day are those of the ledger, and come back at midnight UTC', () => {
  let today = 999;
  const clock = new MovedClock(Date.UTC(2026, 0, 1, 23, 59, 0));
  const budgets = new TokenBudgets(clock, { today: () => today });
  const key = keyOf({ tokensPerDay: 1000 });
  assert.equal(budgets.deny(key), undefined);
  today = 1000;
  const denial = budgets.deny(key);
  assert.deepEqual([denial?.params.span, denial?.retryAfterMs], ['day', 60_000]);
});

test('over any time a key gets no more than its rate, one minute ahead and one request over', async () => {
  const steps = fc.array(fc.record({ waitMs: fc.nat(20_000), tokens: fc.nat(500) }), {
    minLength: 20,
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 1000 }), async (list, perMinute) => {
      const clock = new MovedClock();
      const budgets = new TokenBudgets(clock, { today: () => 0 });
      const key = keyOf({ tokensPerMinute: perMinute });
      let used = 0;
      let largest = 0;
      for (const { waitMs, tokens } of list) {
        await clock.move(waitMs);
        if (budgets.deny(key) !== undefined) continue;
        budgets.settle(key, tokens);
        used += tokens;
        largest = Math.max(largest, tokens);
        const allowed = perMinute + (clock.monotonicMs() * perMinute) / 60_000 + largest;
        assert.ok(used <= allowed + 1e-6, `${used} of ${allowed}`);
      }
    }),
    { numRuns: 100 },
  );
});
