/**
 * What every limiter promises, wherever it counts: request rates, requests in progress, and slots of engines. Runs over
 * the local adapters and over ones on another machine.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Candidate, candidatesOf } from '../../src/core/engine/directory.ts';
import type { Admission, AdmissionDenial, Lease, QueueTicket } from '../../src/core/security/admission.ts';
import type { KeyView } from '../../src/core/security/api-key.ts';
import { type ConcurrencyLimiter, KeyHolding } from '../../src/core/security/key-holdings.ts';
import type { BucketAsk, RateLimiter } from '../../src/core/security/rate-limiter.ts';

const ask = (perMinute: number, burst: number, bucket = 'b'): BucketAsk => ({ bucket, perMinute, burst });

export function rateLimiterContract(name: string, open: () => RateLimiter): void {
  describe(name, () => {
    test('requests that come together get no more than the burst', async () => {
      const limiter = open();
      const verdicts = await Promise.all(
        Array.from({ length: 9 }, async () => limiter.take([ask(60, 3)], 0)),
      );
      assert.equal(verdicts.filter((verdict) => verdict.granted).length, 3);
    });

    test('all buckets pay, or none', async () => {
      const limiter = open();
      assert.ok((await limiter.take([ask(60, 1, 'one')], 0)).granted);
      for (let i = 0; i < 3; i++)
        assert.ok(!(await limiter.take([ask(60, 2, 'two'), ask(60, 1, 'one')], 0)).granted);
      assert.equal((await limiter.reading(ask(60, 2, 'two'), 0)).remaining, 2);
    });

    test('a refusal says when it would grant, and then it does', async () => {
      const limiter = open();
      await limiter.take([ask(7, 1)], 0);
      const verdict = await limiter.take([ask(7, 1)], 100);
      assert.ok(!verdict.granted);
      assert.ok(!(await limiter.take([ask(7, 1)], 99 + verdict.retryAfterMs)).granted);
      assert.ok((await limiter.take([ask(7, 1)], 100 + verdict.retryAfterMs)).granted);
    });

    test('a reading takes nothing', async () => {
      const limiter = open();
      await limiter.take([ask(60, 3)], 0);
      for (let i = 0; i < 3; i++)
        assert.deepEqual(await limiter.reading(ask(60, 3), 0), { remaining: 2, resetMs: 1_000 });
    });
  });
}

/** What a limiter of requests in progress reads of a key. */
const keyWith = (concurrency: number | null): KeyView => ({ id: 'k', limits: { concurrency } }) as KeyView;

export function concurrencyContract(name: string, open: () => ConcurrencyLimiter): void {
  describe(name, () => {
    test('requests that come together get no more than the limit, and each that ends makes room for one', async () => {
      const limiter = open();
      const holding = new KeyHolding('family');
      const take = async () => limiter.takeRequest(keyWith(2), holding);
      const denials = await Promise.all([take(), take(), take(), take()]);
      assert.equal(denials.filter((denial) => denial === undefined).length, 2);
      assert.ok(denials.every((d) => d === undefined || d.code === 'CONCURRENCY_LIMITED'));
      limiter.giveBackRequest(holding);
      assert.equal(await take(), undefined);
      assert.equal((await take())?.code, 'CONCURRENCY_LIMITED');
    });

    test('families of keys do not share a limit, and a key without a limit is never refused', async () => {
      const limiter = open();
      assert.equal(await limiter.takeRequest(keyWith(1), new KeyHolding('one')), undefined);
      assert.equal(await limiter.takeRequest(keyWith(1), new KeyHolding('other')), undefined);
      for (let i = 0; i < 20; i++)
        assert.equal(await limiter.takeRequest(keyWith(null), new KeyHolding('free')), undefined);
    });
  });
}

export interface OpenedAdmission {
  readonly admission: Admission;
  readonly candidates: readonly Candidate[];
  readonly running: () => number;
  readonly close: () => void;
}

/** `open` gives one engine with that many slots, and a queue that holds `maxQueued` requests. */
export function admissionContract(
  name: string,
  open: (slots: number, maxQueued: number) => OpenedAdmission,
): void {
  /** Enters, and resolves with what became of it. */
  const enter = ({ admission, candidates }: OpenedAdmission, family: string) => {
    const { promise, resolve } = Promise.withResolvers<Lease | AdmissionDenial>();
    const key = { id: family, familyId: family } as KeyView;
    const entered = admission.enter({ key, candidates: candidatesOf(candidates), generates: true }, resolve);
    if (entered.kind !== 'waiting') resolve(entered);
    return { outcome: promise, ticket: entered.kind === 'waiting' ? entered : undefined };
  };
  const leaseOf = async (outcome: Promise<Lease | AdmissionDenial>): Promise<Lease> => {
    const settled = await outcome;
    assert.ok(settled.kind === 'lease');
    return settled;
  };

  describe(name, () => {
    test('each slot is leased once, and the next request gets it when it is released', async () => {
      const opened = open(1, 8);
      const first = await leaseOf(enter(opened, 'a').outcome);
      const second = enter(opened, 'b');
      assert.equal(opened.running(), 1);
      first.release('done');
      const lease = await leaseOf(second.outcome);
      assert.equal(opened.running(), 1);
      lease.release('done');
      assert.equal(opened.running(), 0);
      assert.throws(() => lease.release('done'), /exactly once/);
      opened.close();
    });

    test('a request that leaves the queue takes no slot', async () => {
      const opened = open(1, 8);
      const first = await leaseOf(enter(opened, 'a').outcome);
      const left = enter(opened, 'b');
      const ticket = left.ticket as QueueTicket;
      ticket.leave();
      const third = enter(opened, 'c');
      first.release('done');
      (await leaseOf(third.outcome)).release('done');
      assert.equal(opened.running(), 0);
      ticket.leave();
      opened.close();
    });

    test('a full queue refuses', async () => {
      const opened = open(1, 0);
      const first = await leaseOf(enter(opened, 'a').outcome);
      const refused = await enter(opened, 'b').outcome;
      assert.ok(refused.kind === 'denied' && refused.code === 'QUEUE_FULL');
      first.release('done');
      opened.close();
    });
  });
}
