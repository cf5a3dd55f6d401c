/**
 * Engines that break off, lie or speak something else. Before the commit a client gets a real status; after it an event
 * stream ends in one error event and any other body in a destroyed connection: never what could be taken for a whole
 * answer.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import {
  answer,
  chunk,
  close,
  hold,
  lastChunk,
  reset,
  type Script,
  type Step,
  type Steps,
  sseHead,
  trickle,
} from '../helpers/raw-engine.ts';
import type { WireResponse } from '../helpers/test-gateway.ts';

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

const streamed = { model: 'm', stream: true };
const chunkedJson = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
const never: Step = hold(new Promise(() => {}));

async function lastLine(): Promise<{ readonly code: string | null; readonly ending: string }> {
  await fixture.until('the request is over', () => fixture.proxy.gateway.inFlight === 0);
  const line = fixture.proxy.lines.at(-1);
  assert.ok(line !== undefined);
  return line;
}

function errorOf(response: WireResponse): { readonly code?: string; readonly message?: string } {
  return JSON.parse(response.body.toString()).error;
}

// --- before the commit: a real status

const beforeTheCommit: readonly (readonly [name: string, steps: Steps, status: number, code: string])[] = [
  ['closes without a byte', [close], 502, 'ENGINE_RESET'],
  ['resets without a byte', [reset], 502, 'ENGINE_RESET'],
  ['closes in the middle of its head', ['HTTP/1.1 200 OK\r\nContent-', close], 502, 'ENGINE_RESET'],
  ['greets like SSH', ['SSH-2.0-OpenSSH_9.9\r\n'], 502, 'ENGINE_PROTOCOL'],
  ['sends status 099', ['HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'], 502, 'ENGINE_PROTOCOL'],
  ['sends status 999', ['HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'], 502, 'ENGINE_PROTOCOL'],
  [
    'sends two lengths',
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    502,
    'ENGINE_PROTOCOL',
  ],
  [
    'sends a length and a transfer coding',
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
    502,
    'ENGINE_PROTOCOL',
  ],
  ['ends a line in a bare LF', ['HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\n{}'], 502, 'ENGINE_PROTOCOL'],
  ['holds a bare CR', ['HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\n{}'], 502, 'ENGINE_PROTOCOL'],
  ['holds a NUL', ['HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}'], 502, 'ENGINE_PROTOCOL'],
  [
    'sends a head of 100 KB',
    [`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(100_000)}\r\nContent-Length: 2\r\n\r\n{}`],
    502,
    'ENGINE_PROTOCOL',
  ],
  [
    'switches protocols unasked',
    ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n'],
    502,
    'ENGINE_PROTOCOL',
  ],
  [
    'stacks content codings',
    [answer('x', 'application/json', '200 OK', 'Content-Encoding: gzip, gzip\r\n')],
    502,
    'ENGINE_PROTOCOL',
  ],
  [
    'compresses an event stream',
    [sseHead.replace('\r\n\r\n', '\r\nContent-Encoding: gzip\r\n\r\n'), chunk('x'), lastChunk],
    502,
    'ENGINE_CODED_STREAM',
  ],
  [
    'redirects to a metadata service',
    ['HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n'],
    502,
    'ENGINE_REDIRECTED',
  ],
  [
    'breaks its first chunk, where the head has not left yet',
    [`${chunkedJson}xyz\r\n`],
    502,
    'ENGINE_PROTOCOL',
  ],
  [
    'closes behind its head, where no byte of the body came',
    ['HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n', close],
    502,
    'ENGINE_CUT',
  ],
  ['ends an event stream that has no event', [sseHead + lastChunk], 502, 'ENGINE_CUT'],
];

describe('before the commit a client gets a real status from an engine that', () => {
  for (const [name, steps, status, code] of beforeTheCommit) {
    test(name, async () => {
      const response = await fixture.ask(steps, streamed);
      assert.equal(response.status, status);
      assert.equal(response.whole, true);
      assert.equal(response.field('location'), undefined);
      assert.equal(errorOf(response).code, code.toLowerCase());
      assert.equal((await lastLine()).code, code);
      assert.equal(
        fixture.proxy.directory.ends.at(-1),
        code === 'ENGINE_RESET' || code === 'ENGINE_CUT' ? 'reset' : 'protocol',
      );
    });
  }

  test('never answers: 504 after the limit, and the request is taken back', async () => {
    const asked = fixture.ask([never], { model: 'm' });
    await fixture.engine.arrived(fixture.engine.requests.length + 1);
    await fixture.clock.move(599_000);
    assert.equal(fixture.proxy.gateway.inFlight, 1);
    await fixture.clock.move(2_000);
    const response = await asked;
    assert.equal(response.status, 504);
    assert.equal(errorOf(response).code, 'engine_timeout');
    assert.equal((await lastLine()).ending, 'timeout');
    assert.equal(fixture.proxy.directory.ends.at(-1), 'timeout');
    await fixture.engine.deserted();
  });
});

test('an error body of each dialect says what happened', async () => {
  const cases: readonly (readonly [path: string, shape: RegExp])[] = [
    [
      '/v1/chat/completions',
      /^\{"error":\{"message":"The engine closed .*"type":"server_error","code":"engine_reset"/,
    ],
    ['/v1/responses', /^\{"error":\{"message":"The engine closed /],
    ['/v1/messages', /^\{"type":"error","error":\{"type":"api_error","message":"The engine closed /],
    ['/api/chat', /^\{"error":"The engine closed /],
  ];
  for (const [path, shape] of cases) {
    const response = await fixture.ask([close], { model: 'm' }, path);
    assert.equal(response.status, 502);
    assert.match(response.body.toString(), shape, path);
    assert.equal(response.field('x-request-id'), response.field('request-id'));
  }
});

test("an engine's own error passes as it is, of any status", async () => {
  for (const status of [
    '400 Bad Request',
    '404 Not Found',
    '429 Too Many Requests',
    '500 Oops',
    '503 Busy',
    '529 Odd',
  ]) {
    const body = '{"error":{"message":"of the engine"}}';
    const response = await fixture.ask([answer(body, 'application/json', status, 'Retry-After: 7\r\n')]);
    assert.equal(response.status, Number(status.slice(0, 3)));
    assert.equal(response.body.toString(), body);
    assert.equal(response.field('retry-after'), '7');
  }
});

// --- after the commit

const event = 'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":null}]}\n\n';

const cuts: readonly (readonly [name: string, steps: Steps])[] = [
  ['closes', [chunk('data: {"unfini'), close]],
  ['resets', [chunk('data: {"unfini'), reset]],
  ['closes in the middle of a chunk', ['ff\r\ndata: {"unfini', close]],
  ['breaks a chunk size', [chunk('data: {"unfini'), 'zz\r\n']],
  ['writes more than its chunk holds', ['3\r\ndata: more than three\r\n']],
  ['ends its body properly, in the middle of an event', [chunk('data: {"unfini'), lastChunk]],
  ['ends its body properly, without its terminal mark', [lastChunk]],
];

describe('after the commit an event stream ends in one error event where an engine', () => {
  for (const [name, steps] of cuts) {
    test(name, async () => {
      const gate = Promise.withResolvers<void>();
      fixture.engine.setScript([sseHead, chunk(event), hold(gate.promise), ...steps]);
      const wire = await fixture.send(fixture.post(streamed));
      await wire.until((bytes) => bytes.includes('"hi"'));
      gate.resolve();
      const response = await wire.response();
      const text = response.body.toString();
      assert.equal(response.status, 200);
      assert.equal(response.whole, true);
      assert.ok(text.startsWith(event));
      const rest = text.slice(event.length);
      assert.match(
        rest,
        /^data: \{"error":\{"message":"[^"]+","type":"server_error","code":"engine_(?:cut|protocol)","param":null\}\}\n\n$/,
      );
      assert.equal((await lastLine()).ending, 'engine-broke');
    });
  }
});

const dialects: readonly (readonly [path: string, head: string, first: string, last: RegExp])[] = [
  [
    '/v1/responses',
    sseHead,
    'event: response.created\ndata: {"type":"response.created","sequence_number":0}\n\n',
    /^event: response\.failed\ndata: (\{"type":"response\.failed",.*"status":"failed","error":\{"code":"server_error","message":"The engine [^"]+"\}.*\})\n\n$/,
  ],
  [
    '/v1/messages',
    sseHead,
    'event: message_start\ndata: {"type":"message_start"}\n\n',
    /^event: error\ndata: (\{"type":"error","error":\{"type":"api_error","message":"The engine [^"]+"\},"request_id":"[^"]+"\})\n\n$/,
  ],
  [
    '/v1/completions',
    sseHead,
    'data: {"choices":[{"text":"a"}]}\n\n',
    /^data: (\{"error":\{"message":"The engine [^"]+".*\}\})\n\n$/,
  ],
  [
    '/api/chat',
    sseHead.replace('text/event-stream', 'application/x-ndjson'),
    '{"message":{"content":"a"},"done":false}\n',
    /^(\{"error":"The engine [^"]+","request_id":"[^"]+"\})\n$/,
  ],
  [
    '/api/generate',
    sseHead.replace('text/event-stream', 'application/x-ndjson; charset=utf-8'),
    '{"response":"a","done":false}\n',
    /^(\{"error":"The engine [^"]+","request_id":"[^"]+"\})\n$/,
  ],
];

describe('the error event of a cut stream has the form of its dialect:', () => {
  for (const [path, head, first, last] of dialects) {
    test(path, async () => {
      const response = await fixture.ask([head, chunk(first), chunk('{"torso'), reset], streamed, path);
      const text = response.body.toString();
      assert.equal(response.whole, true);
      assert.ok(text.startsWith(first), text);
      const found = last.exec(text.slice(first.length));
      assert.ok(found !== null, text);
      assert.equal(typeof JSON.parse(found[1] as string), 'object');
      assert.ok(!text.includes('[DONE]') && !text.includes('torso'));
    });
  }
});

test('a stream with a length ends in an error event, and not in bytes beyond its length', async () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 400\r\n\r\n';
  const response = await fixture.ask([head + event, reset], streamed);
  assert.equal(response.field('content-length'), undefined);
  assert.equal(response.whole, true);
  assert.match(response.body.toString().slice(event.length), /^data: \{"error"/);
});

test('a stream that ends with the connection is whole with its mark, and cut without', async () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n';
  const cut = await fixture.ask([head + event, close], streamed);
  assert.match(cut.body.toString().slice(event.length), /^data: \{"error"/);
  const whole = await fixture.ask([`${head + event}data: [DONE]\n\n`, close], streamed);
  assert.equal(whole.body.toString(), `${event}data: [DONE]\n\n`);
});

test('a stream that ends with the connection in the middle of an event is cut, behind its mark too', async () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n';
  const finished = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n';
  for (const rest of ['data: [DON', 'data: {"choices":[],"usage":{"prompt_to', ': a comm', 'dat']) {
    const { body } = await fixture.ask([head + finished + rest, close], streamed);
    assert.match(body.toString().slice(finished.length), /^data: \{"error"/, rest);
  }
  for (const rest of ['', 'data: [DONE]', 'data: [DONE]\n', 'data: {"choices":[],"usage":null}']) {
    const { body } = await fixture.ask([head + finished + rest, close], streamed);
    assert.equal(body.toString(), finished + rest);
  }
});

const marks: readonly (readonly [path: string, ndjson: boolean, last: string])[] = [
  ['/v1/chat/completions', false, 'data: [DONE]\n\n'],
  ['/v1/chat/completions', false, 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'],
  ['/v1/completions', false, 'data: {"choices":[{"text":"","finish_reason":"length"}]}\n\n'],
  ['/v1/messages', false, 'event: message_stop\ndata: {"type":"message_stop"}\n\n'],
  ['/v1/responses', false, 'event: response.completed\ndata: {"type":"response.completed"}\n\n'],
  ['/v1/responses', false, 'event: response.incomplete\ndata: {"type":"response.incomplete"}\n\n'],
  ['/v1/audio/speech', false, 'data: {"type":"speech.audio.delta"}\n\n'],
  ['/api/chat', true, '{"done":true}\n'],
  ['/api/generate', true, '{"response":"","done":true}'],
  ['/api/chat', true, '{"error":"the engine itself says so"}\n'],
  ['/v1/chat/completions', false, 'data: {"error":{"message":"the engine itself says so"}}\n\n'],
];

test('a stream with its terminal mark, or with an error of its own, is whole', async () => {
  for (const [path, ndjson, last] of marks) {
    const head = ndjson ? sseHead.replace('text/event-stream', 'application/x-ndjson') : sseHead;
    const response = await fixture.ask([head, chunk(last), lastChunk], streamed, path);
    assert.equal(response.body.toString(), last);
    assert.equal(response.whole, true);
    assert.equal((await lastLine()).ending, 'done');
  }
});

const bodies: readonly (readonly [name: string, steps: Steps])[] = [
  [
    'JSON with a length',
    ['HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"half', reset],
  ],
  ['JSON in chunks', [chunkedJson, chunk('{"half'), close]],
  ['JSON in chunks that break', [chunkedJson, chunk('{"half'), 'zz\r\n']],
  [
    'audio bytes',
    [
      'HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\n\r\n',
      chunk('ID3'),
      reset,
    ],
  ],
];

describe('any other body that is cut ends in a destroyed connection:', () => {
  for (const [name, steps] of bodies) {
    test(name, async () => {
      const gate = Promise.withResolvers<void>();
      const [first = '', ...rest] = steps;
      const at = rest.findIndex((s) => typeof s === 'function' || s === 'zz\r\n');
      fixture.engine.setScript([first, ...rest.slice(0, at), hold(gate.promise), ...rest.slice(at)]);
      const wire = await fixture.send(fixture.post({ model: 'm' }));
      await wire.until((bytes) => bytes.includes('{"half') || bytes.includes('ID3'));
      gate.resolve();
      const response = await wire.response();
      assert.equal(response.status, 200);
      assert.equal(response.whole, false);
      assert.equal(wire.ended, true);
      assert.equal((await lastLine()).ending, 'engine-broke');
    });
  }
});

test('bytes that arrived together with the fault of their body still reach the client', async () => {
  const response = await fixture.ask([
    Buffer.concat([Buffer.from(chunkedJson), chunk('{"half'), Buffer.from('zz\r\n')]),
  ]);
  assert.equal(response.body.toString(), '{"half');
  assert.equal(response.whole, false);
});

test('an event of which 64 KB are out is cut by destroying the connection', async () => {
  const gate = Promise.withResolvers<void>();
  fixture.engine.setScript([sseHead, chunk(`data: ${'x'.repeat(70_000)}`), hold(gate.promise), reset]);
  const wire = await fixture.send(fixture.post(streamed));
  await wire.until((bytes) => bytes.length > 70_000);
  gate.resolve();
  const response = await wire.response();
  assert.equal(response.whole, false);
  assert.ok(!response.body.includes('error'));
});

test('an engine that falls silent in its answer is given up after the limit', async () => {
  fixture.engine.setScript([sseHead, chunk(event), never]);
  const wire = await fixture.send(fixture.post(streamed));
  await wire.until((bytes) => bytes.includes('"hi"'));
  await fixture.clock.move(301_000);
  const response = await wire.response();
  assert.match(response.body.toString(), /"code":"engine_stalled"/);
  assert.equal(response.whole, true);
  assert.equal((await lastLine()).ending, 'timeout');
});

test('one byte a minute is no silence', async () => {
  const bytes = Buffer.concat([chunk(event), chunk('data: [DONE]\n\n'), Buffer.from(lastChunk)]);
  fixture.engine.setScript(async (socket) => {
    socket.write(sseHead);
    for (const byte of bytes) {
      socket.write(Buffer.of(byte));
      await fixture.clock.move(60_000);
    }
  });
  const wire = await fixture.send(fixture.post(streamed));
  const response = await wire.response();
  assert.equal(response.body.toString(), `${event}data: [DONE]\n\n`);
});

// --- what of an engine's head comes through

test('of the head only what is on the list comes through', async () => {
  const response = await fixture.ask([
    answer(
      '{}',
      'application/json; charset=utf-8',
      '200 OK',
      [
        'Set-Cookie: a=b',
        'Access-Control-Allow-Origin: *',
        'Access-Control-Allow-Credentials: true',
        'Server: uvicorn',
        'Strict-Transport-Security: max-age=1',
        'Alt-Svc: h3=":443"',
        'Location: http://evil/',
        'Link: <x>',
        'X-Request-Id: theirs',
        'Keep-Alive: timeout=5',
        'Trailer: X',
        'WWW-Authenticate: Basic',
        'Cache-Control: no-store',
        'OpenAI-Processing-Ms: 7',
        '',
      ].join('\r\n'),
    ),
  ]);
  const names = response.head
    .split('\r\n')
    .slice(1)
    .map((line) => line.slice(0, line.indexOf(':')).toLowerCase())
    .filter((name) => name !== 'date' && name !== 'connection')
    .sort();
  assert.deepEqual(names, [
    'cache-control',
    'content-length',
    'content-type',
    'openai-processing-ms',
    'request-id',
    'x-request-id',
  ]);
  assert.match(response.field('x-request-id') ?? '', /^req_/);
  assert.notEqual(response.field('keep-alive'), 'timeout=5');
});

test('a compressed whole answer passes as it is, coding and all', async () => {
  const bytes = Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 255, 0]);
  const response = await fixture.ask([
    answer(bytes, 'application/json', '200 OK', 'Content-Encoding: gzip\r\n'),
  ]);
  assert.equal(response.field('content-encoding'), 'gzip');
  assert.deepEqual(response.body, bytes);
  assert.equal(fixture.lastRequest?.field('accept-encoding'), 'identity');
});

test('trailers are dropped', async () => {
  const response = await fixture.ask([chunkedJson, chunk('{}'), '0\r\nX-Evil: 1\r\nSet-Cookie: a=b\r\n\r\n']);
  assert.equal(response.body.toString(), '{}');
  assert.equal(response.whole, true);
  assert.ok(!response.head.includes('Evil'));
});

test('interim answers are dropped, and a thousand of them are no answer', async () => {
  const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n';
  const response = await fixture.ask([hint.repeat(20), answer('{"after":"hints"}')]);
  assert.equal(response.status, 200);
  assert.equal(response.body.toString(), '{"after":"hints"}');
  assert.ok(!response.head.includes('</x>'));
  assert.equal((await fixture.ask([hint.repeat(1000)])).status, 502);
});

test('bytes behind an answer are no answer to the next request', async () => {
  const first = await fixture.ask([Buffer.concat([answer('{"a":1}'), answer('{"poison":true}')])]);
  assert.equal(first.body.toString(), '{"a":1}');
  const second = await fixture.ask([answer('{"b":2}')]);
  assert.equal(second.body.toString(), '{"b":2}');
});

test('a 204 has no body, whatever its head says', async () => {
  const response = await fixture.ask(['HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n']);
  assert.ok(response.status === 204 || response.status === 502);
  assert.equal(response.body.length, 0);
});

test('a wrong content type changes nothing of the bytes', async () => {
  for (const body of ['<p>not events</p>\n\n', 'data: {"choices":[]}\n\ndata: [DONE]\n\n']) {
    const response = await fixture.ask([answer(body, 'text/html')], streamed);
    assert.equal(response.field('content-type'), 'text/html');
    assert.equal(response.body.toString(), body);
  }
});

// --- early commit

async function silent(script: Script, path = '/v1/chat/completions') {
  fixture.engine.setScript(script);
  const before = fixture.engine.requests.length;
  const wire = await fixture.send(fixture.post(streamed, path));
  await fixture.engine.arrived(before + 1);
  await fixture.clock.move(29_000);
  assert.equal(wire.received.length, 0);
  await fixture.clock.move(2_000);
  const head = await wire.until((bytes) => bytes.includes('\r\n\r\n'));
  assert.match(head.toString(), /^HTTP\/1\.1 200 OK\r\n/);
  return wire;
}

describe('a stream is committed after 30 s of silence, and', () => {
  test('the events that come then pass untouched', async () => {
    const gate = Promise.withResolvers<void>();
    const wire = await silent([
      hold(gate.promise),
      sseHead,
      chunk(event),
      chunk('data: [DONE]\n\n'),
      lastChunk,
    ]);
    gate.resolve();
    const response = await wire.response();
    assert.equal(response.field('content-type'), 'text/event-stream; charset=utf-8');
    assert.equal(response.body.toString(), `${event}data: [DONE]\n\n`);
    assert.equal((await lastLine()).ending, 'done');
  });

  test('an error that comes then is told as an event, in the words of the engine', async () => {
    const body = '{"error":{"message":"prompt\\nis too long"}}';
    const shapes: Steps[] = [
      [answer(body, 'application/json', '400 Bad Request')],
      [chunkedJson.replace('200 OK', '400 Bad Request'), chunk(`${body}\n\n`), lastChunk],
      [
        trickle(
          Buffer.concat([
            Buffer.from(chunkedJson.replace('200 OK', '400 Bad Request')),
            chunk(body),
            Buffer.from(lastChunk),
          ]),
        ),
      ],
    ];
    for (const shape of shapes) {
      const gate = Promise.withResolvers<void>();
      const wire = await silent([hold(gate.promise), ...shape]);
      gate.resolve();
      const response = await wire.response();
      assert.match(
        response.body.toString(),
        /^data: \{"error":\{"message":"The engine answered with status 400 after a long silence: prompt\\nis too long",.*\}\}\n\n$/,
      );
      assert.equal(response.whole, true);
      assert.equal((await lastLine()).code, 'ENGINE_CUT');
    }
  });

  test('a connection that closes then is told as an event', async () => {
    const gate = Promise.withResolvers<void>();
    const wire = await silent([hold(gate.promise), reset], '/v1/messages');
    gate.resolve();
    const response = await wire.response();
    assert.match(
      response.body.toString(),
      /^event: error\ndata: \{"type":"error","error":\{"type":"api_error"/,
    );
  });

  test('a redirect that comes then is told as an event', async () => {
    const gate = Promise.withResolvers<void>();
    const wire = await silent([
      hold(gate.promise),
      'HTTP/1.1 302 Found\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n',
    ]);
    gate.resolve();
    const response = await wire.response();
    assert.match(response.body.toString(), /"code":"engine_redirected"/);
    assert.ok(!response.body.includes('evil'));
  });

  test('an Ollama stream gets the head of one', async () => {
    const gate = Promise.withResolvers<void>();
    const wire = await silent(
      [
        hold(gate.promise),
        sseHead.replace('text/event-stream', 'application/x-ndjson'),
        chunk('{"done":true}\n'),
        lastChunk,
      ],
      '/api/chat',
    );
    gate.resolve();
    const response = await wire.response();
    assert.equal(response.field('content-type'), 'application/x-ndjson');
    assert.equal(response.body.toString(), '{"done":true}\n');
  });
});

test('an answer that is not streamed waits for as long as the engine may take', async () => {
  const gate = Promise.withResolvers<void>();
  fixture.engine.setScript([hold(gate.promise), answer('{"late":true}')]);
  const before = fixture.engine.requests.length;
  const wire = await fixture.send(fixture.post({ model: 'm' }));
  await fixture.engine.arrived(before + 1);
  await fixture.clock.move(300_000);
  assert.equal(wire.received.length, 0);
  gate.resolve();
  assert.equal((await wire.response()).body.toString(), '{"late":true}');
});

test('a silent stream sends no heartbeat unless that is configured', async () => {
  const gate = Promise.withResolvers<void>();
  fixture.engine.setScript([sseHead, chunk(event), hold(gate.promise), chunk('data: [DONE]\n\n'), lastChunk]);
  const wire = await fixture.send(fixture.post(streamed));
  await wire.until((bytes) => bytes.includes('"hi"'));
  await fixture.clock.move(120_000);
  gate.resolve();
  assert.equal((await wire.response()).body.toString(), `${event}data: [DONE]\n\n`);
});
