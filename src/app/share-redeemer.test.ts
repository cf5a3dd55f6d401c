import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../core/errors.ts';
import { freshShare, type RedemptionOrder, type RedemptionResult } from '../core/security/share.ts';
import { secretTools as secrets } from './machine.ts';
import { makeShareRedeemer } from './share-redeemer.ts';

function opened(answer: (order: RedemptionOrder) => Promise<RedemptionResult>) {
  const orders: RedemptionOrder[] = [];
  const problems: string[] = [];
  const redeemer = makeShareRedeemer({
    store: {
      redeemShare(order) {
        orders.push(order);
        return answer(order);
      },
    },
    secrets,
    clock: { nowMs: () => 1_000 },
    proxyId: 'px_a',
    localAuthority: true,
    onProblem: (problem) => problems.push(problem),
  });
  return { redeemer, orders, problems };
}

test('guesses without a checksum never reach the store, and few redemptions run at a time', async () => {
  const waiting: (() => void)[] = [];
  const { redeemer, orders } = opened(
    () => new Promise((resolve) => waiting.push(() => resolve({ outcome: 'unknown' }))),
  );
  for (const guess of ['', 'guess', 'a'.repeat(28)])
    assert.deepEqual(await redeemer.redeem(guess, '192.0.2.7'), { outcome: 'unknown' });
  assert.equal(orders.length, 0);
  const tries = Array.from({ length: 6 }, () => redeemer.redeem(freshShare(secrets).token, '192.0.2.7'));
  assert.deepEqual(await Promise.all(tries.slice(4)), [
    { outcome: 'unavailable' },
    { outcome: 'unavailable' },
  ]);
  assert.equal(orders.length, 4);
  for (const answer of waiting) answer();
  assert.deepEqual((await Promise.all(tries)).filter(({ outcome }) => outcome === 'unknown').length, 4);
  const next = redeemer.redeem(freshShare(secrets).token, '192.0.2.7');
  waiting.at(-1)?.();
  assert.deepEqual(await next, { outcome: 'unknown' });
});

test('the store gets digests only, and the secret of the key goes to the client only', async () => {
  const { token, digest } = freshShare(secrets);
  const { redeemer, orders } = opened(async (order) => ({
    outcome: 'made',
    shareId: 'sh_a',
    keyId: order.fresh.id,
    label: 'anna',
    expiresAtMs: null,
  }));
  const made = await redeemer.redeem(token, '192.0.2.7');
  assert.ok(made.outcome === 'made' && made.localAuthority);
  const [order] = orders;
  assert.equal(order?.digest, digest);
  assert.equal(order?.fresh.digest, secrets.sha256Hex(made.key));
  assert.ok(![token, made.key].some((secret) => JSON.stringify(orders).includes(secret)));
});

test('a store that cannot write keeps the share, says why in the log, and shows the client no reason', async () => {
  const { redeemer, problems } = opened(() =>
    Promise.reject(new StoreError('STORE_READ_ONLY', { params: { file: '/home/me/flm.db', reason: 'x' } })),
  );
  assert.deepEqual(await redeemer.redeem(freshShare(secrets).token, '192.0.2.7'), {
    outcome: 'unavailable',
  });
  assert.match(problems.join(), /flm\.db/);
});
