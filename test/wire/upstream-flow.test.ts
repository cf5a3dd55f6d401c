/**
 * Flow and abort, over real sockets: an answer of any size passes in constant memory, a sink that takes no more stops
 * the engine, and an abort at any point frees everything at once. On plain sockets, and on TLS.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { EngineAddress } from '../../src/core/engine/engine.ts';
import { EngineUpstream } from '../../src/upstream/upstream.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { MovedClock } from '../helpers/moved-clock.ts';
import {
  answer,
  chunk,
  lastChunk,
  type RawEngine,
  type Step,
  sseHead,
  startRawEngine,
} from '../helpers/raw-engine.ts';
import { attemptTo, localAddress, RecordingSink, send } from '../helpers/recording-sink.ts';
import { testCertificate } from '../helpers/test-certificate.ts';

let stock: Stock;
let plain: RawEngine;
let secure: RawEngine;
let clock: MovedClock;
let upstream: EngineUpstream;
const certificate = testCertificate('localhost', '127.0.0.1');
before(async () => {
  plain = await startRawEngine([]);
  secure = await startRawEngine([], { tls: certificate });
});
after(async () => {
  await plain.close();
  await secure.close();
});
test.beforeEach(() => {
  stock = takeStock();
  clock = new MovedClock();
  upstream = new EngineUpstream({ clock, poolIdleMs: 3_500, tlsOptions: () => ({ ca: certificate.cert }) });
});
test.afterEach(async () => {
  assert.equal(upstream.stats().flights, 0);
  upstream.close();
  assert.deepEqual(upstream.stats(), { idle: 0, open: 0, flights: 0 });
  assert.equal(clock.timers, 0);
  await plain.deserted();
  await secure.deserted();
  await assertNoLeaks(stock);
});

interface Line {
  readonly name: string;
  readonly engine: () => RawEngine;
  readonly to: () => EngineAddress;
}
const lines: readonly Line[] = [
  { name: 'plain', engine: () => plain, to: () => localAddress(plain.port) },
  {
    name: 'TLS',
    engine: () => secure,
    to: () => ({ ...localAddress(secure.port), tls: true, host: 'localhost' }),
  },
];

const megabyte = 1024 * 1024;

/** Writes one piece `times` times, as fast as the other side takes it; counts what left. */
function flood(piece: Buffer, times: number, sent = { bytes: 0 }): Step {
  return (socket) => {
    const over = Promise.withResolvers<void>();
    let left = times;
    const fill = (): void => {
      while (left > 0) {
        left -= 1;
        sent.bytes += piece.length;
        if (!socket.write(piece)) return;
      }
      over.resolve();
    };
    socket.on('drain', fill);
    socket.once('close', () => over.resolve());
    fill();
    return over.promise;
  };
}

