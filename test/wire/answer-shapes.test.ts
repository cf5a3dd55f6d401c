/**
 * Answers under another content type than their bytes: what was asked for and what the bytes look like decide which rules
 * hold, and head and bytes stay as the engine sent them.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { RequestLine } from '../../src/core/proxy/proxy-handle.ts';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer, chunk, close, hold, lastChunk, type Script, trickle } from '../helpers/raw-engine.ts';
import type { WireResponse } from '../helpers/test-gateway.ts';

let stock: Stock;
let fixture: GatewayFixture;
before(() => {
  stock = takeStock();
});
beforeEach(async () => {
  fixture = await GatewayFixture.open();
});
afterEach(async () => {
  await fixture.settle();
  await fixture.close();
});
after(() => assertNoLeaks(stock));

const chat = '/v1/chat/completions';
const streamed = { model: 'm', stream: true };
const data = (json: object): string => `data: ${JSON.stringify(json)}\n\n`;
const text = data({ choices: [{ index: 0, delta: { content: 'word' }, finish_reason: null }] });
const counted = data({ choices: [], usage: { prompt_tokens: 11, completion_tokens: 5 } });
const done = 'data: [DONE]\n\n';
const whole =
  '{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":5}}';

/** Types that say nothing of events; '' for no field. */
const types = ['application/json', 'text/plain; charset=utf-8', 'text/html', 'application/octet-stream', ''];

function headOf(type: string, framing = 'Transfer-Encoding: chunked'): string {
  const field = type === '' ? '' : `Content-Type: ${type}\r\n`;
  return `HTTP/1.1 200 OK\r\n${field}${framing}\r\n\r\n`;
}

async function ask(
  script: Script,
  body: object = streamed,
  path = chat,
): Promise<{ readonly response: WireResponse; readonly line: RequestLine }> {
  const line = fixture.proxy.nextLine();
  const response = await fixture.ask(script, body, path);
  return { response, line: await line };
}

const told = (line: RequestLine) => [line.inputTokens, line.outputTokens];

test('a whole stream of events under another type passes as it is, with its usage', async () => {
  for (const type of types) {
    for (const body of [streamed, { model: 'm' }]) {
      const events = [text, counted, done].map((e) => chunk(e));
      const { response, line } = await ask([headOf(type), ...events, lastChunk], body);
      assert.equal(response.body.toString(), text + counted + done);
      assert.equal(response.field('content-type') ?? '', type);
      assert.deepEqual([line.ending, line.streamed, ...told(line)], ['done', true, 11, 5], type);
    }
  }
});

test('a stream of events under another type that is cut ends as one', async () => {
  for (const type of types) {
    for (const body of [streamed, { model: 'm' }]) {
      for (const end of [[lastChunk], [close]]) {
        const { response, line } = await ask([headOf(type), chunk(text), ...end], body);
        assert.equal(line.ending, 'engine-broke', type);
        const got = response.body.toString();
        assert.ok(got.startsWith(text) && got.includes('"code":"engine_cut"'), got);
        assert.equal(response.whole, true);
      }
    }
  }
});

test('a length that the engine told is not promised for a stream, which may need an error behind it', async () => {
  const { response, line } = await ask([answer(text)]);
  assert.equal(response.field('content-length'), undefined);
  assert.match(response.body.toString(), /engine_cut/);
  assert.equal(line.ending, 'engine-broke');
});

test('events are known by any first line, behind a byte order mark and blank lines, however they are cut', async () => {
  for (const first of [
    'data: 1\n\n',
    'data:\n\n',
    ':hi\n\n',
    'event: x\n',
    'id: 1\n',
    'retry: 3\n',
    '\r\n\n',
    '\ufeff',
  ]) {
    const body = Buffer.from(`${first}${text}${done}`);
    for (const script of [
      [headOf('application/json'), chunk(body), lastChunk],
      [
        headOf('application/json'),
        trickle(Buffer.concat([...body].map((b) => chunk(Buffer.of(b))))),
        lastChunk,
      ],
      [headOf('application/json', `Content-Length: ${body.length}`), trickle(body)],
    ]) {
      const { response, line } = await ask(script);
      assert.deepEqual(response.body, body);
      assert.deepEqual([line.ending, line.streamed], ['done', true], first);
    }
  }
});

test('each dialect has its own mark under any type', async () => {
  const cases = [
    [
      '/v1/messages',
      'event: message_start\ndata: {"type":"message_start"}\n\n',
      'event: message_stop\ndata: {}\n\n',
      /event: error/,
    ],
    [
      '/v1/responses',
      'event: response.created\ndata: {"type":"response.created"}\n\n',
      'data: {"type":"response.completed"}\n\n',
      /response\.failed/,
    ],
    ['/api/chat', '{"message":{"content":"x"},"done":false}\n', '{"done":true,"eval_count":3}\n', /"error":/],
    ['/v1/completions', text, done, /engine_cut/],
  ] as const;
  for (const [path, first, last, error] of cases) {
    const complete = await ask(
      [headOf('application/json'), chunk(first), chunk(last), lastChunk],
      streamed,
      path,
    );
    assert.equal(complete.response.body.toString(), first + last);
    assert.equal(complete.line.ending, 'done', path);
    const cut = await ask([headOf('application/json'), chunk(first), lastChunk], streamed, path);
    assert.equal(cut.line.ending, 'engine-broke', path);
    assert.match(cut.response.body.toString(), error);
  }
});

