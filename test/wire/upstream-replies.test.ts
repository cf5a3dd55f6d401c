/**
 * What of an engine's answers is taken and what is refused, over real sockets. Every refused answer is tried in one
 * write and byte by byte: the verdict may not hang on how the bytes are cut.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { EngineUpstream } from '../../src/upstream/upstream.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import {
  answer,
  chunk,
  close,
  lastChunk,
  type RawEngine,
  sseHead,
  startRawEngine,
  trickle,
} from '../helpers/raw-engine.ts';
import { attemptTo, type RecordingSink, send } from '../helpers/recording-sink.ts';

let stock: Stock;
let engine: RawEngine;
let upstream: EngineUpstream;
before(async () => {
  stock = takeStock();
  engine = await startRawEngine([]);
  upstream = new EngineUpstream({ clock: systemClock, poolIdleMs: 3_500 });
});
afterEach(async () => {
  assert.equal(upstream.stats().flights, 0);
  // What was taken may be reused; each test begins with a new connection.
  upstream.close();
  upstream = new EngineUpstream({ clock: systemClock, poolIdleMs: 3_500 });
  await engine.deserted();
});
after(async () => {
  upstream.close();
  await engine.close();
  await assertNoLeaks(stock);
});

const ok = 'HTTP/1.1 200 OK\r\n';
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;

/** Sends GET, or the method given, to an engine that answers with these bytes and then closes. */
function ask(bytes: string | Buffer, method = 'GET', cut = false): Promise<RecordingSink> {
  engine.setScript([cut ? trickle(bytes) : bytes, close]);
  return send(upstream, attemptTo(engine.port, { method })).over;
}

