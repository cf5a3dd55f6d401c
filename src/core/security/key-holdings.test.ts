import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import { type KeyView, noKeyLimits } from './api-key.ts';
import { type ExhaustedCode, type KeyHolding, KeyHoldings, type UnfinishedBody } from './key-holdings.ts';

function streams(holdings: KeyHoldings, family: string, most = Number.POSITIVE_INFINITY): number {
  let taken = 0;
  while (taken < most && holdings.takeStream(holdings.of(family)) === undefined) taken += 1;
  return taken;
}

/** A body as the gateway has one: its request holds a stream, and everything is given back when it is given up. */
class TestBody implements UnfinishedBody {
  older: UnfinishedBody | undefined;
  newer: UnfinishedBody | undefined;
  readonly holding: KeyHolding;
  readonly #holdings: KeyHoldings;
  bytes = 0;
  reading = true;
  over = false;
  gaveUp: ExhaustedCode | undefined;

  private constructor(holdings: KeyHoldings, holding: KeyHolding) {
    this.#holdings = holdings;
    this.holding = holding;
  }

  /** Undefined where there is no stream for it. */
  static begin(holdings: KeyHoldings, family: string): TestBody | undefined {
    const holding = holdings.of(family);
    if (holdings.takeStream(holding) !== undefined) return undefined;
    const body = new TestBody(holdings, holding);
    holdings.beginBody(holding, body);
    return body;
  }

  /** False where it was given up. */
  take(bytes: number): boolean {
    if (!this.#holdings.takeBytes(this.holding, this, bytes)) this.giveUp('BODIES_EXHAUSTED');
    else this.bytes += bytes;
    return !this.over;
  }

  /** In pieces, as bodies come. */
  fill(bytes: number, piece = 10): boolean {
    for (let left = bytes; left > 0; left -= piece) if (!this.take(Math.min(left, piece))) return false;
    return true;
  }

  giveUp(code: ExhaustedCode): void {
    this.gaveUp = code;
    this.end();
    this.leave();
  }

  end(): void {
    if (this.reading) this.#holdings.endBody(this.holding, this);
    this.reading = false;
  }

  /** The answer is over. */
  leave(): void {
    this.end();
    if (this.over) return;
    this.over = true;
    this.#holdings.giveBackBytes(this.holding, this.bytes);
    this.#holdings.giveBackStream(this.holding);
  }
}

function begin(holdings: KeyHoldings, family: string): TestBody {
  const body = TestBody.begin(holdings, family);
  assert.ok(body !== undefined);
  return body;
}

describe('streams', () => {
  const make = (maxStreams: number) => new KeyHoldings({ maxStreams, maxBufferedBytes: 1, maxBodyBytes: 1 });

  test('a lone key can use four fifths', () => {
    for (const [max, most] of [
      [10, 8],
      [20, 16],
      [2048, 1638],
    ] as const)
      assert.equal(streams(make(max), 'a'), most);
  });

  test('one stream is always possible where one is free', () => {
    for (const max of [1, 2, 3, 4]) assert.ok(streams(make(max), 'a') >= 1);
    const holdings = make(100);
    streams(holdings, 'a');
    for (let i = 0; i < 20; i++) assert.equal(streams(holdings, `k${i}`, 1), 1);
    assert.equal(holdings.takeStream(holdings.of('late'))?.code, 'STREAMS_EXHAUSTED');
  });

  test('each greedy key that comes later finds what it may share', () => {
    const holdings = make(1000);
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e'].map((family) => streams(holdings, family)),
      [800, 160, 32, 6, 1],
    );
  });

  test('what is given back can be taken by others', () => {
    const holdings = make(10);
    streams(holdings, 'a');
    for (let i = 0; i < 5; i++) holdings.giveBackStream(holdings.of('a'));
    assert.equal(streams(holdings, 'b'), 5);
    assert.throws(() => holdings.giveBackStream(holdings.of('c')), /once/);
  });

  test('where none is free, a key without any gets that of the newest unfinished body of who has most', () => {
    const holdings = new KeyHoldings({ maxStreams: 4, maxBufferedBytes: 1000, maxBodyBytes: 100 });
    const [first, second] = [begin(holdings, 'a'), begin(holdings, 'a')];
    const third = begin(holdings, 'b');
    third.end();
    const fourth = begin(holdings, 'c');
    assert.equal(holdings.takeStream(holdings.of('d')), undefined);
    assert.deepEqual(
      [first, second, third, fourth].map((body) => body.gaveUp),
      [undefined, 'STREAMS_EXHAUSTED', undefined, undefined],
    );
    assert.equal(holdings.takeStream(holdings.of('e'))?.code, 'STREAMS_EXHAUSTED', 'each has one');
  });

  test('a request whose body is whole is never ended for another one', () => {
    const holdings = new KeyHoldings({ maxStreams: 4, maxBufferedBytes: 1000, maxBodyBytes: 100 });
    const bodies = ['a', 'a', 'b', 'c'].map((family) => begin(holdings, family));
    for (const body of bodies) body.end();
    assert.equal(holdings.takeStream(holdings.of('d'))?.code, 'STREAMS_EXHAUSTED');
    assert.ok(bodies.every((body) => !body.over));
  });
});