test('one whole answer where a stream was asked for is whole by its framing, and keeps its length', async () => {
  for (const type of types.filter((t) => t !== 'application/octet-stream')) {
    const { response, line } = await ask([answer(whole, type)]);
    assert.equal(response.body.toString(), whole);
    assert.equal(response.field('content-length'), String(whole.length));
    assert.deepEqual([line.ending, line.streamed, ...told(line)], ['done', false, 11, 5], type);
  }
});

test('one whole answer under the type of a stream is whole by its framing', async () => {
  for (const type of ['text/event-stream', 'Text/Event-Stream; charset=utf-8']) {
    for (const body of [streamed, { model: 'm' }]) {
      for (const json of [whole, JSON.stringify(JSON.parse(whole), null, 2)]) {
        const { response, line } = await ask([answer(json, type)], body);
        assert.equal(response.body.toString(), json);
        assert.deepEqual([line.ending, ...told(line)], ['done', 11, 5]);
      }
    }
  }
});

test('the usage of one whole answer is read under any type, and its text counted where none is told', async () => {
  const untold = JSON.stringify({ choices: [{ message: { content: 'word '.repeat(400) } }] });
  for (const type of [...types, 'audio/wav', 'image/png', 'video/mp4', 'text/event-stream'])
    for (const body of [streamed, { model: 'm' }]) {
      for (const framing of [undefined, `Content-Length: ${whole.length}`]) {
        const bytes = framing === undefined ? [chunk(whole), lastChunk] : [whole];
        const { line } = await ask([headOf(type, framing), ...bytes], body);
        assert.deepEqual(told(line), [11, 5], type);
      }
      const { line } = await ask([headOf(type), chunk(untold), lastChunk], body);
      assert.ok((line.chargedOutputTokens ?? 0) > 300, `${type} ${line.chargedOutputTokens}`);
    }
});

test('an answer of blanks alone is none, under any type and framing, whatever was asked for', async () => {
  for (const type of [...types, 'text/event-stream', 'application/x-ndjson'])
    for (const blanks of ['\n', ' \r\n\t\n', '\ufeff', '\ufeff\n\n'])
      for (const body of [streamed, { model: 'm' }])
        for (const path of [chat, '/v1/messages', '/v1/responses', '/api/chat']) {
          const bytes = Buffer.from(blanks);
          const length = [headOf(type, `Content-Length: ${bytes.length}`), bytes];
          const chunks = [headOf(type), chunk(bytes), lastChunk];
          for (const script of [length, chunks]) {
            const { line } = await ask(script, body, path);
            assert.equal(line.ending, 'engine-broke', `${type} ${JSON.stringify(blanks)} ${path}`);
          }
        }
});

test("Ollama's lines are told from one object, whatever the type and what was asked for", async () => {
  const lines =
    '{"message":{"content":"x"},"done":false}\n{"done":true,"prompt_eval_count":11,"eval_count":5}\n';
  const object = '{"message":{"content":"x"},"done":true,"prompt_eval_count":11,"eval_count":5}';
  const spaced = JSON.stringify(JSON.parse(object), null, 2);
  for (const type of ['application/json', 'text/plain', 'application/x-ndjson']) {
    for (const body of [streamed, { model: 'm', stream: false }]) {
      for (const sent of [
        lines,
        object,
        `${object}\n`,
        ...(type === 'application/x-ndjson' ? [] : [spaced]),
      ]) {
        for (const script of [
          [answer(sent, type)],
          [
            headOf(type),
            trickle(Buffer.concat([...Buffer.from(sent)].map((b) => chunk(Buffer.of(b))))),
            lastChunk,
          ],
        ]) {
          const { response, line } = await ask(script, body, '/api/chat');
          assert.equal(response.body.toString(), sent);
          assert.deepEqual([line.ending, ...told(line)], ['done', 11, 5], JSON.stringify([type, body, sent]));
        }
      }
      const { line } = await ask([answer(`${lines.split('\n')[0]}\n`, type)], body, '/api/chat');
      assert.equal(line.ending, 'engine-broke');
    }
  }
});

test('an engine that fails before it shows what its answer is gets a real status', async () => {
  for (const first of ['', '\n', 'da', '\ufeff']) {
    const { response } = await ask([
      headOf('application/json'),
      ...(first === '' ? [] : [chunk(first)]),
      close,
    ]);
    assert.equal(response.status, 502, JSON.stringify(first));
  }
});

test('after a long silence an answer of events goes on under any type, and any other is told as an error', async () => {
  for (const [body, expected] of [
    [text + done, text + done],
    [whole, /status 200 after a long silence/],
  ] as const) {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([hold(gate.promise), answer(body)]);
    const before = fixture.engine.requests.length;
    const wire = await fixture.send(fixture.post(streamed));
    await fixture.engine.arrived(before + 1);
    await fixture.clock.move(31_000);
    await wire.until((bytes) => bytes.includes('200 OK'));
    gate.resolve();
    const got = (await wire.response()).body.toString();
    if (typeof expected === 'string') assert.ok(got.includes(expected), got);
    else assert.match(got, expected);
  }
});
