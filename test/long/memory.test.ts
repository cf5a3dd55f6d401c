/**
 * What only shows over time: memory that stays where it was, and connections that are given back. The proxy is the one
 * that is built, with its store, log and metrics, in a process of its own; its heap is read after a collection.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { moreRuns } from '../helpers/more-runs.ts';
import { chunk, lastChunk, sseHead } from '../helpers/raw-engine.ts';
import { post, Wire } from '../helpers/test-gateway.ts';
import { answerOf, type SoakedProxy, startSoakedProxy } from './soaked-proxy.ts';

const MiB = 1024 * 1024;
/** What the heap may have grown by between the first tenth of a soak and its end. */
const allowedGrowth = 10 * MiB;
/** Longer than a proxy keeps idle connections to an engine, and than its sweep. */
const poolIdleMs = 5_000;

function growth(t: { diagnostic(text: string): void }, name: string, before: number, after: number): number {
  const inMiB = (bytes: number): string => (bytes / MiB).toFixed(1);
  t.diagnostic(`${name}: ${inMiB(before)} MiB, then ${inMiB(after)} MiB`);
  return after - before;
}

/** Connections that carry nothing are dropped; what is left are those of probes. */
async function assertIdle(proxy: SoakedProxy): Promise<void> {
  const deadline = performance.now() + 4 * poolIdleMs;
  while (proxy.engine.sockets.size > 1 && performance.now() < deadline) await setTimeout(100);
  assert.ok(
    proxy.engine.sockets.size <= 1,
    `${proxy.engine.sockets.size} connections to the engine are left`,
  );
}

test('a stream of a gigabyte passes whole, in constant memory', { timeout: 180_000 }, async (t) => {
  const event = `data: {"choices":[{"delta":{"content":"${'é😀y'.repeat(140)}"},"finish_reason":null}]}\n\n`;
  const payload = Buffer.from(event.repeat(60));
  const block = chunk(payload);
  const blocks = Math.ceil(1024 ** 3 / payload.length);
  const last = Buffer.from('data: [DONE]\n\n');
  const proxy = await startSoakedProxy(t, async (socket) => {
    socket.write(sseHead);
    for (let i = 0; i < blocks && !socket.destroyed; i++)
      if (!socket.write(block)) await once(socket, 'drain');
    socket.write(Buffer.concat([chunk(last), Buffer.from(lastChunk)]));
  });

  const reader = new PatternReader(payload, blocks * payload.length, last);
  const socket = connect(proxy.port, '127.0.0.1');
  socket.write(post('/v1/chat/completions', proxy.key, '{"model":"m","stream":true}'));
  let peakAfterTenth: number | undefined;
  socket.on('data', (bytes: Buffer) => {
    reader.add(bytes);
    if (peakAfterTenth === undefined && reader.received > reader.total / 10)
      peakAfterTenth = proxy.peakBytes() ?? 0;
    if (reader.ended) socket.destroy();
  });
  await once(socket, 'close');
  assert.equal(reader.fault, undefined);
  assert.equal(reader.received, reader.total);
  assert.equal(reader.ended, true);
  const peak = proxy.peakBytes();
  if (peak === undefined || peakAfterTenth === undefined) return t.diagnostic('this system tells no peak');
  assert.ok(growth(t, 'peak of the process', peakAfterTenth, peak) < 48 * MiB);
});

test('one event of a hundred megabytes passes whole, in constant memory', { timeout: 60_000 }, async (t) => {
  const piece = Buffer.from('é😀y'.repeat(9_000));
  const pieces = Math.ceil((100 * MiB) / piece.length);
  const last = Buffer.from('\n\ndata: [DONE]\n\n');
  const proxy = await startSoakedProxy(t, async (socket) => {
    socket.write(sseHead);
    const block = chunk(piece);
    for (let i = 0; i < pieces && !socket.destroyed; i++)
      if (!socket.write(block)) await once(socket, 'drain');
    socket.write(Buffer.concat([chunk(last), Buffer.from(lastChunk)]));
  });
  const before = proxy.peakBytes();
  const reader = new PatternReader(piece, pieces * piece.length, last);
  const socket = connect(proxy.port, '127.0.0.1');
  socket.write(post('/v1/chat/completions', proxy.key, '{"model":"m","stream":true}'));
  socket.on('data', (bytes: Buffer) => {
    reader.add(bytes);
    if (reader.ended) socket.destroy();
  });
  await once(socket, 'close');
  assert.equal(reader.fault, undefined);
  assert.equal(reader.received, reader.total);
  const peak = proxy.peakBytes();
  if (peak === undefined || before === undefined) return t.diagnostic('this system tells no peak');
  assert.ok(growth(t, 'peak of the process', before, peak) < 64 * MiB);
});

