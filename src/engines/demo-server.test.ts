import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import { openLine } from '../../test/helpers/probe-line.ts';
import { parseResponse } from '../../test/helpers/test-gateway.ts';
import { type DemoEngine, startDemoEngine } from './demo-server.ts';
import { embed, speak } from './demo-speech.ts';
import { createEngine } from './probe-request.ts';

let folder = '';
let demo: DemoEngine;
let clock: MovedClock;
const sockets: Socket[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flm-demo-'));
  clock = new MovedClock();
  demo = await startDemoEngine({ socketPath: join(folder, 'demo.sock'), clock });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
after(async () => {
  await demo.close();
  assert.equal(clock.timers, 0, 'a closed demo engine leaves no timer');
  assert.equal(existsSync(join(folder, 'demo.sock')), false, 'nor its socket');
  await rm(folder, { recursive: true });
});

interface Exchange {
  readonly socket: Socket;
  readonly bytes: () => Buffer;
}

function send(method: string, path: string, body?: unknown): Exchange {
  const socket = connect({ path: join(folder, 'demo.sock') });
  sockets.push(socket);
  let bytes = Buffer.alloc(0);
  socket.on('data', (part: Buffer) => {
    bytes = Buffer.concat([bytes, part]);
  });
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  socket.write(
    `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return { socket, bytes: () => bytes };
}

/** The whole answer; time is moved on until it is there. */
async function ask(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly text: string }> {
  const { socket, bytes } = send(method, path, body);
  let ended = false;
  socket.once('close', () => {
    ended = true;
  });
  while (!ended) await clock.move(40);
  const response = parseResponse(bytes(), true);
  assert.ok(response?.whole, 'the answer is complete');
  return { status: response.status, text: response.body.toString() };
}

const chat = (more: object = {}) => ({
  model: 'flm-demo',
  messages: [
    { role: 'system', content: 'Be short.' },
    { role: 'user', content: 'What is  flm?' },
  ],
  ...more,
});

function events(text: string): readonly DemoEvent[] {
  return text
    .split('\n\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice('data: '.length)) as DemoEvent);
}
/** An event as this test reads it. */
interface DemoEvent {
  readonly choices: readonly {
    readonly delta?: { readonly content?: string };
    readonly text?: string;
    readonly finish_reason: string | null;
  }[];
  readonly usage?: object | null;
}

test('it says that it is no model, repeats the question, and says the same each time', async () => {
  const first = await ask('POST', '/v1/chat/completions', chat());
  assert.equal(first.status, 200);
  const body = JSON.parse(first.text);
  assert.equal(body.object, 'chat.completion');
  assert.equal(body.choices[0].finish_reason, 'stop');
  assert.match(
    body.choices[0].message.content,
    /demo engine of flm, not a language model\. You wrote: "What is flm\?"/,
  );
  assert.deepEqual(body.usage, {
    prompt_tokens: 5,
    completion_tokens: speak('What is flm?').length,
    total_tokens: 5 + speak('What is flm?').length,
  });
  const again = JSON.parse((await ask('POST', '/v1/chat/completions', chat())).text);
  assert.deepEqual(again.choices, body.choices);
});

test('a stream comes in pieces that make up the whole, ends with its reason and [DONE], and tells usage only if asked', async () => {
  const { text } = await ask('POST', '/v1/chat/completions', chat({ stream: true }));
  const got = events(text);
  assert.equal(got.map((e) => e.choices[0]?.delta?.content ?? '').join(''), speak('What is flm?').join(''));
  assert.equal(got.at(-1)?.choices[0]?.finish_reason, 'stop');
  assert.ok(text.endsWith('data: [DONE]\n\n'));
  assert.equal(
    got.some((e) => 'usage' in e),
    false,
  );
  const asked = events(
    (
      await ask(
        'POST',
        '/v1/chat/completions',
        chat({ stream: true, stream_options: { include_usage: true } }),
      )
    ).text,
  );
  assert.deepEqual(asked.at(-1)?.choices, []);
  assert.ok(asked.at(-1)?.usage);
  assert.equal(asked[0]?.usage, null);
});

test('it speaks about 25 tokens a second', async () => {
  const { socket, bytes } = send('POST', '/v1/chat/completions', chat({ stream: true }));
  // The head comes at once, the words with time.
  while (!bytes().includes('\r\n\r\n')) await once(socket, 'data');
  assert.equal(events(bytes().toString()).length, 0);
  for (let second = 1; second <= 2; second++) {
    const wanted = 25 * second;
    await clock.move(1000);
    while (bytes().toString().split('data: {').length - 1 < wanted) await once(socket, 'data');
    assert.equal(bytes().toString().split('data: {').length - 1, wanted);
  }
});

test('a client that leaves ends its answer', async () => {
  const { socket, bytes } = send('POST', '/v1/chat/completions', chat({ stream: true }));
  while (!bytes().includes('\r\n\r\n')) await once(socket, 'data');
  assert.equal(clock.timers, 1);
  socket.destroy();
  while (clock.timers > 0) await new Promise(setImmediate);
});

test('max_tokens cuts it short and says so', async () => {
  for (const limit of [{ max_tokens: 3 }, { max_completion_tokens: 3, max_tokens: 9 }]) {
    const body = JSON.parse((await ask('POST', '/v1/chat/completions', chat(limit))).text);
    assert.equal(body.choices[0].message.content, 'I am the');
    assert.equal(body.choices[0].finish_reason, 'length');
    assert.equal(body.usage.completion_tokens, 3);
  }
});

test('plain completions work like chat, streamed or not', async () => {
  const whole = JSON.parse(
    (await ask('POST', '/v1/completions', { model: 'flm-demo', prompt: 'Hello' })).text,
  );
  assert.equal(whole.object, 'text_completion');
  assert.match(whole.choices[0].text, /You wrote: "Hello"/);
  const { text } = await ask('POST', '/v1/completions', {
    model: 'flm-demo',
    prompt: ['Hello'],
    stream: true,
  });
  assert.equal(
    events(text)
      .map((e) => e.choices[0]?.text ?? '')
      .join(''),
    whole.choices[0].text,
  );
});

test('parts of a message are heard, pictures are not', async () => {
  const content = [
    { type: 'text', text: 'Look here' },
    { type: 'image_url', image_url: { url: 'data:...' } },
  ];
  const body = JSON.parse(
    (await ask('POST', '/v1/chat/completions', chat({ messages: [{ role: 'user', content }] }))).text,
  );
  assert.match(body.choices[0].message.content, /You wrote: "Look here"/);
});

test('embeddings are unit vectors that depend on the text alone, the same as floats and as base64', async () => {
  const floats = JSON.parse(
    (await ask('POST', '/v1/embeddings', { model: 'flm-demo', input: ['a', 'b', 'a'] })).text,
  );
  const [a, b, again] = floats.data.map((d: { embedding: number[] }) => d.embedding);
  assert.deepEqual(a, again);
  assert.notDeepEqual(a, b);
  assert.equal(a.length, 64);
  assert.ok(Math.abs(Math.hypot(...a) - 1) < 1e-6);
  assert.deepEqual(floats.usage, { prompt_tokens: 3, total_tokens: 3 });
  const coded = JSON.parse(
    (await ask('POST', '/v1/embeddings', { model: 'flm-demo', input: 'a', encoding_format: 'base64' })).text,
  );
  const bytes = Buffer.from(coded.data[0].embedding, 'base64');
  assert.deepEqual([...new Float32Array(bytes.buffer, bytes.byteOffset, 64)], a);
  const short = JSON.parse(
    (await ask('POST', '/v1/embeddings', { model: 'flm-demo', input: 'a', dimensions: 10 })).text,
  );
  assert.equal(short.data[0].embedding.length, 10);
  assert.deepEqual(embed('a', 10), embed('a', 10));
});

test('it lists its one model', async () => {
  const list = JSON.parse((await ask('GET', '/v1/models')).text);
  assert.deepEqual(
    list.data.map((m: { id: string }) => m.id),
    ['flm-demo'],
  );
  assert.equal(JSON.parse((await ask('GET', '/v1/models/flm-demo')).text).id, 'flm-demo');
});

test('what is wrong with a request is said in the envelope of OpenAI', async () => {
  const table: readonly (readonly [string, string, unknown, number, string | null, RegExp])[] = [
    ['POST', '/v1/chat/completions', chat({ model: 'gpt-4' }), 404, 'model_not_found', /only flm-demo/],
    ['POST', '/v1/chat/completions', '{', 400, null, /not JSON/],
    ['POST', '/v1/chat/completions', '[]', 400, null, /body/i],
    ['POST', '/v1/chat/completions', chat({ messages: [] }), 400, null, /messages/],
    ['POST', '/v1/chat/completions', chat({ max_tokens: -1 }), 400, null, /max_tokens/],
    ['GET', '/v1/chat/completions', undefined, 405, null, /POST/],
    ['POST', '/v1/models', {}, 405, null, /GET/],
    ['GET', '/v1/nothing', undefined, 404, null, /has no path/],
    ['POST', '/v1/embeddings', ' '.repeat(5 * 1024 * 1024), 413, null, /at most/],
  ];
  for (const [method, path, body, status, code, message] of table) {
    const got = await ask(method, path, body);
    assert.equal(got.status, status, `${method} ${path}`);
    const { error } = JSON.parse(got.text);
    assert.deepEqual([error.type, error.param, error.code], ['invalid_request_error', null, code]);
    assert.match(error.message, message);
  }
});

test('its own kind of probe finds it on its socket, and a socket that a killed proxy left is replaced', async () => {
  const path = join(folder, 'left.sock');
  await writeFile(path, '');
  const other = await startDemoEngine({ socketPath: path, clock });
  const line = openLine();
  const result = await createEngine(other.ref, line).probe(new AbortController().signal);
  assert.equal(result.state, 'running');
  assert.deepEqual(result.state === 'running' && result.models, [
    { id: 'flm-demo', contextLength: 8192, ownedBy: 'flm' },
  ]);
  assert.deepEqual([other.ref.id, other.ref.kind, other.ref.origin], ['demo', 'demo', 'demo']);
  line.upstream.close();
  await other.close();
});