const refused: Readonly<Record<string, string>> = {
  'another protocol': 'SSH-2.0-OpenSSH_9.6\r\n',
  'a page without a head': '<html>hello</html>',
  'an empty line before the status line': `\r\n${ok}Content-Length: 0\r\n\r\n`,
  'HTTP/2.0': 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.2': 'HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n',
  'a lower-case protocol': 'http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'the status 099': 'HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n',
  'the status 999': 'HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n',
  'the status 600': 'HTTP/1.1 600 No\r\nContent-Length: 0\r\n\r\n',
  'a status of two digits': 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n',
  'a status of four digits': 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n',
  'two blanks before the status': 'HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n',
  'bare LF': 'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
  'one bare LF between fields': `${ok}A: b\nContent-Length: 0\r\n\r\n`,
  'bare CR in a value': `${ok}A: b\rContent-Length: 3\r\nContent-Length: 0\r\n\r\n`,
  'CR LF CR and another byte': `${ok}Content-Length: 0\r\n\rX`,
  'NUL in a value': `${ok}A: b\0c\r\nContent-Length: 0\r\n\r\n`,
  'NUL in a reason': 'HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n',
  'DEL in a value': `${ok}A: b\x7f\r\nContent-Length: 0\r\n\r\n`,
  'a control character in a value': `${ok}A: \x0bb\r\nContent-Length: 0\r\n\r\n`,
  'a folded line': `${ok}A: b\r\n c\r\nContent-Length: 0\r\n\r\n`,
  'a folded transfer coding': `${ok}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  'a blank before the first field': `${ok} A: b\r\nContent-Length: 0\r\n\r\n`,
  'a blank before the colon': `${ok}Content-Length : 0\r\n\r\n`,
  'a line without a colon': `${ok}Content-Length 0\r\n\r\n`,
  'a field without a name': `${ok}: b\r\nContent-Length: 0\r\n\r\n`,
  'a name that is no token': `${ok}Content(Length: 0\r\n\r\n`,
  'a name beyond ASCII': `${ok}\xc3\xa9: b\r\nContent-Length: 0\r\n\r\n`,
  'two different lengths': `${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
  'two equal lengths': `${ok}Content-Length: 1\r\ncontent-length: 1\r\n\r\na`,
  'a list of lengths': `${ok}Content-Length: 1, 1\r\n\r\na`,
  'a length with a sign': `${ok}Content-Length: +1\r\n\r\na`,
  'a negative length': `${ok}Content-Length: -1\r\n\r\na`,
  'a length in hexadecimal': `${ok}Content-Length: 0x1\r\n\r\na`,
  'an empty length': `${ok}Content-Length:\r\n\r\na`,
  'a length beyond all numbers': `${ok}Content-Length: 18446744073709551616\r\n\r\na`,
  'a length and chunks': `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'chunks and a length': `${ok}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  'chunked twice': `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'chunked, chunked': `${ok}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  'gzip, chunked': `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  ',chunked': `${ok}Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n`,
  'chunked and a tab': `${ok}Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n`,
  'an unknown transfer coding': `${ok}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  'identity as transfer coding': `${ok}Transfer-Encoding: identity\r\n\r\nabc`,
  'chunks from HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  '101 without being asked': 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  'a head of 20 KB': `${ok}A: ${'b'.repeat(20_000)}\r\nContent-Length: 0\r\n\r\n`,
  'a head without end': `${ok}${'a: b\r\n'.repeat(3_000)}`,
  '200 fields': `${ok}${'a: b\r\n'.repeat(200)}Content-Length: 0\r\n\r\n`,
  '65 interim answers': 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(65) + answer('late').toString(),
  'an interim answer that is malformed': `HTTP/1.1 103 Hints\r\nA : b\r\n\r\n${answer('late')}`,
  'an interim answer with a length': `HTTP/1.1 103 Hints\r\nContent-Length: 0\r\n\r\n${answer('late')}`,
  'an interim answer that closes': `HTTP/1.1 103 Hints\r\nConnection: close\r\n\r\n${answer('late')}`,
  'an interim answer of HTTP/1.0': `HTTP/1.0 103 Hints\r\n\r\n${answer('late')}`,
  'a chunk extension': `${chunked}2;a=b\r\nxx\r\n0\r\n\r\n`,
  'a chunk extension on the last chunk': `${chunked}0;a\r\n\r\n`,
  'a blank behind a chunk size': `${chunked}2 \r\nxx\r\n0\r\n\r\n`,
  'a chunk size with 0x': `${chunked}0x2\r\nxx\r\n0\r\n\r\n`,
  'a chunk size of nine digits': `${chunked}000000002\r\nxx\r\n0\r\n\r\n`,
  'a negative chunk size': `${chunked}-2\r\nxx\r\n0\r\n\r\n`,
  'no chunk size': `${chunked}\r\nxx\r\n0\r\n\r\n`,
  'a chunk size that ends in LF': `${chunked}2\nxx\r\n0\r\n\r\n`,
  'a chunk size that ends in CR': `${chunked}2\rxx\r\n0\r\n\r\n`,
  'a chunk that is longer than its size': `${chunked}2\r\nxxXX\r\n0\r\n\r\n`,
  'a chunk that ends in LF': `${chunked}2\r\nxx\n0\r\n\r\n`,
  'a chunk that ends in two CR': `${chunked}2\r\nxx\r\r0\r\n\r\n`,
  'a broken chunk behind good ones': `${chunked}1\r\na\r\n1\r\nb\r\n1\r\nccc\r\n0\r\n\r\n`,
  'a malformed trailer': `${chunked}1\r\na\r\n0\r\nA b\r\n\r\n`,
  'a folded trailer': `${chunked}0\r\nA: b\r\n c\r\n\r\n`,
  'a length in the trailers': `${chunked}1\r\na\r\n0\r\nContent-Length: 1\r\n\r\n`,
  'trailers without end': `${chunked}0\r\n${'a: b\r\n'.repeat(2_000)}`,
};

for (const [name, bytes] of Object.entries(refused)) {
  test(`refused: ${name}`, async () => {
    const whole = await ask(bytes);
    assert.equal(whole.outcome, 'ENGINE_PROTOCOL');
    assert.equal(whole.error?.row.retry, 'answered');
    // Closed by us: a broken reader must not go on.
    await engine.deserted();
    if (bytes.length > 2_000) return;
    const cut = await ask(bytes, 'GET', true);
    assert.equal(cut.outcome, 'ENGINE_PROTOCOL');
    assert.equal(cut.payload.toString(), whole.payload.toString(), 'the same payload before the fault');
  });
}

test('nothing of a refused response head is forwarded, nor of its body', async () => {
  const sink = await ask(`${ok}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`);
  assert.equal(sink.engineHead, undefined);
  assert.equal(sink.size, 0);
});

test('good chunks before a broken one arrive, the broken one ends the answer', async () => {
  const sink = await ask(`${chunked}1\r\na\r\n1\r\nb\r\n1\r\nccc\r\n0\r\n\r\n`);
  assert.equal(sink.payload.toString(), 'abc', 'the payload as far as it agrees with its sizes');
  assert.equal(sink.outcome, 'ENGINE_PROTOCOL');
});

const taken: readonly {
  readonly name: string;
  readonly bytes: string;
  readonly method?: string;
  readonly framing: string;
  readonly payload: string;
}[] = [
  {
    name: 'a body with its length',
    bytes: answer('{"a":1}').toString(),
    framing: 'length',
    payload: '{"a":1}',
  },
  { name: 'an empty body', bytes: answer('').toString(), framing: 'length', payload: '' },
  {
    name: 'chunks',
    bytes: `${sseHead}${chunk('ab')}${chunk('c')}${lastChunk}`,
    framing: 'chunked',
    payload: 'abc',
  },
  { name: 'no chunks', bytes: `${sseHead}${lastChunk}`, framing: 'chunked', payload: '' },
  {
    name: 'sizes in both cases and with zeros',
    bytes: `${sseHead}00A\r\n0123456789\r\n0000a\r\n0123456789\r\n000\r\n\r\n`,
    framing: 'chunked',
    payload: '01234567890123456789',
  },
  {
    name: 'trailers, which are dropped',
    bytes: `${sseHead}${chunk('ab')}0\r\nDigest: x\r\nB: \r\n\r\n`,
    framing: 'chunked',
    payload: 'ab',
  },
  {
    name: 'a coding in capitals',
    bytes: `${ok}transfer-encoding:CHUNKED\r\n\r\n${chunk('ab')}${lastChunk}`,
    framing: 'chunked',
    payload: 'ab',
  },
  {
    name: 'a body until the end of the connection',
    bytes: `${ok}Content-Type: text/plain\r\n\r\nuntil the end`,
    framing: 'close',
    payload: 'until the end',
  },
  {
    name: 'HTTP/1.0',
    bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab',
    framing: 'length',
    payload: 'ab',
  },
  {
    name: 'a status line without a reason',
    bytes: 'HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab',
    framing: 'length',
    payload: 'ab',
  },
  {
    name: 'interim answers before it',
    bytes: `${'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(64)}${answer('ab')}`,
    framing: 'length',
    payload: 'ab',
  },
  { name: '204', bytes: 'HTTP/1.1 204 No Content\r\n\r\n', framing: 'none', payload: '' },
  {
    name: '204 with a length',
    bytes: 'HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc',
    framing: 'none',
    payload: '',
  },
  {
    name: '304 with the length of something else',
    bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 300\r\n\r\n',
    framing: 'none',
    payload: '',
  },
  {
    name: 'an answer to HEAD',
    bytes: `${ok}Content-Length: 300\r\n\r\n`,
    method: 'HEAD',
    framing: 'none',
    payload: '',
  },
  { name: 'a chunked answer to HEAD', bytes: sseHead, method: 'HEAD', framing: 'none', payload: '' },
];

for (const { name, bytes, method, framing, payload } of taken) {
  test(`taken: ${name}`, async () => {
    for (const cut of [false, true]) {
      const sink = await ask(bytes, method, cut);
      assert.equal(sink.outcome, 'end');
      assert.equal(sink.engineHead?.framing, framing);
      assert.equal(sink.payload.toString(), payload);
    }
  });
}

test('fields come with lower-case names and trimmed values, in order and unchanged', async () => {
  const sink = await ask(`${ok}X-B:  two words  \r\nx-a:\r\nX-B: caf\xe9\r\nContent-Length: 0\r\n\r\n`);
  assert.deepEqual(sink.engineHead?.fields, ['x-b', 'two words', 'x-a', '', 'x-b', 'caf\xe9']);
  assert.equal(sink.engineHead?.contentLength, 0);
  assert.equal(sink.engineHead?.status, 200);
});

test('the length that an answer to HEAD tells is passed on', async () => {
  const sink = await ask(`${ok}Content-Length: 300\r\n\r\n`, 'HEAD');
  assert.equal(sink.engineHead?.contentLength, 300);
});

test('a redirect is an answer like any other, and is not followed', async () => {
  const sink = await ask(
    'HTTP/1.1 307 There\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n',
  );
  assert.equal(sink.engineHead?.status, 307);
  assert.equal(engine.requests.at(-1)?.head.includes('169.254'), false);
});

test('whole chunks of one read arrive in one call and in place', async () => {
  const sink = await ask(`${sseHead}${chunk('a')}${chunk('bc')}${chunk('def')}${lastChunk}`);
  assert.equal(sink.framedCalls, 1);
  assert.equal(sink.dataCalls, 0);
});

test('a read of thousands of chunks arrives in few pieces', async () => {
  const sink = await ask(`${sseHead}${chunk('x').toString().repeat(3_000)}${lastChunk}`);
  assert.equal(sink.size, 3_000);
  assert.equal(sink.outcome, 'end');
  assert(sink.framedCalls + sink.dataCalls <= 10, `${sink.framedCalls} framed, ${sink.dataCalls} data`);
});