describe('concurrency', () => {
  const key = (id: string, concurrency: number | null): KeyView =>
    ({ id, familyId: id, limits: { ...noKeyLimits, concurrency } }) as KeyView;

  test('is exact, and what was given back can be taken again', () => {
    const holdings = new KeyHoldings({ maxStreams: 100, maxBufferedBytes: 1, maxBodyBytes: 1 });
    const holding = holdings.of('k');
    assert.equal(holdings.takeRequest(key('k', 2), holding), undefined);
    assert.equal(holdings.takeRequest(key('k', 2), holding), undefined);
    assert.deepEqual(holdings.takeRequest(key('k', 2), holding), {
      code: 'CONCURRENCY_LIMITED',
      params: { limit: 2 },
      rule: 'concurrency 2 of key k',
    });
    holdings.giveBackRequest(holding);
    assert.equal(holdings.takeRequest(key('k', 2), holding), undefined);
  });

  test('both secrets of a key that is being rotated have one', () => {
    const holdings = new KeyHoldings({ maxStreams: 100, maxBufferedBytes: 1, maxBodyBytes: 1 });
    assert.equal(holdings.takeRequest(key('old', 1), holdings.of('family')), undefined);
    assert.equal(holdings.takeRequest(key('new', 1), holdings.of('family'))?.code, 'CONCURRENCY_LIMITED');
  });
});

describe('memory for bodies', () => {
  const make = (maxBufferedBytes: number, maxBodyBytes: number) =>
    new KeyHoldings({ maxStreams: 1000, maxBufferedBytes, maxBodyBytes });

  test('a lone key can use four fifths, in one body or in many', () => {
    const one = make(1000, 900);
    assert.ok(begin(one, 'a').fill(800));
    const many = make(1000, 100);
    for (let i = 0; i < 8; i++) assert.ok(begin(many, 'a').fill(100));
    assert.equal(many.bodyBytes, 800);
    assert.equal(begin(many, 'a').take(10), false);
    assert.equal(many.bodyBytes, 800);
  });

  test('a body that is smaller than maxBodyBytes is possible where that much is free', () => {
    const holdings = make(1000, 900);
    assert.ok(begin(holdings, 'a').fill(900), 'more than four fifths, but all of it was free');
    const busy = make(1000, 900);
    begin(busy, 'b').take(200);
    assert.equal(begin(busy, 'a').fill(900), false);
  });

  test('a key that asks for more than its share loses its own newest unfinished body', () => {
    const holdings = make(1000, 100);
    const bodies = Array.from({ length: 8 }, () => begin(holdings, 'a'));
    for (const body of bodies) body.take(90);
    const [oldest, newest] = [bodies[0], bodies[7]];
    assert.ok(oldest?.take(10));
    for (const body of bodies.slice(1, 7)) assert.ok(body.take(10));
    assert.ok(newest?.take(10));
    const ninth = begin(holdings, 'a');
    assert.equal(ninth.take(1), false);
    assert.equal(newest?.over, false);
    const other = begin(holdings, 'b');
    assert.ok(other.fill(100), 'others have room');
    assert.ok(bodies.every((body) => !body.over));
  });

  test('where memory is full all the same, the newest unfinished body of who holds most gives way', () => {
    const holdings = make(400, 100);
    const large = [begin(holdings, 'a'), begin(holdings, 'a')] as const;
    for (const body of large) assert.ok(body.fill(100));
    for (const family of ['b', 'c']) assert.ok(begin(holdings, family).fill(100));
    assert.equal(holdings.bodyBytes, 400);
    const late = begin(holdings, 'd');
    assert.ok(late.fill(60));
    assert.deepEqual([large[0].over, large[1].gaveUp], [false, 'BODIES_EXHAUSTED']);
  });

  test('a body that is whole is never given up, and the key that asks is refused', () => {
    const holdings = make(400, 100);
    const bodies = ['a', 'b', 'c', 'd'].map((family) => begin(holdings, family));
    for (const body of bodies) {
      assert.ok(body.fill(100));
      body.end();
    }
    const late = begin(holdings, 'e');
    assert.equal(late.take(1), false);
    assert.ok(bodies.every((body) => !body.over));
  });
});

