/**
 * How many tokens a request is charged, however it ends: budgets and `flm usage` count the same numbers. No client gets
 * tokens for nothing by leaving early, and none pays for what an engine did not do.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { RequestLine } from '../../src/core/proxy/proxy-handle.ts';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer, chunk, close, hold, lastChunk, reset, type Script, sseHead } from '../helpers/raw-engine.ts';
import { post, type Wire } from '../helpers/test-gateway.ts';

let stock: Stock;
let fixture: GatewayFixture;
before(() => {
  stock = takeStock();
});
beforeEach(async () => {
  fixture = await GatewayFixture.openReal([
    {
      id: 'e0',
      kind: 'llamacpp',
      models: [{ id: 'm' }, { id: 'small', contextLength: 4096 }],
    },
  ]);
});
afterEach(async () => {
  await fixture.settle();
  await fixture.close();
});
after(() => assertNoLeaks(stock));

const forever = hold(new Promise(() => {}));

interface Charge {
  readonly input: number;
  readonly output: number;
  readonly estimated: boolean;
}

function chargeIn(line: RequestLine): Charge {
  return {
    input: line.chargedInputTokens,
    output: line.chargedOutputTokens,
    estimated: line.tokensEstimated,
  };
}

const told = (input: number, output: number): Charge => ({ input, output, estimated: false });
const free = told(0, 0);

interface Asked {
  readonly path?: string;
  readonly body?: object;
  readonly key?: string;
}

async function send(script: Script, asked: Asked = {}): Promise<Wire> {
  fixture.engine.setScript(script);
  const body = JSON.stringify({ model: 'm', ...asked.body });
  return fixture.send(post(asked.path ?? '/v1/chat/completions', asked.key ?? fixture.proxy.key, body));
}

/** What a request is charged whose answer is read to its end. */
async function charged(script: Script, asked: Asked = {}): Promise<Charge> {
  const line = fixture.proxy.nextLine();
  const wire = await send(script, asked);
  await wire.response();
  return chargeIn(await line);
}

/** What a request is charged whose client leaves as soon as it has got `until`, or as soon as the engine has the request. */
async function chargedAfterLeaving(
  script: Script,
  until: string | undefined,
  asked: Asked = {},
): Promise<Charge> {
  const line = fixture.proxy.nextLine();
  const before = fixture.engine.requests.length;
  const wire = await send(script, asked);
  if (until === undefined) await fixture.engine.arrived(before + 1);
  else await wire.until((bytes) => bytes.includes(until));
  wire.close();
  return chargeIn(await line);
}

const stream = { stream: true };
const sse = (...events: readonly string[]): Script => [sseHead, ...events.map((e) => chunk(e))];
const data = (json: object): string => `data: ${JSON.stringify(json)}\n\n`;
const delta = (content: string, more: object = {}): string =>
  data({
    id: 'chatcmpl-1234567890',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
    ...more,
  });
const finish = data({ id: 'c', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
const done = 'data: [DONE]\n\n';
const usage = (prompt_tokens: number, completion_tokens: number) => ({
  usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
});

function near(actual: number, wanted: number, what: string): void {
  assert.ok(actual >= wanted * 0.8 && actual <= wanted * 1.25 + 10, `${what}: ${actual}, about ${wanted}`);
}

test('a whole response is charged what its engine reports, streamed or not', async () => {
  assert.deepEqual(await charged([answer(JSON.stringify({ choices: [], ...usage(11, 5) }))]), told(11, 5));
  const events = [...Array(40).fill(delta('word ')), finish, data({ choices: [], ...usage(11, 5) }), done];
  assert.deepEqual(await charged([...(sse(...events) as []), lastChunk], { body: stream }), told(11, 5));
});

test('leaving a stream of /v1/messages before message_delta is charged for what came', async () => {
  const event = (type: string, more: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
  const start = event('message_start', {
    message: { id: 'a', role: 'assistant', content: [], usage: { input_tokens: 10, output_tokens: 1 } },
  });
  const text = event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'wwwww' } });
  const last = event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'the end' } });
  const script = [...(sse(start, ...Array(399).fill(text), last) as []), forever];
  const charge = await chargedAfterLeaving(script, 'the end', { path: '/v1/messages', body: stream });
  near(charge.output, 400, 'output');
  assert.ok(charge.input >= 10);
  assert.equal(charge.estimated, true);
});

