/**
 * Whatever event stream an engine makes, and however it frames it and cuts it into packets: the client receives the same
 * bytes and a proper end. And wherever such a stream breaks off, what the client receives is a beginning of it that ends
 * with an event, then one error event, and a proper end.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { chunk, close, lastChunk, reset, type Step, type Steps } from '../helpers/raw-engine.ts';

let stock: Stock;
let fixture: GatewayFixture;
before(async () => {
  stock = takeStock();
  fixture = await GatewayFixture.open();
});
afterEach(() => fixture.settle());
after(async () => {
  await fixture.close();
  await assertNoLeaks(stock);
});

type Framing = 'chunked' | 'length' | 'close';

interface Sample {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
  readonly framing: Framing;
  /** Lengths of chunks, and of packets, again and again. */
  readonly chunks: readonly number[];
  readonly packets: readonly number[];
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('[DONE]', '{"error":{}}', '"finish_reason":"stop"', 'usage', '0\r\n\r\n', '{"done":true}'),
  fc.integer({ min: 1, max: 9000 }).map((n) => '😀'.repeat(n)),
);
const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
const sseLine = fc.oneof(
  text.map((t) => `data: ${JSON.stringify({ t })}`),
  text.map((t) => `:${t.replaceAll(/[\r\n]/g, '')}`),
  fc.constantFrom('data', 'data:', 'event: x', 'id: 1', 'retry: 5', ': hb', 'unknown: x'),
);
// One kind of line end a stream: what a mix of them means depends on what comes next.
const sse = fc
  .tuple(lineEnd, fc.array(fc.array(sseLine, { maxLength: 4 }), { maxLength: 12 }))
  .map(([end, blocks]) => {
    const all = [...blocks, ['data: [DONE]']];
    return all.map((block) => `${block.map((line) => line + end).join('')}${end}`).join('');
  });
const ndjson = fc
  .array(text, { maxLength: 12 })
  .map((texts) =>
    [...texts.map((t) => JSON.stringify({ response: t })), '{"done":true}'].map((l) => `${l}\n`).join(''),
  );

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 21, max: 20_000 })), {
  minLength: 1,
  maxLength: 8,
});
const sample: fc.Arbitrary<Sample> = fc
  .tuple(
    fc.oneof(
      sse.map((body) => ({
        path: '/v1/chat/completions',
        type: 'text/event-stream',
        body: Buffer.from(body),
      })),
      ndjson.map((body) => ({
        path: '/api/generate',
        type: 'application/x-ndjson',
        body: Buffer.from(body),
      })),
    ),
    fc.constantFrom<Framing>('chunked', 'length', 'close'),
    sizes,
    sizes,
  )
  .map(([stream, framing, chunks, packets]) => ({ ...stream, framing, chunks, packets }));

/** At most so many pieces, so that a large body in one-byte pieces does not take for ever. */
const maxPieces = 300;

function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = i < maxPieces ? (lengths[i % lengths.length] as number) : bytes.length;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

/** The answer on the wire, and what ends it. */
function framed(s: Sample): Buffer {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: ${s.type}\r\n`;
  switch (s.framing) {
    case 'chunked':
      return Buffer.concat([
        Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`),
        ...cut(s.body, s.chunks).map((piece) => chunk(piece)),
        Buffer.from(lastChunk),
      ]);
    case 'length':
      return Buffer.concat([Buffer.from(`${head}Content-Length: ${s.body.length}\r\n\r\n`), s.body]);
    case 'close':
      return Buffer.concat([Buffer.from(`${head}Connection: close\r\n\r\n`), s.body]);
    default:
      return s.framing satisfies never;
  }
}

function packets(bytes: Buffer, lengths: readonly number[]): Step {
  return async (socket) => {
    for (const piece of cut(bytes, lengths)) {
      if (socket.destroyed) return;
      socket.write(piece);
      await setImmediate();
    }
  };
}

function ask(s: Sample, steps: Steps) {
  return fixture.ask(steps, { model: 'm', stream: true }, s.path);
}

test('any stream passes untouched, however it is framed and cut', async () => {
  await fc.assert(
    fc.asyncProperty(sample, async (s) => {
      const response = await ask(s, [
        packets(framed(s), s.packets),
        ...(s.framing === 'close' ? [close] : []),
      ]);
      assert.equal(response.status, 200);
      assert.equal(response.whole, true);
      assert.ok(
        response.body.equals(s.body),
        `sent ${JSON.stringify(s.body.toString())}, got ${JSON.stringify(response.body.toString())}`,
      );
    }),
    { numRuns: 300, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false },
  );
});

const ownError = {
  sse: /^data: \{"error":\{"message":"[^"]*","type":"server_error","code":"engine_[a-z]+","param":null\}\}\n\n$/,
  ndjson: /^\{"error":"[^"]*","request_id":"[^"]*"\}\n$/,
};

test('any stream that breaks off is reported as such after a whole event', async () => {
  await fc.assert(
    fc.asyncProperty(
      sample,
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.boolean(),
      async (s, where, byReset) => {
        const wire = framed(s);
        const headEnd = wire.indexOf('\r\n\r\n') + 4;
        const at = headEnd + Math.floor((wire.length - headEnd) * where);
        const response = await ask(s, [packets(wire.subarray(0, at), s.packets), byReset ? reset : close]);
        if (response.status === 502) return;
        const { body } = response;
        // More than 64 KB of an event are out: the connection was destroyed.
        if (!response.whole) return assert.ok(s.body.subarray(0, body.length).equals(body));
        let same = 0;
        while (same < body.length && body[same] === s.body[same]) same += 1;
        const rest = (from: number): string => body.toString('utf8', from);
        const shape = s.type === 'text/event-stream' ? ownError.sse : ownError.ndjson;
        const start = s.type === 'text/event-stream' ? 'data: {"error":{"message"' : '{"error":"The engine';
        const errorAt = body.lastIndexOf(start);
        // It broke off behind its terminal mark, where the end of the connection is a proper end.
        if (errorAt < 0) {
          assert.equal(s.framing, 'close');
          assert.ok(s.body.subarray(0, body.length).equals(body));
          assert.match(body.toString().trimEnd(), /(?:^data: \[DONE\]|^\{"done":true\})$/m);
          return;
        }
        assert.match(rest(errorAt), shape);
        assert.ok(errorAt <= same, 'what stands before it is what the engine sent');
        const before = s.body.toString('latin1', 0, errorAt);
        const whole = s.type === 'text/event-stream' ? /(?:^|\n\n|\r\n\r\n|\r\r\n?)$/ : /(?:^|\n)$/;
        assert.match(before.slice(-4), whole, 'an event ends before it');
      },
    ),
    { numRuns: 300, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false },
  );
});