for (const { name, engine, to } of lines) {
  test(`200 MB of chunks pass in constant memory (${name})`, async () => {
    const piece = chunk(Buffer.alloc(megabyte / 4, 'x'));
    engine().setScript([sseHead, flood(piece, 800), lastChunk]);
    const sink = new RecordingSink();
    sink.forgetful = true;
    let peak = 0;
    let begun = 0;
    sink.onEvent = () => {
      const rss = process.memoryUsage.rss();
      if (sink.size < 20 * megabyte) begun = rss;
      else peak = Math.max(peak, rss);
    };
    await send(upstream, attemptTo(to()), sink).over;
    assert.equal(sink.outcome, 'end');
    assert.equal(sink.size, 200 * megabyte);
    // Engine and client share this process; both together stay far below what passed.
    assert(peak - begun < 60 * megabyte, `${(peak - begun) / megabyte} MB more`);
  });

  test(`an engine that floods brings so much in one turn of the loop and no more (${name})`, async () => {
    const total = 32 * megabyte;
    engine().setScript([
      `HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`,
      flood(Buffer.alloc(megabyte, 'z'), 32),
    ]);
    const sink = new RecordingSink();
    sink.forgetful = true;
    send(upstream, attemptTo(to()), sink);
    let most = 0;
    for (let before = 0; !sink.ended; before = sink.size) {
      await turn();
      most = Math.max(most, sink.size - before);
    }
    assert.equal(sink.size, total);
    // The read that passes the limit is the last one of its turn.
    assert(most <= 256 * 1024, `${most} bytes in one turn`);
  });

  test(`a sink that takes no more stops the engine, and one that goes on gets every byte (${name})`, async () => {
    const sent = { bytes: 0 };
    const total = 64 * megabyte;
    engine().setScript([
      `HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`,
      flood(Buffer.alloc(megabyte, 'y'), 64, sent),
    ]);
    const sink = new RecordingSink();
    sink.forgetful = true;
    sink.flowing = false;
    send(upstream, attemptTo(to()), sink);
    await sink.until((s) => s.size > 0);
    const socket = [...engine().sockets][0];
    assert(socket !== undefined);
    // Until the engine finds all buffers full and no turn changes anything.
    let last = -1;
    for (let still = 0; still < 200; still = sink.size + socket.bytesWritten === last ? still + 1 : 0) {
      last = sink.size + socket.bytesWritten;
      await turn();
    }
    assert(sink.size < megabyte, `${sink.size} bytes came after the pause`);
    assert(sent.bytes < 32 * megabyte, `the engine wrote ${sent.bytes} bytes`);
    // A pause after each read is the hardest way to go on.
    sink.onEvent = (event) => {
      if (event === 'data') setImmediate(() => sink.inFlightRequest?.resume());
    };
    sink.inFlightRequest?.resume();
    await sink.over;
    assert.equal(sink.outcome, 'end');
    assert.equal(sink.size, total);
  });

  test(`an answer that ends while it is paused frees its connection (${name})`, async () => {
    engine().setScript([answer('all at once')]);
    const sink = new RecordingSink();
    sink.flowing = false;
    await send(upstream, attemptTo(to()), sink).over;
    assert.equal((await send(upstream, attemptTo(to())).over).payload.toString(), 'all at once');
    assert.equal(upstream.stats().open, 1);
  });

  test(`an abort at each phase leaves nothing, and nothing is told after it (${name})`, async () => {
    const body = [Buffer.alloc(4 * megabyte)];
    const endless = flood(chunk(Buffer.alloc(1_000)), Number.MAX_SAFE_INTEGER);
    engine().setScript([sseHead, endless]);
    type Phase = (sink: RecordingSink) => Promise<void> | void;
    const phases: readonly (readonly [string, Phase])[] = [
      ['at once', () => {}],
      ['while connecting', () => turn()],
      ['at the head', (sink) => sink.until((s) => s.engineHead !== undefined)],
      ['in the body', (sink) => sink.until((s) => s.size > 100_000)],
      [
        'while paused',
        async (sink) => {
          await sink.until((s) => s.size > 100_000);
          sink.flowing = false;
          const { size } = sink;
          await sink.until((s) => s.size > size);
        },
      ],
    ];
    for (const [phase, reached] of phases) {
      for (const parts of [{}, { body }]) {
        const sink = new RecordingSink();
        sink.forgetful = true;
        send(upstream, attemptTo(to(), parts), sink);
        await reached(sink);
        sink.inFlightRequest?.abort();
        sink.onEvent = (event) => assert.fail(`${event} after an abort ${phase}`);
        assert.deepEqual(upstream.stats(), { idle: 0, open: 0, flights: 0 }, phase);
        sink.inFlightRequest?.abort();
        sink.inFlightRequest?.resume();
        await engine().deserted();
      }
    }
  });

  test(`an abort from inside any event is the last word (${name})`, async () => {
    engine().setScript([Buffer.from(sseHead + chunk('a').toString() + lastChunk)]);
    for (const event of ['head', 'framed', 'end'] as const) {
      const sink = new RecordingSink();
      const told = Promise.withResolvers<void>();
      const events: string[] = [];
      sink.onEvent = (name) => {
        events.push(name);
        if (name !== event) return;
        sink.inFlightRequest?.abort();
        told.resolve();
      };
      send(upstream, attemptTo(to()), sink);
      await told.promise;
      await clock.move(0);
      assert.equal(events.at(-1), event);
    }
  });
}

test('close ends what is under way without a word', async () => {
  plain.setScript([sseHead, chunk('a')]);
  const sink = send(upstream, attemptTo(plain.port));
  await sink.until((s) => s.size === 1);
  upstream.close();
  await plain.deserted();
  assert.equal(sink.outcome, 'open');
});

test('an untrusted certificate is a failed connection, and nothing is sent', async () => {
  const strict = new EngineUpstream({ clock, poolIdleMs: 3_500 });
  const before = secure.requests.length;
  const to = { ...localAddress(secure.port), tls: true };
  const sink = await send(strict, attemptTo(to)).over;
  assert.equal(sink.outcome, 'ENGINE_CONNECT_FAILED');
  strict.close();
  assert.equal(secure.requests.length, before);
});

test('a certificate for another name is a failed connection', async () => {
  const other = testCertificate('elsewhere.test');
  const engine = await startRawEngine([answer('ok')], { tls: other });
  const client = new EngineUpstream({ clock, poolIdleMs: 3_500, tlsOptions: () => ({ ca: other.cert }) });
  const sink = await send(client, attemptTo({ ...localAddress(engine.port), tls: true, host: 'localhost' }))
    .over;
  assert.equal(sink.outcome, 'ENGINE_CONNECT_FAILED');
  assert.equal(engine.requests.length, 0);
  client.close();
  await engine.close();
});