test('a hundred thousand requests leave nothing behind', { timeout: 240_000 * moreRuns }, async (t) => {
  const reply = answerOf(
    '{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}',
  );
  const proxy = await startSoakedProxy(t, (socket) => void socket.write(reply));
  const wires = await Promise.all(Array.from({ length: 16 }, () => Wire.dial(proxy.port)));
  const request = post(
    '/v1/chat/completions',
    proxy.key,
    '{"model":"m","messages":[{"role":"user","content":"hi"}]}',
  );
  const run = async (count: number): Promise<void> => {
    let left = count;
    await Promise.all(
      wires.map(async (wire) => {
        while (left-- > 0) {
          wire.send(request);
          const response = await wire.response();
          assert.equal(response.status, 200);
        }
      }),
    );
  };
  await run(10_000);
  const before = await proxy.memory();
  await run(90_000 * moreRuns);
  const after = await proxy.memory();
  for (const wire of wires) wire.close();
  assert.ok(growth(t, 'heap', before.heapUsed, after.heapUsed) < allowedGrowth);
  assert.ok(growth(t, 'buffers', before.arrayBuffers, after.arrayBuffers) < allowedGrowth);
  await assertIdle(proxy);
});

test('a thousand streams, of which half are abandoned, leave nothing behind', {
  timeout: 180_000 * moreRuns,
}, async (t) => {
  const event = chunk('data: {"choices":[{"delta":{"content":"hi"},"finish_reason":null}]}\n\n');
  const proxy = await startSoakedProxy(t, async (socket, request) => {
    socket.write(sseHead);
    const endless = request.includes('endless');
    // An endless one goes on until somebody closes it.
    for (let i = 0; (endless || i < 20) && !socket.destroyed; i++) {
      socket.write(event);
      await setTimeout(i < 20 ? 1 : 50);
    }
    if (!socket.destroyed) socket.write(Buffer.concat([chunk('data: [DONE]\n\n'), Buffer.from(lastChunk)]));
  });
  let whole = 0;
  const stream = async (leaves: boolean): Promise<void> => {
    const wire = await Wire.dial(proxy.port);
    wire.send(
      post(
        '/v1/chat/completions',
        proxy.key,
        `{"model":"m","stream":true${leaves ? ',"endless":true' : ''}}`,
      ),
    );
    if (leaves) await wire.until((bytes) => bytes.includes('"hi"'));
    else {
      const response = await wire.response();
      assert.equal(response.whole, true);
      assert.ok(response.body.includes('[DONE]'));
      whole += 1;
    }
    wire.close();
  };
  const run = async (count: number): Promise<void> => {
    let begun = 0;
    const worker = async (): Promise<void> => {
      while (begun < count) await stream(begun++ % 2 === 0);
    };
    await Promise.all(Array.from({ length: 25 }, worker));
  };
  await run(100);
  const before = await proxy.memory();
  await run(900 * moreRuns);
  await assertIdle(proxy);
  const after = await proxy.memory();
  assert.equal(whole, 50 + 450 * moreRuns);
  assert.ok(growth(t, 'heap', before.heapUsed, after.heapUsed) < allowedGrowth);
  assert.ok(growth(t, 'buffers', before.arrayBuffers, after.arrayBuffers) < allowedGrowth);
});

/** Takes chunked framing apart and holds the payload against what it should be, without keeping it. */
class PatternReader {
  readonly #pattern: Buffer;
  readonly #repeated: number;
  readonly #last: Buffer;
  #rest = Buffer.alloc(0);
  #headSeen = false;
  /** Payload bytes of the present chunk that have not come; -1 between chunks. */
  #left = -1;
  received = 0;
  ended = false;
  fault: string | undefined;

  /** `repeated` bytes of the pattern, then `last`. */
  constructor(pattern: Buffer, repeated: number, last: Buffer) {
    this.#pattern = Buffer.concat([pattern, pattern]);
    this.#repeated = repeated;
    this.#last = last;
  }

  get total(): number {
    return this.#repeated + this.#last.length;
  }

  add(bytes: Buffer): void {
    let buffer = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (!this.#headSeen) {
      const end = buffer.indexOf('\r\n\r\n');
      if (end < 0) return this.#keep(buffer);
      this.#headSeen = true;
      buffer = buffer.subarray(end + 4);
    }
    for (;;) {
      if (this.#left < 0) {
        const end = buffer.indexOf('\r\n');
        if (end < 0) return this.#keep(buffer);
        this.#left = Number.parseInt(buffer.toString('latin1', 0, end), 16);
        buffer = buffer.subarray(end + 2);
        if (this.#left === 0) {
          this.ended = true;
          return;
        }
      }
      const payload = buffer.subarray(0, this.#left);
      this.#compare(payload);
      this.#left -= payload.length;
      buffer = buffer.subarray(payload.length);
      if (this.#left > 0 || buffer.length < 2) return this.#keep(buffer);
      buffer = buffer.subarray(2);
      this.#left = -1;
    }
  }

  #keep(buffer: Buffer): void {
    this.#rest = Buffer.from(buffer);
  }

  #compare(payload: Buffer): void {
    for (let at = 0; at < payload.length; ) {
      const place = this.received;
      const inLast = place >= this.#repeated;
      const source = inLast ? this.#last : this.#pattern;
      const from = inLast ? place - this.#repeated : place % (this.#pattern.length / 2);
      const room = inLast ? source.length - from : Math.min(this.#pattern.length / 2, this.#repeated - place);
      const size = Math.min(payload.length - at, room);
      if (size <= 0 || payload.compare(source, from, from + size, at, at + size) !== 0) {
        this.fault ??= `other bytes at ${place}`;
        return;
      }
      this.received += size;
      at += size;
    }
  }
}
