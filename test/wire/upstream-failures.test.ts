/**
 * How attempts fail, over real sockets: each failure has its code, and with it the answer to whether anything may be
 * tried again. Time stands still and is moved, so no test waits.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { errorTable } from '../../src/core/errors.ts';
import { EngineUpstream } from '../../src/upstream/upstream.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { MovedClock } from '../helpers/moved-clock.ts';
import {
  answer,
  chunk,
  close,
  halfClose,
  lastChunk,
  type RawEngine,
  reset,
  type Steps,
  sseHead,
  startRawEngine,
} from '../helpers/raw-engine.ts';
import { attemptTo, localAddress, RecordingSink, send } from '../helpers/recording-sink.ts';

let stock: Stock;
let engine: RawEngine;
let clock: MovedClock;
let upstream: EngineUpstream;
before(async () => {
  stock = takeStock();
  engine = await startRawEngine([]);
  clock = new MovedClock();
  upstream = new EngineUpstream({ clock, poolIdleMs: 3_500 });
});
afterEach(async () => {
  assert.equal(upstream.stats().flights, 0);
  upstream.close();
  assert.equal(clock.timers, 0);
  clock = new MovedClock();
  upstream = new EngineUpstream({ clock, poolIdleMs: 3_500 });
  await engine.deserted();
});
after(async () => {
  upstream.close();
  await engine.close();
  await assertNoLeaks(stock);
});

function ask(steps: Steps): RecordingSink {
  engine.setScript(steps);
  return send(upstream, attemptTo(engine.port));
}

// --- the connection fails

test('a port that refuses is a failed connection, of which nothing was sent', async () => {
  const sink = await send(upstream, attemptTo(1)).over;
  assert.equal(sink.outcome, 'ENGINE_CONNECT_FAILED');
  assert.equal(sink.error?.row.retry, 'never-sent');
  assert.match(String(sink.error?.cause), /ECONNREFUSED/);
  assert.equal(upstream.stats().open, 0);
});

test('a name that does not resolve is a failed connection', async () => {
  const sink = await send(upstream, attemptTo({ ...localAddress(80), host: 'no-such-host.invalid' })).over;
  assert.equal(sink.outcome, 'ENGINE_CONNECT_FAILED');
});

test('an address that Node refuses is a failed connection, told after send has returned', async () => {
  for (const to of [
    { ...localAddress(80), host: 'a\0b' },
    { ...localAddress(99_999) },
    { ...localAddress(0), socketPath: `/${'x'.repeat(200)}` },
    { ...localAddress(0), socketPath: '/no/such/socket' },
  ]) {
    const sink = await send(upstream, attemptTo(to)).over;
    assert.equal(sink.outcome, 'ENGINE_CONNECT_FAILED');
  }
});

test('an attempt on an impossible address that is aborted at once is told nothing', async () => {
  const sink = send(upstream, attemptTo(99_999));
  sink.inFlightRequest?.abort();
  await clock.move(0);
  assert.equal(sink.outcome, 'open');
});

test('a connection that is not made in time is a failed connection', async () => {
  // A listener whose queue is full answers no handshake; TLS to a server that never speaks is the same wait.
  const sink = send(
    upstream,
    attemptTo({ ...localAddress(engine.port), tls: true }, { connectTimeoutMs: 2_000 }),
  );
  await clock.move(1_900);
  assert.equal(sink.outcome, 'open');
  await clock.move(500);
  assert.equal(sink.outcome, 'ENGINE_CONNECT_FAILED');
});

// --- before the head

const nothing: Readonly<Record<string, Steps>> = {
  'closes without a word': [close],
  'resets without a word': [reset],
  'closes its side without a word': [halfClose],
  'closes in mid-head': ['HTTP/1.1 200 OK\r\nConte', close],
  'resets after an interim answer': ['HTTP/1.1 103 Early Hints\r\n\r\n', reset],
};
for (const [what, steps] of Object.entries(nothing)) {
  test(`an engine that ${what} may have seen the request`, async () => {
    const sink = await ask(steps).over;
    assert.equal(sink.outcome, 'ENGINE_RESET');
    assert.equal(sink.error?.row.retry, 'maybe-sent');
    assert.equal(engine.requests.length, 1);
    (engine.requests as unknown[]).length = 0;
  });
}

test('an engine that gives no head in time has timed out, whatever else it says', async () => {
  const sink = ask(['HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 20']);
  await engine.arrived(engine.requests.length + 1);
  await clock.move(59_000);
  assert.equal(sink.outcome, 'open');
  await clock.move(2_000);
  assert.equal(sink.outcome, 'ENGINE_TIMEOUT');
  assert.equal(sink.error?.row.retry, 'maybe-sent');
  await engine.deserted();
});

// --- in the body

const cuts: Readonly<Record<string, Steps>> = {
  'a length that is not reached': ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', close],
  'a length that is not reached, by half a close': [
    'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc',
    halfClose,
  ],
  'a missing last chunk': [sseHead, chunk('abc'), close],
  'an unfinished last chunk': [sseHead, chunk('abc'), '0\r\n', close],
  'a cut chunk': [sseHead, 'a\r\nabc', close],
  'a cut chunk size': [sseHead, chunk('abc'), '1', close],
};
for (const [what, steps] of Object.entries(cuts)) {
  test(`${what} is a cut answer`, async () => {
    const sink = await ask(steps).over;
    assert.equal(sink.outcome, 'ENGINE_CUT');
    assert.equal(sink.payload.toString(), 'abc');
  });
}

for (const [framing, head] of [
  ['length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
  ['chunks', `${sseHead}3\r\nabc\r\n`],
  ['the end of the connection', 'HTTP/1.1 200 OK\r\n\r\nabc'],
] as const) {
  test(`a reset in a body that is delimited by ${framing} is a cut answer`, async () => {
    const go = Promise.withResolvers<void>();
    const sink = ask([head, () => go.promise, reset]);
    await sink.until((s) => s.size === 3);
    go.resolve();
    await sink.over;
    assert.equal(sink.outcome, 'ENGINE_CUT');
  });
}

test('silence in mid-body is a stall, and each byte puts it off', async () => {
  const next = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const sink = ask([sseHead, chunk('a'), () => next[0]?.promise, chunk('b'), () => next[1]?.promise]);
  await sink.until((s) => s.size === 1);
  await clock.move(29_000);
  next[0]?.resolve();
  await sink.until((s) => s.size === 2);
  await clock.move(29_000);
  assert.equal(sink.outcome, 'open');
  await clock.move(2_000);
  assert.equal(sink.outcome, 'ENGINE_STALLED');
  next[1]?.resolve();
});

test("time in which the client takes nothing is not the engine's", async () => {
  const go = Promise.withResolvers<void>();
  const sink = new RecordingSink();
  sink.flowing = false;
  engine.setScript([sseHead, chunk('a'), () => go.promise, chunk('b'), lastChunk]);
  send(upstream, attemptTo(engine.port), sink);
  await sink.until((s) => s.size === 1);
  await clock.move(3_600_000);
  assert.equal(sink.outcome, 'open');
  sink.flowing = true;
  sink.inFlightRequest?.resume();
  await clock.move(29_000);
  assert.equal(sink.outcome, 'open', 'the wait begins again');
  go.resolve();
  await sink.over;
  assert.equal(sink.outcome, 'end');
});

// --- the sink and the caller

test('a sink that throws loses its answer and harms no other', async () => {
  const thrown: unknown[] = [];
  upstream.close();
  upstream = new EngineUpstream({ clock, poolIdleMs: 3_500, onHandlerError: (error) => thrown.push(error) });
  const others = [answer('fine'), sseHead + chunk('ab').toString() + lastChunk];
  for (const [name, steps] of [
    ['head', others.slice(0, 1)],
    ['data', others.slice(0, 1)],
    ['framed', others.slice(1)],
    ['end', others.slice(0, 1)],
    ['failed', [close]],
  ] as const) {
    engine.setScript(steps);
    const sink = new RecordingSink();
    const told = Promise.withResolvers<void>();
    sink.onEvent = (event) => {
      if (event !== name) return;
      told.resolve();
      throw new Error(name);
    };
    send(upstream, attemptTo(engine.port), sink);
    await told.promise;
    engine.setScript([answer('fine')]);
    assert.equal((await send(upstream, attemptTo(engine.port)).over).outcome, 'end');
  }
  assert.deepEqual(
    thrown.map((error) => (error as Error).message),
    ['head', 'data', 'framed', 'end', 'failed'],
  );
});

test('a head that would not leave as it reads is a broken invariant', () => {
  for (const head of [
    'GET / HTTP/1.1',
    'GET / HTTP/1.1\r\nA: b\r\n\r\nGET /admin HTTP/1.1\r\n',
    'GET / HTTP/1.1\r\nA: \u010d\u010aX: y\r\n',
  ]) {
    assert.throws(
      () => upstream.send(attemptTo(engine.port, { head }), new RecordingSink()),
      /the head of a request/,
    );
  }
  assert.throws(
    () => upstream.send(attemptTo(engine.port, { bodyLength: 3 }), new RecordingSink()),
    /the body of a request/,
  );
});

test('what is sent after close fails, and opens nothing', async () => {
  upstream.close();
  const sink = await send(upstream, attemptTo(engine.port)).over;
  assert.equal(sink.outcome, 'ENGINE_CONNECT_FAILED');
  assert.deepEqual(upstream.stats(), { idle: 0, open: 0, flights: 0 });
});

test('every code of a failed attempt has the retry class that the rule for other engines leans on', () => {
  assert.equal(errorTable.ENGINE_CONNECT_FAILED.retry, 'never-sent');
  for (const code of ['ENGINE_RESET', 'ENGINE_TIMEOUT'] as const)
    assert.equal(errorTable[code].retry, 'maybe-sent');
  for (const code of ['ENGINE_PROTOCOL', 'ENGINE_CUT', 'ENGINE_STALLED'] as const) {
    assert.equal(errorTable[code].retry, 'answered');
  }
});
