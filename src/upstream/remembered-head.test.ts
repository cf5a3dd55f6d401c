/** What a connection to an engine remembers of a response head, and for how long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineHead } from '../core/engine/upstream.ts';
import { makeChunkMap } from './chunk-reader.ts';
import { ResponseParser } from './response-parser.ts';

/** A parser that carries one response after another, and the heads that it reported. */
function connection() {
  const heads: EngineHead[] = [];
  const parser = new ResponseParser(
    {
      onHead: (head) => {
        heads.push(head);
        return true;
      },
      onData: () => true,
      onFramed: () => true,
    },
    makeChunkMap(),
  );
  return {
    parser,
    heads,
    /** Returns the head, or the fault. */
    answer(text: string): EngineHead | string {
      parser.reset(false);
      const bytes = Buffer.from(text, 'latin1');
      const at = parser.feed(bytes, 0, bytes.length);
      if (parser.fault !== undefined) return parser.fault;
      assert.equal(at, bytes.length, 'nothing follows the response');
      const head = heads.at(-1);
      assert(head !== undefined);
      return head;
    },
  };
}

const isRepeated = (head: EngineHead | string) => typeof head === 'object' && head.repeated === true;

const answerOf = (body: string, fields = '') =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;

test('the third response with the same head is not parsed, and has its own length', () => {
  const { answer } = connection();
  const first = answer(answerOf('{}'));
  assert(!isRepeated(first) && !isRepeated(answer(answerOf('{}'))));
  for (const body of ['{}', '', '[1]', 'x'.repeat(12_345)]) {
    const head = answer(answerOf(body));
    assert(typeof head === 'object' && head.repeated === true);
    assert.equal(head.contentLength, body.length);
    assert.deepEqual(head.fields, ['content-type', 'application/json']);
  }
});

test('a head that differs in one byte is parsed', () => {
  const text = answerOf('{}');
  const headEnd = text.indexOf('\r\n\r\n') + 4;
  for (let at = 0; at < headEnd; at++) {
    const { answer } = connection();
    answer(text);
    answer(text);
    assert(isRepeated(answer(text)));
    const other = `${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`;
    const fresh = tryAnswer(connection().answer, other);
    assert.deepEqual(tryAnswer(answer, other), fresh, `byte ${at}`);
  }
});

function tryAnswer(answer: (text: string) => EngineHead | string, text: string): unknown {
  try {
    const head = answer(text);
    return typeof head === 'string' ? head : { ...head };
  } catch (error) {
    return String(error);
  }
}

test('an engine cannot use a repeated head to hide what a fresh head is refused for', () => {
  const hidden: Readonly<Record<string, string>> = {
    'a second length': answerOf('{}', 'Content-Length: 40\r\n'),
    'a length with a sign': answerOf('{}').replace('Content-Length: 2', 'Content-Length: +2'),
    'a length with a list': answerOf('{}').replace('Content-Length: 2', 'Content-Length: 2, 2'),
    'a length of 16 digits': answerOf('{}').replace('Content-Length: 2', 'Content-Length: 0000000000000002'),
    'an empty length': answerOf('{}').replace('Content-Length: 2', 'Content-Length: '),
    'a length and a tab': answerOf('{}').replace('Content-Length: 2', 'Content-Length: 2\t'),
    'a bare line feed': answerOf('{}').replace('Content-Length: 2\r\n', 'Content-Length: 2\n'),
    'chunks beside a length': answerOf('{}', 'Transfer-Encoding: chunked\r\n'),
    'a length in hex': answerOf('{}').replace('Content-Length: 2', 'Content-Length: 0x2'),
  };
  for (const [name, text] of Object.entries(hidden)) {
    const { answer } = connection();
    for (let i = 0; i < 3; i++) answer(answerOf('{}'));
    const fault = answer(text);
    assert.equal(typeof fault, 'string', name);
    assert.equal(fault, connection().answer(text), name);
  }
});

test('a head with a field that may hold a secret is not remembered', () => {
  for (const name of ['Set-Cookie', 'Authorization', 'WWW-Authenticate', 'X-Api-Key', 'X-Request-Id']) {
    const { answer } = connection();
    for (let i = 0; i < 4; i++) assert(!isRepeated(answer(answerOf('{}', `${name}: secret\r\n`))), name);
  }
});

test('a large head is not remembered', () => {
  const { answer } = connection();
  for (let i = 0; i < 4; i++) assert(!isRepeated(answer(answerOf('{}', `Server: ${'x'.repeat(1_000)}\r\n`))));
});

test('a remembered head is dropped after five seconds without a response', () => {
  const { answer, parser } = connection();
  for (let i = 0; i < 3; i++) answer(answerOf('{}'));
  for (let i = 0; i < 19; i++) parser.tick();
  assert(isRepeated(answer(answerOf('{}'))), 'a use keeps the head');
  for (let i = 0; i < 20; i++) parser.tick();
  assert(!isRepeated(answer(answerOf('{}'))));
  assert(isRepeated(answer(answerOf('{}'))), 'and it is remembered again');
});

test('an interim response before a repeated head is judged as before any other', () => {
  const { answer } = connection();
  const continued = `HTTP/1.1 103 Early Hints\r\nServer: x\r\n\r\n${answerOf('{}')}`;
  for (let i = 0; i < 3; i++) answer(continued);
  const head = answer(continued);
  assert(typeof head === 'object' && head.status === 200 && head.repeated === true);
  assert.equal(
    answer(`HTTP/1.1 101 Switching Protocols\r\n\r\n${answerOf('{}')}`),
    'switches protocols without being asked',
  );
});

test('bytes after the end of a read are not looked at', () => {
  const text = answerOf('{"a":1}');
  const headEnd = text.indexOf('\r\n\r\n') + 4;
  const bytes = Buffer.from(text, 'latin1');
  const { answer, parser } = connection();
  for (let at = 1; at < headEnd; at++) {
    for (let i = 0; i < 3; i++) answer(text);
    parser.reset(false);
    // As in a buffer that still holds an earlier response.
    assert.equal(parser.feed(bytes, 0, at), at);
    assert(!parser.headSeen, `${at} bytes are no whole head`);
    assert.equal(parser.feed(bytes, at, bytes.length), bytes.length);
    assert(parser.done);
  }
});

test('only the last head is remembered', () => {
  const { answer } = connection();
  for (let i = 0; i < 3; i++) answer(answerOf('{}'));
  answer(answerOf('{}', 'Set-Cookie: secret\r\n'));
  assert(!isRepeated(answer(answerOf('{}'))));
});

test('a remembered head after the first bytes of another head is part of that head', () => {
  const { answer, parser, heads } = connection();
  for (let i = 0; i < 3; i++) answer(answerOf('{}'));
  parser.reset(false);
  const begun = Buffer.from('HTTP/1.1 200 OK\r\nX-Begun: ', 'latin1');
  const bytes = Buffer.from(answerOf('{}'), 'latin1');
  assert.equal(parser.feed(begun, 0, begun.length), begun.length);
  parser.feed(bytes, 0, bytes.length);
  const whole = Buffer.concat([begun, bytes]);
  const fresh = connection();
  assert.deepEqual({ ...heads.at(-1), repeated: false }, fresh.answer(whole.toString('latin1')));
});
