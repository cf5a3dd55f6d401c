/**
 * The body that a client receives is the body that the engine sent, byte for byte: on every route, streamed or not,
 * however it is framed and cut into packets.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { routes } from '../../src/gateway/routes.ts';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer, chunk, close, lastChunk, type Steps, sseHead, trickle } from '../helpers/raw-engine.ts';
import { get, type Wire, type WireResponse } from '../helpers/test-gateway.ts';

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

const streamed = { model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] };

async function line() {
  await fixture.until('the request is over', () => fixture.proxy.gateway.inFlight === 0);
  const last = fixture.proxy.lines.at(-1);
  assert.ok(last !== undefined);
  return last;
}

const ndjsonHead = sseHead.replace('text/event-stream', 'application/x-ndjson');
const headOf = (type: string, framing: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${framing}\r\n\r\n`;

// --- every route of the table

/** Every byte value, and what looks like framing, like an event's end, like JSON. */
const anyBytes = Buffer.concat([
  Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
  Buffer.from('\r\n0\r\n\r\n\n\n{"usage":{"prompt_tokens":1}}data: [DONE]\n\n'),
]);

const boundary = 'AaB03x';
const upload = Buffer.concat([
  Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n` +
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n`,
  ),
  anyBytes,
  Buffer.from(`\r\n--${boundary}--\r\n`),
]);

