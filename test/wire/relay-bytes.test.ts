/**
 * The body that a client receives is the body that the engine sent, byte for byte, however it is cut into packets.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDoor, post } from '../helpers/door.ts';
import { answer, chunk, lastChunk, sseHead, startRawEngine } from '../helpers/raw-engine.ts';

const chat = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] });

async function relayed(
  send: Parameters<typeof startRawEngine>[0],
  path = '/v1/chat/completions',
  body = chat,
) {
  const engine = await startRawEngine(send);
  const door = await openDoor({ engines: [{ id: 'e', port: engine.port, models: ['m'] }] });
  const wire = await door.dial();
  try {
    wire.send(post(path, door.key, body));
    return { response: await wire.response(), request: engine.requests[0], line: door.lines[0] };
  } finally {
    wire.close();
    await door.close();
    await engine.close();
  }
}

test('a whole JSON answer passes untouched', async () => {
  const body =
    '{"choices":[{"x":1.0e2,"\\u0041":"é😀"}], "unknown" : null ,"usage":{"prompt_tokens":3,"completion_tokens":4}}';
  const { response, line } = await relayed((socket) => void socket.write(answer(body)));
  assert.equal(response.status, 200);
  assert.equal(response.body.toString(), body);
  assert.equal(response.field('content-length'), String(Buffer.byteLength(body)));
  assert.equal(line?.inputTokens, 3);
  assert.equal(line?.outputTokens, 4);
});

const events = [
  'data: {"a":"é😀"}\n\n',
  ': comment\r\n\r\n',
  'data: {"choices":[{"finish_reason":null}]}\r\n\r\n',
  '\n\n',
  'event: x\rdata: {}\r\r',
  'data: [DONE]\n\n',
];

test('a stream passes untouched, one event a chunk', async () => {
  const { response, line } = await relayed(
    (socket) =>
      void socket.write(
        sseHead + events.map((e) => chunk(e).toString('latin1')).join('') + lastChunk,
        'latin1',
      ),
  );
  assert.equal(response.body.toString(), events.join(''));
  assert.equal(response.whole, true);
  assert.equal(line?.ending, 'done');
});

test('a stream passes untouched, one byte a packet', async () => {
  const bytes = Buffer.concat([Buffer.from(sseHead), ...events.map((e) => chunk(e)), Buffer.from(lastChunk)]);
  const { response } = await relayed(async (socket) => {
    for (const byte of bytes) {
      socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
  });
  assert.equal(response.body.toString(), events.join(''));
  assert.equal(response.whole, true);
});

test('an event of one megabyte passes untouched', async () => {
  const big = `data: {"x":"${'y'.repeat(1_000_000)}"}\n\n`;
  const { response } = await relayed(
    (socket) =>
      void socket.write(
        Buffer.concat([Buffer.from(sseHead), chunk(big), chunk('data: [DONE]\n\n'), Buffer.from(lastChunk)]),
      ),
  );
  assert.equal(response.body.toString(), `${big}data: [DONE]\n\n`);
  assert.equal(response.whole, true);
});

test('a stream that ends without its terminal mark ends in one error event', async () => {
  const { response, line } = await relayed(
    (socket) =>
      void socket.write(
        Buffer.concat([
          Buffer.from(sseHead),
          chunk('data: {"a":1}\n\ndata: {"unfini'),
          Buffer.from(lastChunk),
        ]),
      ),
  );
  assert.match(
    response.body.toString(),
    /^data: \{"a":1\}\n\ndata: \{"error":\{"message":"The engine stopped in the middle/,
  );
  assert.equal(response.whole, true);
  assert.equal(line?.ending, 'engine-broke');
  assert.equal(line?.code, 'ENGINE_CUT');
});
