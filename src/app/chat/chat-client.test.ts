import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertNoLeaks, type Stock, takeStock } from '../../../test/helpers/leaks.ts';
import {
  answer,
  chunk,
  close,
  lastChunk,
  type RawEngine,
  type Steps,
  sseHead,
  startRawEngine,
} from '../../../test/helpers/raw-engine.ts';
import { systemClock } from '../../core/clock.ts';
import { ProxyError } from '../../core/errors.ts';
import { ChatClient, type ChatPiece } from './chat-client.ts';

/** The proxy, as far as a client can see. */
let proxy: RawEngine;
let stock: Stock;
before(async () => {
  stock = takeStock();
  proxy = await startRawEngine([]);
});
after(async () => {
  await proxy.close();
  await assertNoLeaks(stock);
});

const open = new AbortController().signal;
const question = [{ role: 'user', content: 'hi' }] as const;

function client(renewals: boolean[] = []): ChatClient {
  return new ChatClient({
    clock: systemClock,
    access: async (renew) => {
      renewals.push(renew);
      return { url: proxy.url, key: renew ? 'second' : 'first' };
    },
  });
}

const event = (value: unknown): Buffer =>
  chunk(`data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`);
const delta = (fields: object, finish: string | null = null): Buffer =>
  event({ model: 'real-name', choices: [{ index: 0, delta: fields, finish_reason: finish }] });
const head = sseHead.replace('\r\n\r\n', '\r\nX-Request-Id: req_1\r\n\r\n');

async function ask(steps: Steps, signal = open) {
  proxy.setScript([...steps, close]);
  const pieces: ChatPiece[] = [];
  const result = await client().answer('m', question, (piece) => pieces.push(piece), signal);
  return { pieces, result };
}

test('an answer comes in pieces, reasoning apart from text, with what the engine reports about itself', async () => {
  const usage = { prompt_tokens: 3, completion_tokens: 5 };
  const { pieces, result } = await ask([
    head,
    delta({ role: 'assistant', content: '' }),
    delta({ reasoning_content: 'Hm. ' }),
    delta({ reasoning: 'Well.' }),
    delta({ content: 'He' }),
    delta({ content: 'llo' }, 'stop'),
    event({ choices: [], usage }),
    event('[DONE]'),
    lastChunk,
  ]);

  assert.deepEqual(pieces, [
    { kind: 'reasoning', text: 'Hm. ' },
    { kind: 'reasoning', text: 'Well.' },
    { kind: 'text', text: 'He' },
    { kind: 'text', text: 'llo' },
  ]);
  const { firstTokenMs, totalMs, ...told } = result;
  assert.deepEqual(told, {
    model: 'real-name',
    text: 'Hello',
    reasoning: 'Hm. Well.',
    finishReason: 'stop',
    usage: { inputTokens: 3, outputTokens: 5 },
    requestId: 'req_1',
  });
  assert.ok(firstTokenMs !== null && firstTokenMs <= totalMs);
});

test('the request carries the key, asks for a stream and for the usage', async () => {
  const before = proxy.requests.length;
  await ask([head, delta({ content: 'x' }, 'stop'), lastChunk]);

  const request = proxy.requests[before];
  assert.equal(request?.field('authorization'), 'Bearer first');
  assert.deepEqual(JSON.parse(request?.body.toString() ?? ''), {
    model: 'm',
    messages: question,
    stream: true,
    stream_options: { include_usage: true },
  });
});

test('an engine that answers in one piece is understood too', async () => {
  const whole = { choices: [{ message: { role: 'assistant', content: 'Hello' }, finish_reason: 'length' }] };
  const { pieces, result } = await ask([answer(JSON.stringify(whole))]);

  assert.deepEqual(pieces, [{ kind: 'text', text: 'Hello' }]);
  assert.deepEqual([result.finishReason, result.usage, result.model], ['length', null, 'm']);
});

const failsWith = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ProxyError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, text);
  return true;
};

