import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LimitsMachine, type LimitsProcess } from '../../../test/helpers/limits-processes.ts';
import { keyWith } from '../../../test/helpers/limits-requests.ts';

function machine(t: TestContext, slots?: number, maxQueued?: number): LimitsMachine {
  const made = new LimitsMachine(slots, maxQueued);
  t.after(() => made.close());
  return made;
}

const bucket = { bucket: 'a', perMinute: 1, burst: 3 };
const take = async (process: LimitsProcess): Promise<boolean> =>
  (await process.limits.ports.rates.take([bucket], process.local.admission.queued)).granted;

test('a rate goes on over a hand-over, and both processes take from it', async (t) => {
  const here = machine(t);
  const old = here.start();
  assert.ok(await take(old));
  const next = here.restart(old);
  assert.ok(await take(next));
  assert.ok(await take(old));
  assert.deepEqual([await take(next), await take(old)], [false, false]);
});

test('a request in progress in the draining process counts in the newest one until it ends', async (t) => {
  const here = machine(t);
  const old = here.start();
  assert.ok(await old.take(1));
  const next = here.restart(old);
  assert.equal(await next.take(1), false);
  assert.equal(await old.take(1), false);
  old.give('a');
  // The newest process asks the draining one before it refuses.
  assert.ok(await next.take(1));
  next.give('a');
  assert.ok(await old.take(1));
});

test('a request that ends before the draining process has connected makes room at once', async (t) => {
  const here = machine(t);
  const old = here.start();
  assert.ok(await old.take(1));
  const next = here.start();
  next.limits.take(old.limits.begin(), 0);
  old.give('a');
  const taken = next.take(1);
  old.limits.commit({ controlPath: next.name, nonce: '' });
  assert.ok(await taken);
});

test('a slot that the draining process holds is free for the newest one when it is released', async (t) => {
  const here = machine(t);
  const old = here.start();
  const lease = await old.lease('a');
  const next = here.restart(old);
  const waiting = next.enter('b');
  assert.equal(next.directory.inFlight('e'), 1);
  lease.release('done');
  assert.equal((await waiting.outcome).kind, 'lease');
  assert.equal(next.directory.inFlight('e'), 1);
  assert.equal(old.directory.inFlight('e'), 0);
});

test('requests that wait at the hand-over keep their place', async (t) => {
  const here = machine(t);
  const old = here.start();
  const running = await old.lease('a');
  const order: string[] = [];
  const wait = async (process: LimitsProcess, family: string, name: string): Promise<void> => {
    const lease = await process.lease(family);
    order.push(name);
    lease.release('done');
  };
  const all = [wait(old, 'a', 'a1'), wait(old, 'b', 'b1'), wait(old, 'a', 'a2')];
  const next = here.restart(old);
  all.push(wait(next, 'c', 'c1'), wait(next, 'b', 'b2'), wait(old, 'c', 'c2'));
  running.release('done');
  await Promise.all(all);
  // The least recently served key is first; within a key in order of arrival.
  assert.deepEqual(order, ['b1', 'c1', 'a1', 'b2', 'c2', 'a2']);
});

test('a request that leaves the queue of the newest process takes no slot', async (t) => {
  const here = machine(t);
  const old = here.start();
  const running = await old.lease('a');
  const waiting = old.enter('b');
  const next = here.restart(old);
  waiting.ticket?.leave();
  const last = next.enter('c');
  running.release('done');
  const lease = await last.outcome;
  assert.equal(lease.kind, 'lease');
});

test('where the next process does not become ready, what waited is decided here', async (t) => {
  const here = machine(t);
  const old = here.start();
  const running = await old.lease('a');
  const waiting = old.enter('b');
  old.limits.begin();
  const entered = old.enter('c');
  const rate = take(old);
  running.release('done');
  old.limits.cancel();
  assert.ok(await rate);
  const lease = await waiting.outcome;
  assert.ok(lease.kind === 'lease');
  lease.release('done');
  assert.equal((await entered.outcome).kind, 'lease');
  assert.equal(old.limits.handedOver, false);
});

test('with a further hand-over a draining process asks the newest one', async (t) => {
  const here = machine(t);
  const first = here.start();
  assert.ok(await first.take(2));
  const lease = await first.lease('a');
  const second = here.restart(first);
  assert.ok(await second.take(2));
  const third = here.restart(second);
  assert.equal(await third.take(2), false);
  assert.equal(await first.take(2), false);
  const waiting = third.enter('b');
  here.kill(second);
  lease.release('done');
  assert.equal((await waiting.outcome).kind, 'lease');
  first.give('a');
  assert.ok(await third.take(2));
});

test('what a draining process held is free soon after it died', async (t) => {
  const here = machine(t);
  const old = here.start();
  await old.lease('a');
  const next = here.restart(old);
  // Connected by then.
  assert.equal(await old.take(1), true);
  const waiting = next.enter('b');
  here.kill(old);
  next.breakLinks();
  assert.equal((await waiting.outcome).kind, 'lease');
  assert.equal(next.limits.draining, 0);
});

test('where the newest process dies, the draining one goes on by itself', async (t) => {
  const here = machine(t);
  const old = here.start();
  const lease = await old.lease('a');
  const next = here.restart(old);
  assert.ok(await old.take(1));
  here.kill(next);
  const waiting = old.enter('b');
  const rate = take(old);
  const taken = old.take(1);
  assert.ok(await rate);
  assert.equal(await taken, false);
  lease.release('done');
  assert.equal((await waiting.outcome).kind, 'lease');
});

test('a broken link between living processes loses nothing and counts nothing twice', async (t) => {
  const here = machine(t);
  const old = here.start();
  const next = here.restart(old);
  assert.ok(await old.take(3));
  next.breakLinks();
  assert.ok(await old.take(3));
  next.breakLinks();
  const third = old.take(3);
  next.breakLinks();
  assert.ok(await third);
  assert.equal(await next.take(3), false);
  assert.equal(next.local.concurrency.of('a').requests, 3);
});

test('tokens that a draining process charges count in the newest one', async (t) => {
  const here = machine(t);
  const old = here.start();
  const key = keyWith({ tokensPerMinute: 10 });
  const next = here.restart(old);
  assert.equal((await next.limits.ports.tokens.check(key)).denial, undefined);
  old.limits.ports.tokens.settle(key, 1_000);
  assert.equal((await old.limits.ports.tokens.check(key)).denial?.code, 'TOKENS_LIMITED');
  assert.equal((await next.limits.ports.tokens.check(key)).denial?.code, 'TOKENS_LIMITED');
});

test('the newest process knows the tokens of a request once it knows its end', async (t) => {
  const here = machine(t);
  const old = here.start();
  const key = keyWith({ tokensPerMinute: 10, tokensPerDay: 10 });
  assert.ok(await old.take(1));
  const next = here.restart(old);
  // As the gateway does it at the end of a request.
  old.limits.ports.tokens.settle(key, 1_000);
  old.limits.tellUsed({ writer: 'old', sequence: 1, day: 1, family: 'a', tokens: 1_000 });
  old.give('a');
  const holding = next.local.concurrency.of('a');
  while (holding.requests > 0) {
    // At every moment before, the newest process asks the draining one.
    assert.equal((await next.limits.ports.tokens.check(key)).denial?.code, 'TOKENS_LIMITED');
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await next.limits.ports.tokens.check(key)).denial?.code, 'TOKENS_LIMITED');
  assert.deepEqual(
    next.used.map(({ tokens }) => tokens),
    [1_000],
  );
});
