/**
 * Which connection a request travels on, over real sockets: reuse, the end of idle ones, bytes that belong to nobody,
 * the one silent retry, and what exactly is written.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { EngineUpstream } from '../../src/upstream/upstream.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { MovedClock } from '../helpers/moved-clock.ts';
import {
  answer,
  chunk,
  close,
  lastChunk,
  type RawEngine,
  reset,
  sseHead,
  startRawEngine,
} from '../helpers/raw-engine.ts';
import { attemptTo, localAddress, RecordingSink, send } from '../helpers/recording-sink.ts';

let stock: Stock;
let engine: RawEngine;
let clock: MovedClock;
let upstream: EngineUpstream;
before(() => {
  stock = takeStock();
});
test.beforeEach(async () => {
  engine = await startRawEngine([answer('ok')]);
  clock = new MovedClock();
  upstream = new EngineUpstream({ clock, poolIdleMs: 3_500 });
});
afterEach(async () => {
  assert.equal(upstream.stats().flights, 0);
  upstream.close();
  assert.equal(clock.timers, 0);
  await engine.deserted();
  await engine.close();
});
after(() => assertNoLeaks(stock));

function ask(parts: Parameters<typeof attemptTo>[1] = {}): RecordingSink {
  return send(upstream, attemptTo(engine.port, parts));
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await setImmediate();
}

// --- what is written

test('head, host, length and body leave as they are, in this order', async () => {
  const body = [Buffer.from('{"a":"é'), Buffer.from([0, 0xff, 0x80, 0x0a]), Buffer.from('"}')];
  await ask({ head: 'POST /v1/x?y=z HTTP/1.1\r\nx-a: caf\xe9\r\n', body, method: 'POST' }).over;
  const [request] = engine.requests;
  assert.equal(
    request?.head,
    `POST /v1/x?y=z HTTP/1.1\r\nx-a: caf\xe9\r\nhost: 127.0.0.1:${engine.port}\r\ncontent-length: ${Buffer.concat(body).length}`,
  );
  assert.deepEqual(request?.body, Buffer.concat(body));
});

test('what engines sent is in no read buffer half a second later', async (t) => {
  const made = t.mock.method(Buffer, 'allocUnsafeSlow');
  const own = new EngineUpstream({ clock, poolIdleMs: 3_500 });
  const [buffer] = made.mock.calls.map(({ result }) => result);
  made.mock.restore();
  assert.ok(buffer !== undefined);
  buffer.fill(0);
  const sink = send(own, attemptTo(engine.port));
  await sink.over;
  assert.ok(buffer.includes('HTTP/1.1 200'), 'it was read into this buffer');
  await clock.move(500);
  assert.ok(
    buffer.every((byte) => byte === 0),
    'swept while the connection is open',
  );
  await send(own, attemptTo(engine.port)).over;
  own.close();
  assert.ok(
    buffer.every((byte) => byte === 0),
    'and when it ends',
  );
});

test('a large body arrives byte for byte', async () => {
  const body = [Buffer.alloc(3_000_000, 0xe9), Buffer.from('x'), Buffer.alloc(40_000, 0)];
  await ask({ body }).over;
  assert(engine.requests[0]?.body.equals(Buffer.concat(body)));
});

test('an empty POST says that it is empty, a GET says nothing', async () => {
  await ask({ method: 'POST' }).over;
  await ask({ method: 'GET' }).over;
  await ask({ method: 'DELETE' }).over;
  assert.deepEqual(
    engine.requests.map((r) => r.field('content-length')),
    ['0', undefined, undefined],
  );
});

test('an engine on a Unix socket is localhost', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flm-upstream-'));
  const socketPath = join(folder, 'engine.sock');
  const local = await startRawEngine([answer('ok')], { socketPath });
  const to = { ...localAddress(0), socketPath };
  for (let i = 0; i < 2; i++) {
    assert.equal((await send(upstream, attemptTo(to)).over).payload.toString(), 'ok');
    await settled();
  }
  assert.equal(local.requests[0]?.field('host'), 'localhost');
  assert.equal(local.connections, 1);
  upstream.close();
  await local.close();
  rmSync(folder, { recursive: true });
});

test('an engine on an IPv6 address is named in brackets', async () => {
  const local = await startRawEngine([answer('ok')], { host: '::1' });
  await send(upstream, attemptTo({ ...localAddress(local.port), host: '::1' })).over;
  assert.equal(local.requests[0]?.field('host'), `[::1]:${local.port}`);
  upstream.close();
  await local.close();
});

test('a name is tried on all its addresses', async () => {
  // Most machines resolve localhost to ::1 first, where this engine does not listen.
  const sink = await send(upstream, attemptTo({ ...localAddress(engine.port), host: 'localhost' })).over;
  assert.equal(sink.payload.toString(), 'ok');
});

// --- reuse

test('requests one after another travel on one connection, also when they follow at once', async () => {
  for (let i = 0; i < 20; i++) assert.equal((await ask().over).outcome, 'end');
  assert.equal(engine.connections, 1);
});

test('a request that is sent from inside the end of another one travels on its connection', async () => {
  const second = new RecordingSink();
  const first = new RecordingSink();
  first.onEvent = (event) => {
    if (event === 'end') send(upstream, attemptTo(engine.port), second);
  };
  send(upstream, attemptTo(engine.port), first);
  await second.over;
  assert.equal(second.payload.toString(), 'ok');
  assert.equal(engine.connections, 1);
});

test('requests at the same time travel on connections of their own, and all of them are kept', async () => {
  const sinks = Array.from({ length: 10 }, () => ask());
  await Promise.all(sinks.map((s) => s.over));
  assert.equal(engine.connections, 10);
  assert.equal(upstream.stats().idle, 10);
  await Promise.all(Array.from({ length: 10 }, () => ask().over));
  assert.equal(engine.connections, 10);
});

test('the last used connection is used first, so that the others can be let go', async () => {
  await Promise.all([ask().over, ask().over, ask().over]);
  for (let i = 0; i < 5; i++) {
    await clock.move(1_000);
    await ask().over;
  }
  assert.equal(upstream.stats().open, 1);
});

test('a connection is let go before the engine would close it', async () => {
  await ask().over;
  await clock.move(3_000);
  assert.equal(upstream.stats().open, 1);
  await clock.move(900);
  assert.deepEqual(upstream.stats(), { idle: 0, open: 0, flights: 0 });
  assert.equal(clock.timers, 0, 'and with the last one goes the sweep');
  await engine.deserted();
});

test('an engine that waits for less than we do is believed', async () => {
  engine.setScript([answer('ok', 'text/plain', '200 OK', 'Keep-Alive: timeout=2, max=100\r\n')]);
  await ask().over;
  await clock.move(1_300);
  assert.equal(upstream.stats().open, 0);
  engine.setScript([answer('ok', 'text/plain', '200 OK', 'Keep-Alive: timeout=1\r\n')]);
  await ask().over;
  assert.equal(upstream.stats().open, 0, 'a second is no time to rely on');
});

test('an overdue connection is not used even where no sweep has come by', async () => {
  const sleepy = new MovedClock();
  const other = new EngineUpstream({
    clock: {
      nowMs: () => 0,
      monotonicMs: () => sleepy.monotonicMs(),
      after: () => () => {},
      every: () => () => {},
    },
    poolIdleMs: 3_500,
  });
  await send(other, attemptTo(engine.port)).over;
  await settled();
  await sleepy.move(4_000);
  await send(other, attemptTo(engine.port)).over;
  assert.equal(engine.connections, 2);
  other.close();
});

for (const [what, bytes] of [
  ['the engine wants to close', answer('ok', 'text/plain', '200 OK', 'Connection: close\r\n')],
  [
    'the engine wants to close, among other things',
    answer('ok', 'text/plain', '200 OK', 'Connection: x, Close\r\n'),
  ],
  ['the engine speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok'],
  ['a second answer follows that nobody asked for', `${answer('ok')}${answer('evil')}`],
  ['a byte follows', `${answer('ok')}x`],
  ['bytes follow the last chunk', `${sseHead}${chunk('ok')}${lastChunk}\r\n`],
  ['204 came with a length', 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n'],
] as const) {
  test(`an answer is whole but its connection is not used again where ${what}`, async () => {
    engine.setScript([bytes]);
    const sink = await ask().over;
    assert.equal(sink.outcome, 'end');
    assert.equal(upstream.stats().open, 0);
    await engine.deserted();
  });
}

test('an answer to HEAD that has a body after all is not taken for the next answer', async () => {
  engine.setScript([answer('surprise')]);
  const sink = await ask({ method: 'HEAD' }).over;
  assert.equal(sink.outcome, 'end');
  assert.equal(sink.size, 0);
  assert.equal(upstream.stats().open, 0);
});

test('an answer that came before its request is never given to a request', async () => {
  // The first answer fills one read exactly, so that what follows is still in the kernel when the first one ends.
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 00000\r\n\r\n';
  const size = 64 * 1024 - head.length;
  const whole = head.replace('00000', String(size)) + 'a'.repeat(size);
  assert.equal(whole.length, 64 * 1024);
  let first = true;
  engine.setScript(() => {
    const steps = first ? [Buffer.from(`${whole}${answer('evil')}`)] : [answer('ok')];
    first = false;
    return steps;
  });
  const second = new RecordingSink();
  const sink = new RecordingSink();
  sink.onEvent = (event) => {
    if (event === 'end') send(upstream, attemptTo(engine.port), second);
  };
  send(upstream, attemptTo(engine.port), sink);
  await second.over;
  assert.equal(second.payload.toString(), 'ok');
});

test('bytes on an idle connection end it', async () => {
  await ask().over;
  await settled();
  assert.equal(upstream.stats().idle, 1);
  for (const socket of engine.sockets) socket.write('HTTP/1.1 408 Request Timeout\r\n\r\n');
  await engine.deserted();
  assert.equal(upstream.stats().open, 0);
});

test('a close of an idle connection ends it', async () => {
  await ask().over;
  await settled();
  for (const socket of engine.sockets) socket.end();
  await engine.deserted();
  assert.equal(upstream.stats().open, 0);
});

// --- the silent retry

for (const [how, step] of [
  ['closes', close],
  ['resets', reset],
] as const) {
  test(`an idle connection that ${how} when the next request is written is replaced silently`, async () => {
    await ask().over;
    await settled();
    engine.setScript((_socket, _request, count) => (count === 2 ? [step] : [answer('again')]));
    const sink = await ask({ body: [Buffer.from('{"prompt":1}')] }).over;
    assert.equal(sink.payload.toString(), 'again');
    assert.equal(engine.connections, 2);
    assert.deepEqual(
      engine.requests.slice(1).map((r) => r.body.toString()),
      ['{"prompt":1}', '{"prompt":1}'],
    );
  });
}

test('a large request is sent again in whole', async () => {
  await ask().over;
  await settled();
  const body = [Buffer.alloc(500_000, 1), Buffer.alloc(500_000, 2)];
  engine.setScript((_socket, _request, count) => (count === 2 ? [reset] : [answer('again')]));
  const sink = await ask({ body }).over;
  assert.equal(sink.payload.toString(), 'again');
  assert(engine.requests[2]?.body.equals(Buffer.concat(body)));
});

test('the retry happens once, and its failure may have been seen by the engine', async () => {
  await Promise.all([ask().over, ask().over]);
  await settled();
  engine.setScript([close]);
  const sink = await ask().over;
  assert.equal(sink.outcome, 'ENGINE_RESET');
  assert.equal(engine.requests.length, 4, 'the other idle connection was not tried');
  assert.equal(engine.connections, 3);
});

test('an engine that dies of a request is not said to have never seen it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flm-upstream-'));
  const socketPath = join(folder, 'engine.sock');
  const mortal = await startRawEngine([answer('ok')], { socketPath });
  const to = { ...localAddress(0), socketPath };
  await send(upstream, attemptTo(to)).over;
  await settled();
  mortal.setScript((socket) => {
    rmSync(socketPath);
    socket.destroy();
  });
  const sink = await send(upstream, attemptTo(to)).over;
  assert.equal(sink.outcome, 'ENGINE_RESET');
  assert.equal(sink.error?.row.retry, 'maybe-sent');
  upstream.close();
  await mortal.close();
  rmSync(folder, { recursive: true });
});

test('there is no retry on a new connection, after a byte of an answer, or after a while', async () => {
  engine.setScript([close]);
  assert.equal((await ask().over).outcome, 'ENGINE_RESET');
  assert.equal(engine.requests.length, 1);

  engine.setScript([answer('ok')]);
  await ask().over;
  await settled();
  engine.setScript(['H', close]);
  assert.equal((await ask().over).outcome, 'ENGINE_RESET');
  assert.equal(engine.requests.length, 3);

  engine.setScript([answer('ok')]);
  await ask().over;
  await settled();
  const go = Promise.withResolvers<void>();
  engine.setScript([() => go.promise, close]);
  const late = ask();
  await engine.arrived(5);
  await clock.move(10_000);
  go.resolve();
  assert.equal((await late.over).outcome, 'ENGINE_RESET');
  assert.equal(engine.requests.length, 5);
});

// --- early answers

test('an answer that comes before the request is written is taken, and its connection is not used again', async () => {
  const early = await startRawEngine(
    (socket) => {
      socket.pause();
      socket.write(answer('{"error":"too large"}', 'application/json', '413 Too Large'));
    },
    { early: true },
  );
  const sink = await send(upstream, attemptTo(early.port, { body: [Buffer.alloc(32 * 1024 * 1024)] })).over;
  assert.equal(sink.engineHead?.status, 413);
  assert.equal(sink.payload.toString(), '{"error":"too large"}');
  assert.equal(upstream.stats().open, 0);
  await early.close();
});

test('an early answer is read even where the engine closes behind it', async () => {
  const early = await startRawEngine(
    (socket) => {
      socket.pause();
      socket.end(answer('no', 'text/plain', '413 Too Large'));
    },
    { early: true },
  );
  const sink = await send(upstream, attemptTo(early.port, { body: [Buffer.alloc(32 * 1024 * 1024)] })).over;
  assert.equal(sink.outcome, 'end');
  assert.equal(sink.engineHead?.status, 413);
  await early.close();
});

test('an engine that closes its side while we still write is a reset, not a wait', async () => {
  const early = await startRawEngine(
    (socket) => {
      socket.pause();
      socket.end();
    },
    { early: true },
  );
  const sink = await send(upstream, attemptTo(early.port, { body: [Buffer.alloc(32 * 1024 * 1024)] })).over;
  assert.equal(sink.outcome, 'ENGINE_RESET');
  await early.close();
});

// --- remembered heads

test('responses with the same head on one connection have their own bodies', async () => {
  for (const body of ['ok', '', 'x'.repeat(30_000), '{"a":1}', 'ok']) {
    engine.setScript([answer(body)]);
    const sink = await ask().over;
    assert.equal(sink.outcome, 'end');
    assert.equal(sink.payload.toString(), body);
    assert.equal(sink.engineHead?.contentLength, body.length);
  }
  assert.equal((await ask().over).engineHead?.repeated, true);
  assert.equal(engine.connections, 1);
});

for (const [what, bytes] of [
  ['two lengths', answer('ok', 'application/json', '200 OK', 'Content-Length: 30\r\n')],
  ['a length and chunks', answer('ok', 'application/json', '200 OK', 'Transfer-Encoding: chunked\r\n')],
  ['a length with a sign', answer('ok').toString().replace('ength: 2', 'ength: +2')],
  ['a bare line feed', answer('ok').toString().replace('json\r\n', 'json\n')],
] as const) {
  test(`a head that the connection remembers does not hide ${what}`, async () => {
    for (let i = 0; i < 3; i++) await ask().over;
    engine.setScript([bytes]);
    const sink = await ask().over;
    assert.equal(sink.outcome, 'ENGINE_PROTOCOL');
    assert.equal(engine.connections, 1);
  });
}

test('a connection that nobody used for five seconds remembers no head', async () => {
  upstream.close();
  upstream = new EngineUpstream({ clock, poolIdleMs: 60_000 });
  for (let i = 0; i < 3; i++) await ask().over;
  assert.equal((await ask().over).engineHead?.repeated, true);
  await clock.move(5_000);
  assert.equal((await ask().over).engineHead?.repeated, false);
  assert.equal(engine.connections, 1);
});