/** The request of a route, and the body that its engine must receive. */
function requestOf(route: (typeof routes)[number]): { readonly bytes: Buffer; readonly body: Buffer } {
  const path = route.pattern
    .replace('{id}', route.id === 'engine.native' ? 'e0' : 'resp_1')
    .replace('{rest}', 'any');
  const method = route.method === 'ANY' ? 'POST' : route.method;
  const isForm = route.model === 'multipart';
  const body = isForm
    ? upload
    : route.model === 'json'
      ? Buffer.from('{"model":"m", "unknown" : [1.0e2, null],"text":"é😀"}')
      : Buffer.alloc(0);
  const type = isForm ? `multipart/form-data; boundary=${boundary}` : 'application/json';
  const fields = method === 'POST' ? `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n` : '';
  const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${adminKey()}\r\n${fields}\r\n`;
  return { bytes: Buffer.concat([Buffer.from(head), body]), body };
}

let admin: string | undefined;
function adminKey(): string {
  admin ??= fixture.addKey({ scopes: ['inference', 'engine:admin'] });
  return admin;
}

const relayed = routes.filter(
  (r) =>
    !['models', 'root', 'health', 'ready', 'metrics', 'me', 'share', 'admin', 'files'].includes(r.handler),
);

describe('both bodies pass untouched:', () => {
  for (const route of relayed) {
    test(`${route.method} ${route.pattern}`, async () => {
      const whole = headOf('application/octet-stream', `Content-Length: ${anyBytes.length}`);
      const chunked = headOf('audio/mpeg', 'Transfer-Encoding: chunked');
      const framings: Steps[] = [
        [Buffer.concat([Buffer.from(whole), anyBytes])],
        [whole, trickle(anyBytes, 61)],
        [chunked, chunk(anyBytes.subarray(0, 100)), chunk(anyBytes.subarray(100)), lastChunk],
        [chunked, trickle(Buffer.concat([chunk(anyBytes), Buffer.from(lastChunk)]), 17)],
        [headOf('application/json', 'Connection: close'), anyBytes, close],
      ];
      for (const steps of framings) {
        fixture.engine.setScript(steps);
        const { bytes, body } = requestOf(route);
        const response = await (await fixture.send(bytes)).response();
        assert.equal(response.status, 200, response.body.toString());
        assert.deepEqual(response.body, anyBytes);
        assert.equal(response.whole, true);
        assert.deepEqual(fixture.lastRequest?.body, body);
      }
    });
  }
});

// --- events

const events = [
  'data: {"a":"é😀"}\n\n',
  ': comment\r\n\r\n',
  'data: {"choices":[{"finish_reason":null}]}\r\n\r\n',
  '\n\n',
  ':\n\n',
  'event: x\rdata: {}\r\r',
  'id: 7\nretry: 3\ndata: a\ndata: b\n\n',
  'data: {"unknown":{"deep":[1.0e2,"\\u0041"]}}\n\n',
  'data: [DONE]\n\n',
];
const stream = Buffer.from(events.join(''));

async function askStream(steps: Steps, path?: string): Promise<WireResponse> {
  const response = await fixture.ask(steps, streamed, path);
  assert.equal(response.whole, true);
  assert.equal((await line()).ending, 'done');
  return response;
}

describe('a stream passes untouched,', () => {
  test('one event a chunk, and its chunks as they are', async () => {
    const framed = Buffer.concat([...events.map((e) => chunk(e)), Buffer.from(lastChunk)]);
    fixture.engine.setScript([sseHead, framed]);
    const wire = await fixture.send(fixture.post(streamed));
    const bytes = await wire.until((b) => b.includes('\r\n0\r\n\r\n'));
    assert.deepEqual(bytes.subarray(bytes.indexOf('\r\n\r\n') + 4), framed);
  });

  test('one byte a packet', async () => {
    const bytes = Buffer.concat([...events.map((e) => chunk(e)), Buffer.from(lastChunk)]);
    const response = await askStream([trickle(Buffer.concat([Buffer.from(sseHead), bytes]))]);
    assert.deepEqual(response.body, stream);
  });

  test('one byte a chunk', async () => {
    const bytes = Buffer.concat([...stream].map((byte) => chunk(Buffer.of(byte))));
    const response = await askStream([sseHead, bytes, lastChunk]);
    assert.deepEqual(response.body, stream);
  });

  test('cut into two packets at every byte', async () => {
    for (let cut = 1; cut < stream.length; cut++) {
      const framed = Buffer.concat([chunk(stream), Buffer.from(lastChunk)]);
      const response = await askStream([
        sseHead,
        framed.subarray(0, cut + 4),
        tick,
        framed.subarray(cut + 4),
      ]);
      assert.deepEqual(response.body, stream, `cut at ${cut}`);
    }
  });

  test('cut into two chunks at every byte', async () => {
    for (let cut = 1; cut < stream.length; cut++) {
      const response = await askStream([
        sseHead,
        Buffer.concat([chunk(stream.subarray(0, cut)), chunk(stream.subarray(cut)), Buffer.from(lastChunk)]),
      ]);
      assert.deepEqual(response.body, stream, `cut at ${cut}`);
    }
  });

  test('with a length, or until the connection closes', async () => {
    const counted = headOf('text/event-stream; charset=utf-8', `Content-Length: ${stream.length}`);
    assert.deepEqual((await askStream([counted, trickle(stream, 5)])).body, stream);
    const open = headOf('text/event-stream', 'Connection: close');
    assert.deepEqual((await askStream([open, trickle(stream, 5), close])).body, stream);
  });

  test('at once: an event is with the client before the next one is made', async () => {
    const wire = await fixture.dial();
    const seen: Promise<Buffer>[] = [];
    const told = Promise.withResolvers<void>();
    fixture.engine.setScript(async (socket) => {
      socket.write(sseHead);
      for (const event of ['data: {"n":0}\n\n', 'data: {"n":1}\n\n', 'data: [DONE]\n\n']) {
        socket.write(chunk(event));
        seen.push(wire.until((bytes) => bytes.includes(event)));
        await seen.at(-1);
      }
      told.resolve();
      socket.write(lastChunk);
    });
    wire.send(fixture.post(streamed));
    await told.promise;
    assert.equal(seen.length, 3);
    assert.equal((await wire.response()).whole, true);
  });

  test('an event of a megabyte, in one chunk and in many', async () => {
    const big = Buffer.from(`data: {"x":"${'😀y'.repeat(200_000)}"}\n\n`);
    const all = Buffer.concat([big, Buffer.from('data: [DONE]\n\n')]);
    assert.deepEqual(
      (await askStream([sseHead, chunk(big), chunk('data: [DONE]\n\n'), lastChunk])).body,
      all,
    );
    const pieces: Buffer[] = [];
    for (let at = 0; at < all.length; at += 4001) pieces.push(chunk(all.subarray(at, at + 4001)));
    assert.deepEqual((await askStream([sseHead, ...pieces, lastChunk])).body, all);
  });

  test('without an end of its last line, where its mark was seen', async () => {
    const body = 'data: {"a":1}\n\ndata: [DONE]';
    assert.equal((await askStream([sseHead, chunk(body), lastChunk])).body.toString(), body);
  });

  test('with events of a dialect that nobody knows', async () => {
    const body =
      'event: novel\ndata: {"type":"novel"}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n';
    assert.equal((await askStream([sseHead, chunk(body), lastChunk], '/v1/messages')).body.toString(), body);
  });
});

const tick = async (): Promise<void> => {
  await new Promise(setImmediate);
  await new Promise(setImmediate);
};

test('a stream of lines passes untouched, cut at every byte', async () => {
  const body = Buffer.from(
    '{"message":{"content":"é😀"},"done":false}\r\n\n{"unknown":1.0e2}\n{"done":true,"eval_count":3}\n',
  );
  for (let cut = 1; cut < body.length; cut++) {
    const framed = [ndjsonHead, chunk(body.subarray(0, cut)), tick, chunk(body.subarray(cut)), lastChunk];
    const response = await askStream(framed, '/api/chat');
    assert.deepEqual(response.body, body, `cut at ${cut}`);
    assert.equal(response.field('content-type'), 'application/x-ndjson');
  }
  assert.equal((await line()).outputTokens, 3);
});

// --- whole answers

test('a whole JSON answer passes untouched, and its usage is read in passing', async () => {
  const body =
    '{"choices":[{"x":1.0e2,"\\u0041":"é😀","n":12345678901234567890,"e":1e400}], "unknown" : null ,"usage":{"prompt_tokens":3,"completion_tokens":4}}';
  const response = await fixture.ask([answer(body)]);
  assert.equal(response.body.toString(), body);
  assert.equal(response.field('content-length'), String(Buffer.byteLength(body)));
  const { inputTokens, outputTokens } = await line();
  assert.deepEqual([inputTokens, outputTokens], [3, 4]);
});

test('embeddings pass untouched in both encodings', async () => {
  const floats =
    '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0,-0.0,1e-45,0.1]}]}';
  const base64 = '{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAAIA="}]}';
  for (const body of [floats, base64]) {
    assert.equal((await fixture.ask([answer(body)], { model: 'm' }, '/v1/embeddings')).body.toString(), body);
  }
});

test('an answer of eight megabytes passes untouched', async () => {
  const bytes = Buffer.alloc(8 * 1024 * 1024);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31) >> 3;
  const response = await fixture.ask([answer(bytes, 'audio/wav')], { model: 'm' }, '/v1/audio/speech');
  assert.equal(Buffer.compare(response.body, bytes), 0);
});

test('an empty 200 is no answer to a prompt, streamed or not', async () => {
  const bare = headOf('application/json', 'Transfer-Encoding: chunked');
  for (const body of [{ model: 'm' }, { model: 'm', stream: true }]) {
    for (const script of [[answer('')], [answer('', 'text/event-stream')], [bare, lastChunk]]) {
      const response = await fixture.ask(script, body);
      assert.equal(response.status, 502);
      assert.match(response.body.toString(), /engine_cut/);
    }
  }
});

// --- other clients

function http10(wire: Wire, more = ''): Wire {
  return wire.send(fixture.post(streamed, '/v1/chat/completions', more).replace('HTTP/1.1', 'HTTP/1.0'));
}

test('a client of HTTP/1.0 gets a stream that ends with the connection', async () => {
  for (const more of ['', 'Connection: keep-alive\r\n']) {
    fixture.engine.setScript([sseHead, ...events.map((e) => chunk(e)), lastChunk]);
    const wire = http10(await fixture.dial(), more);
    const response = await wire.response();
    assert.equal(response.field('transfer-encoding'), undefined);
    assert.deepEqual(response.body, stream);
    assert.equal(wire.ended, true);
    assert.equal(fixture.lastRequest?.head.split('\r\n')[0]?.endsWith('HTTP/1.1'), true);
  }
});

test('a client of HTTP/1.0 gets a whole answer with its length', async () => {
  fixture.engine.setScript([headOf('application/json', 'Content-Length: 7'), '{"a":1}']);
  const response = await http10(await fixture.dial()).response();
  assert.equal(response.field('content-length'), '7');
  assert.equal(response.body.toString(), '{"a":1}');
});

test('a cut stream of HTTP/1.0 ends in its error event', async () => {
  fixture.engine.setScript([sseHead, chunk('data: {"a":1}\n\n'), close]);
  const response = await http10(await fixture.dial()).response();
  assert.match(response.body.toString(), /^data: \{"a":1\}\n\ndata: \{"error":/);
});

test('HEAD has the head of the answer and no body, and the connection goes on', async () => {
  const cases: readonly (readonly [path: string, bytes: string, length: string | undefined])[] = [
    ['/api/version', headOf('application/json', 'Content-Length: 9'), '9'],
    ['/api/version', headOf('application/json', 'Transfer-Encoding: chunked'), undefined],
    [
      '/v1/responses/resp_1?stream=true',
      headOf('text/event-stream', 'Transfer-Encoding: chunked'),
      undefined,
    ],
  ];
  const wire = await fixture.dial();
  for (const [path, bytes, length] of cases) {
    fixture.engine.setScript([bytes]);
    wire.send(get(path, fixture.proxy.key).replace('GET', 'HEAD'));
    const head = await wire.until((received) => received.includes('\r\n\r\n'));
    assert.match(head.toString(), /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal(/^content-length: (.*)$/im.exec(head.toString())?.[1]?.trim(), length);
    assert.equal(fixture.lastRequest?.method, 'HEAD');
    assert.equal((await line()).ending, 'done');
    // What comes next on the connection is the next answer, from its first byte.
    wire.skip(head.indexOf('\r\n\r\n') + 4);
    fixture.engine.setScript([answer('{"next":1}')]);
    wire.send(fixture.post({ model: 'm' }));
    assert.equal((await wire.response()).body.toString(), '{"next":1}');
  }
});

test('answers of one connection come one after the other, each whole', async () => {
  fixture.engine.setScript((_socket, request) => [answer(request.body)]);
  const wire = await fixture.dial();
  wire.send([1, 2, 3].map((n) => fixture.post({ model: 'm', n })).join(''));
  for (const n of [1, 2, 3]) assert.equal((await wire.response()).body.toString(), `{"model":"m","n":${n}}`);
});

test('a GET keeps its connection', async () => {
  const wire = await fixture.dial();
  for (let i = 0; i < 3; i++) {
    wire.send(get('/v1/models', fixture.proxy.key));
    const response = await wire.response();
    assert.equal(response.status, 200);
    assert.equal(response.field('connection'), 'keep-alive');
  }
});