const refusals: readonly (readonly [string, string, RegExp])[] = [
  ['of flm and OpenAI', '{"error":{"message":"There is no model m."}}', /^There is no model m\.$/],
  ['of Ollama', '{"error":"model not found"}', /^model not found\.$/],
  ['of FastAPI', '{"detail":"Not Found"}', /^Not Found\.$/],
  ['without a shape', 'Bad gateway', /^Bad gateway \(status 404\)$/],
  ['without a word', '', /status 404 and no message/],
];
for (const [name, body, text] of refusals) {
  test(`a refusal ${name} is reported with its own message`, async () => {
    const steps = [answer(body, 'application/json', '404 Not Found', 'X-Request-Id: req_7\r\n')];
    await assert.rejects(ask(steps), (error) => {
      failsWith('CHAT_REFUSED', text)(error);
      assert.match((error as ProxyError).hint, /flm explain req_7/);
      return true;
    });
  });
}

test('an error in the middle of a stream is reported after the text before it', async () => {
  const steps = [head, delta({ content: 'He' }), event({ error: { message: 'out of memory' } }), lastChunk];
  proxy.setScript([...steps, close]);
  const pieces: string[] = [];

  await assert.rejects(
    client().answer('m', question, (p) => pieces.push(p.text), open),
    failsWith('CHAT_REFUSED', /^out of memory\.$/),
  );
  assert.deepEqual(pieces, ['He']);
});

test('a stream that ends without its mark was cut', async () => {
  await assert.rejects(ask([head, delta({ content: 'He' }), lastChunk]), failsWith('CHAT_CUT', /too early/));
});

test('a broken connection is reported as one', async () => {
  await assert.rejects(
    ask([head, delta({ content: 'He' })]),
    failsWith('CHAT_CUT', /connection .* was lost/),
  );
});

test('an event that is no JSON ends the answer', async () => {
  await assert.rejects(ask([head, event('{"choi'), lastChunk]), failsWith('CHAT_CUT', /not valid JSON/));
});

test('a key that the proxy does not know is renewed once', async () => {
  const renewals: boolean[] = [];
  proxy.setScript((_socket, request) =>
    request.field('authorization') === 'Bearer second'
      ? [head, delta({ content: 'x' }, 'stop'), lastChunk, close]
      : [answer('{"error":{"message":"No valid API key"}}', 'application/json', '401 Unauthorized'), close],
  );
  assert.equal((await client(renewals).answer('m', question, () => {}, open)).text, 'x');
  assert.deepEqual(renewals, [false, true]);

  proxy.setScript([
    answer('{"error":{"message":"No valid API key"}}', 'application/json', '401 Unauthorized'),
    close,
  ]);
  await assert.rejects(
    client().answer('m', question, () => {}, open),
    failsWith('CHAT_REFUSED', /No valid API key/),
  );
});

test('a proxy that is not there is looked for once more', async () => {
  const gone = await startRawEngine([]);
  await gone.close();
  proxy.setScript([answer('{"data":[{"id":"a","owned_by":"e"},{"id":"b"}]}'), close]);
  const found = new ChatClient({
    clock: systemClock,
    access: async (renew) => ({ url: renew ? proxy.url : gone.url, key: 'k' }),
  });
  const lost = new ChatClient({ clock: systemClock, access: async () => ({ url: gone.url, key: 'k' }) });

  assert.deepEqual(await found.models(open), [
    { id: 'a', owner: 'e' },
    { id: 'b', owner: '' },
  ]);
  await assert.rejects(lost.models(open), failsWith('CHAT_CUT', /not there any more/));
});

test('a connection that never was is not called lost', async () => {
  // A broadcast address takes no connection.
  const unreachable = new ChatClient({
    clock: systemClock,
    access: async () => ({ url: 'http://255.255.255.255:1', key: 'k' }),
  });

  await assert.rejects(unreachable.models(open), failsWith('CHAT_CUT', /cannot be reached/));
});

test('an abort ends the request and rejects with its reason, before and after the first token', async () => {
  for (const early of [true, false]) {
    const stop = new AbortController();
    const reason = new Error('stopped');
    proxy.setScript((socket) => {
      if (early) stop.abort(reason);
      else socket.write(Buffer.concat([Buffer.from(head), delta({ content: 'He' })]));
    });
    const asked = client().answer('m', question, () => stop.abort(reason), stop.signal);
    await assert.rejects(asked, reason);
    await proxy.deserted();
  }
});