test('usage of zeros, or of a part, in each chunk does not hide what came when the client leaves', async () => {
  const counts = [usage(0, 0), usage(11, 0), usage(11, 1), { usage: { prompt_tokens: 11 } }, { usage: null }];
  for (const count of counts) {
    const script = [
      ...(sse(...Array(399).fill(delta('wwwww', count)), delta('the end', count)) as []),
      forever,
    ];
    const charge = await chargedAfterLeaving(script, 'the end', { body: stream });
    near(charge.output, 400, JSON.stringify(count));
    assert.equal(charge.estimated, true);
  }
});

test('usage of zeros to the end of a whole answer is no usage', async () => {
  const zeros = [
    ...Array(400).fill(delta('wwwww', usage(0, 0))),
    finish,
    data({ choices: [], ...usage(0, 0) }),
    done,
  ];
  const charge = await charged([...(sse(...zeros) as []), lastChunk], { body: stream });
  near(charge.output, 400, 'output');
  assert.ok(charge.input > 0 && charge.estimated);
  const whole = { choices: [{ message: { content: 'word '.repeat(1_000) } }], ...usage(0, 0) };
  near((await charged([answer(JSON.stringify(whole))])).output, 1_250, 'a whole answer');
});

test('what an engine told higher than the estimate is charged when the client leaves', async () => {
  const script = [
    ...(sse(delta('wwwww', usage(5_000, 300)), delta('the end', usage(5_000, 301))) as []),
    forever,
  ];
  assert.deepEqual(await chargedAfterLeaving(script, 'the end', { body: stream }), told(5_000, 301));
});

test('a stream with several tokens in each event is charged by its text', async () => {
  const words = 'several words in one event '.repeat(10);
  const script = [...(sse(...Array(50).fill(delta(words)), delta('the end')) as []), forever];
  near((await chargedAfterLeaving(script, 'the end', { body: stream })).output, (50 * 270) / 4, 'output');
});

test('a client that has the last event has the whole answer, with its usage', async () => {
  const script = [...(sse(delta('a'), finish, data({ choices: [], ...usage(11, 5) }), done) as []), forever];
  assert.deepEqual(await chargedAfterLeaving(script, '[DONE]', { body: stream }), told(11, 5));
});

test('a client that leaves before the answer is charged its prompt, and no more than the context holds', async () => {
  const messages = [{ role: 'user', content: 'p'.repeat(100_000) }];
  const charge = await chargedAfterLeaving([forever], undefined, { body: { messages } });
  near(charge.input, 25_000, 'input');
  assert.equal(charge.output, 0);
  assert.equal(charge.estimated, true);
  const body = { model: 'small', messages };
  assert.deepEqual(await chargedAfterLeaving([forever], undefined, { body }), {
    input: 4_096,
    output: 0,
    estimated: true,
  });
});

test('prompt and answer together are estimated at no more than a context, and one for each choice', async () => {
  const script = [...(sse(...Array(200).fill(delta('x'.repeat(400))), delta('the end')) as []), forever];
  const messages = [{ role: 'user', content: 'p'.repeat(8_000) }];
  const one = await chargedAfterLeaving(script, 'the end', { body: { model: 'small', messages, ...stream } });
  assert.equal(one.input + one.output, 4_096);
  const two = await chargedAfterLeaving(script, 'the end', {
    body: { model: 'small', messages, ...stream, n: 2 },
  });
  near(two.output, 2 * one.output, 'of two');
});