test('keys that hold nothing are forgotten', () => {
  const holdings = new KeyHoldings({ maxStreams: 10, maxBufferedBytes: 100, maxBodyBytes: 10 });
  const body = begin(holdings, 'a');
  begin(holdings, 'b').leave();
  holdings.forgetIdle();
  assert.equal(holdings.size, 1);
  body.leave();
  holdings.forgetIdle();
  assert.equal(holdings.size, 0);
});

test('whatever comes and goes: the share holds at each grant, each further key finds room, and counts return to zero', () => {
  const families = 12;
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('begin' as const), key: fc.nat(families - 1) }) },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('take' as const),
        which: fc.nat(200),
        bytes: fc.integer({ min: 1, max: 40 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(200) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), which: fc.nat(200) }) },
  );
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 50, maxLength: 400 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 100, max: 1000 }),
      fc.integer({ min: 10, max: 400 }),
      (steps, maxStreams, maxBufferedBytes, maxBodyBytes) => {
        const holdings = new KeyHoldings({ maxStreams, maxBufferedBytes, maxBodyBytes });
        let bodies: TestBody[] = [];
        for (const s of steps) {
          bodies = bodies.filter((body) => !body.over);
          const whole = bodies.filter((body) => !body.reading);
          if (s.do === 'begin') {
            const before = holdings.of(`k${s.key}`).streams;
            const free = maxStreams - holdings.streams;
            const body = TestBody.begin(holdings, `k${s.key}`);
            if (body !== undefined) {
              bodies.push(body);
              const freeAfter = maxStreams - holdings.streams;
              assert.ok(before === 0 || before + 1 <= 4 * freeAfter, 'streams: the share');
            }
            if (before === 0 && free > 0) assert.ok(body !== undefined, 'streams: each key finds room');
          } else if (s.do === 'take') {
            const reading = bodies.filter((body) => body.reading);
            const body = reading[s.which % Math.max(1, reading.length)];
            if (body === undefined) continue;
            const before = body.holding.bodyBytes;
            const free = maxBufferedBytes - holdings.bodyBytes;
            const got = body.take(s.bytes);
            const after = body.holding.bodyBytes;
            const freeAfter = maxBufferedBytes - holdings.bodyBytes;
            if (got) assert.ok(after <= 4 * freeAfter || after <= maxBodyBytes, 'memory: the share');
            if (before + s.bytes <= 4 * (free - s.bytes))
              assert.ok(got, 'memory: what is in the share is given');
            if (before + s.bytes <= maxBodyBytes && before + free >= maxBodyBytes)
              assert.ok(got, 'memory: one body is given where that much is free');
            const larger = reading.some(
              (b) => b.reading && b.holding !== body.holding && b.holding.bodyBytes > s.bytes,
            );
            if (!got && before === 0)
              assert.ok(!larger || s.bytes > maxBodyBytes, 'memory: a further key finds room');
          } else {
            const body = bodies[s.which % Math.max(1, bodies.length)];
            if (s.do === 'end') body?.end();
            else body?.leave();
            if (body !== undefined && whole.includes(body)) whole.splice(whole.indexOf(body), 1);
          }
          assert.ok(
            whole.every((body) => body.gaveUp === undefined),
            'what is whole is never given up',
          );
          assert.ok(holdings.streams <= maxStreams && holdings.bodyBytes <= maxBufferedBytes);
          const live = bodies.filter((body) => !body.over);
          assert.equal(holdings.streams, live.length);
          assert.equal(
            holdings.bodyBytes,
            live.reduce((sum, body) => sum + body.bytes, 0),
          );
        }
        for (const body of bodies) body.leave();
        holdings.forgetIdle();
        assert.deepEqual([holdings.streams, holdings.bodyBytes, holdings.size], [0, 0, 0]);
      },
    ),
    { numRuns: 300 * moreRuns },
  );
});