test('leaving in the middle of a whole answer is charged for what came of it', async () => {
  const half = `{"choices":[{"message":{"content":"${'word '.repeat(2_000)}`;
  const script = [
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n`,
    half,
    forever,
  ];
  near((await chargedAfterLeaving(script, 'word word')).output, 2_500, 'output');
});

test('images and sounds are no tokens, in JSON and in forms', async () => {
  const url = `data:image/png;base64,${Buffer.alloc(200_000, 'image').toString('base64')}`;
  const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];
  const charge = await chargedAfterLeaving([forever], undefined, { body: { messages } });
  assert.ok(charge.input > 0 && charge.input < 100, String(charge.input));

  const line = fixture.proxy.nextLine();
  const before = fixture.engine.requests.length;
  fixture.engine.setScript([forever]);
  const part = (head: string, value: string): string =>
    `--b\r\ncontent-disposition: form-data; ${head}\r\n\r\n${value}\r\n`;
  const form = `${part('name="model"', 'm')}${part('name="file"; filename="a.wav"', 'x'.repeat(100_000))}--b--\r\n`;
  const wire = await fixture.send(
    `POST /v1/audio/transcriptions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${fixture.proxy.key}\r\n` +
      `Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${form.length}\r\n\r\n${form}`,
  );
  await fixture.engine.arrived(before + 1);
  wire.close();
  const { input } = chargeIn(await line);
  assert.ok(input > 0 && input < 100, String(input));
});

test('where the engine breaks, what it told is charged and nothing else', async () => {
  for (const end of [close, reset]) {
    for (const [count, charge] of [
      [{}, free],
      [usage(11, 41), told(11, 41)],
    ] as const) {
      const gate = Promise.withResolvers<void>();
      const line = fixture.proxy.nextLine();
      const events = [...Array(40).fill(delta('word ')), delta('the end', count)];
      const wire = await send([...(sse(...events) as []), hold(gate.promise), end], { body: stream });
      await wire.until((bytes) => bytes.includes('the end'));
      gate.resolve();
      await wire.response();
      assert.deepEqual(chargeIn(await line), charge);
    }
  }
  assert.deepEqual(await charged([close]), free);
});

test('an error of the engine is free, whatever it tells', async () => {
  const error = JSON.stringify({ error: { message: 'x'.repeat(4_000) }, ...usage(100, 100) });
  for (const status of ['400 Bad Request', '429 Too Many Requests', '500 Oops', '503 Busy'])
    assert.deepEqual(await charged([answer(error, 'application/json', status)]), free, status);
  const event = data({ error: { message: 'x' } });
  assert.deepEqual(await charged([...(sse(event) as []), lastChunk], { body: stream }), free);
});

test('a key that is revoked in mid-stream is charged what its engine reported', async () => {
  const key = fixture.addKey({});
  const line = fixture.proxy.nextLine();
  const wire = await send([...(sse(delta('a', usage(11, 1)), delta('b', usage(11, 2))) as []), forever], {
    key,
    body: stream,
  });
  await wire.until((bytes) => bytes.includes('"b"'));
  fixture.proxy.revoke(key);
  const ended = await line;
  assert.equal(ended.ending, 'key-ended');
  assert.deepEqual(chargeIn(ended), told(11, 2));
});

test('a client that stalls has left', async () => {
  const line = fixture.proxy.nextLine();
  const text = Array(400)
    .fill(delta('x'.repeat(4_000)))
    .join('');
  const flood: Script = [
    sseHead,
    async (socket) => {
      for (let i = 0; i < 20 && socket.write(chunk(text)); i++);
    },
    forever,
  ];
  const wire = await send(flood, { body: stream });
  wire.socket.pause();
  await fixture.engine.arrived(1);
  let ended: RequestLine | undefined;
  void line.then((l) => {
    ended = l;
  });
  await fixture.until('the client is given up', () => {
    void fixture.clock.move(1_000);
    return ended !== undefined;
  });
  assert.equal(ended?.ending, 'client-left');
  assert.ok(ended !== undefined && ended.chargedOutputTokens > 1_000 && ended.tokensEstimated);
});

test('counts that are no counts are not believed', async () => {
  const odd = ['-5', '1.5', '"7"', '1e3', '99999999999999999999', 'null', '[3]', '{"a":3}'];
  for (const count of odd) {
    const body = `{"choices":[{"message":{"content":"${'word '.repeat(400)}"}}],"usage":{"prompt_tokens":${count},"completion_tokens":${count}}}`;
    const charge = await charged([answer(body)]);
    near(charge.output, 500, count);
    assert.ok(charge.input > 0 && charge.input < 100 && charge.estimated, count);
  }
});

test('what generates nothing is free, and embeddings hold no tokens of an answer', async () => {
  const counting = [answer('{"input_tokens":30000}')];
  const body = { messages: [{ role: 'user', content: 'p'.repeat(100_000) }] };
  assert.deepEqual(await charged(counting, { path: '/v1/messages/count_tokens', body }), free);
  const vector = JSON.stringify({ data: [{ embedding: Array.from({ length: 2_000 }, () => 0.125) }] });
  const charge = await charged([answer(vector)], { path: '/v1/embeddings', body: { input: 'a b c' } });
  assert.equal(charge.output, 0);
  assert.ok(charge.input > 0);
});

test("an engine's own path is charged like any other", async () => {
  const path = '/engine/e0/v1/chat/completions';
  const script = [...(sse(...Array(99).fill(delta('wwwww')), delta('the end')) as []), forever];
  near((await chargedAfterLeaving(script, 'the end', { path, body: stream })).output, 100, 'output');
  const whole = JSON.stringify({ content: 'word '.repeat(1_000) });
  const native = await charged([answer(whole)], { path: '/engine/e0/completion', body: { prompt: 'x' } });
  near(native.output, 1_175, 'native');
});
