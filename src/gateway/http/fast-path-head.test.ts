import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readFastPathHead } from './fast-path-head.ts';

const maxBytes = 16 * 1024;
const read = (text: string) => readFastPathHead(Buffer.from(text, 'latin1'), 0, maxBytes);
const post = (fields: string) => `POST /v1/chat/completions HTTP/1.1\r\n${fields}\r\n`;
const plain = 'Host: localhost\r\nContent-Length: 2\r\n';

describe('what is ordinary', () => {
  test('is read with its fields, its length, and where the body begins', () => {
    const head = post(
      'Host: localhost:8484\r\nauthorization:Bearer k\r\nX-Stainless-OS: Linux\r\ncontent-length: 12\r\naccept:\t a/b \t\r\n',
    );
    const bytes = Buffer.from(`junk${head}{"model":1}`);
    const found = readFastPathHead(bytes, 4, maxBytes);
    assert.ok(found !== undefined);
    assert.equal(found.head.method, 'POST');
    assert.equal(found.head.target, '/v1/chat/completions');
    assert.equal(found.head.version, '1.1');
    assert.equal(found.head.fields.count, 5);
    assert.equal(found.head.fields.get('host'), 'localhost:8484');
    assert.equal(found.head.fields.get('authorization'), 'Bearer k');
    assert.equal(found.head.fields.get('accept'), 'a/b');
    assert.equal(found.declaredBytes, 12);
    assert.equal(found.closes, false);
    assert.equal(bytes.subarray(found.end).toString(), '{"model":1}');
  });

  test('is a GET with a query and without a body', () => {
    const found = read('GET /v1/models?limit=20 HTTP/1.1\r\nHost: localhost\r\nConnection: Close\r\n\r\n');
    assert.equal(found?.head.method, 'GET');
    assert.equal(found?.head.target, '/v1/models?limit=20');
    assert.equal(found?.declaredBytes, undefined);
    assert.equal(found?.closes, true);
  });

  test('is a GET that announces an empty body', () => {
    const found = read('GET /v1/models HTTP/1.1\r\nContent-Length: 0\r\nHost: localhost\r\n\r\n');
    assert.equal(found?.head.fields.get('content-length'), '0');
    assert.equal(found?.declaredBytes, 0);
  });

  test('is a request without any field', () => {
    assert.equal(read('GET / HTTP/1.1\r\n\r\n')?.head.fields.count, 0);
  });

  test('is a field without a value, and one whose value is long', () => {
    const found = read(post(`${plain}Accept:\r\nX: ${'y'.repeat(8000)}\r\nTraceparent: t\r\n`));
    assert.equal(found?.head.fields.get('accept'), '');
    assert.equal(found?.head.fields.get('traceparent'), 't');
  });

  test('is a head of as many bytes as are allowed, and no more', () => {
    const head = post(plain);
    const bytes = Buffer.from(head);
    assert.ok(readFastPathHead(bytes, 0, bytes.length) !== undefined);
    assert.equal(readFastPathHead(bytes, 0, bytes.length - 1), undefined);
  });
});

describe('what is not ordinary', () => {
  const cases: readonly (readonly [name: string, text: string])[] = [
    ['nothing', ''],
    ['another method', `PUT /v1/x HTTP/1.1\r\n${plain}\r\n`],
    ['a method in small letters', `post /v1/x HTTP/1.1\r\n${plain}\r\n`],
    ['a method with more behind it', `POSTS /v1/x HTTP/1.1\r\n${plain}\r\n`],
    ['an empty line before', `\r\nPOST /v1/x HTTP/1.1\r\n${plain}\r\n`],
    ['an absolute target', `POST http://localhost/v1/x HTTP/1.1\r\n${plain}\r\n`],
    ['an asterisk', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a target with a fragment', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a target with a space', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a target with a byte beyond ASCII', 'GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['two spaces before the target', 'GET  /a HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['two spaces behind the target', 'GET /a  HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['HTTP/1.0', 'GET /a HTTP/1.0\r\nHost: a\r\n\r\n'],
    ['HTTP/2.0', 'GET /a HTTP/2.0\r\nHost: a\r\n\r\n'],
    ['no version', 'GET /a\r\nHost: a\r\n\r\n'],
    ['a bare LF behind the request line', 'GET /a HTTP/1.1\nHost: a\r\n\r\n'],
    ['a bare LF behind a field', 'GET /a HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
    ['a bare CR in a value', 'GET /a HTTP/1.1\r\nHost: a\rb\r\n\r\n'],
    ['a bare LF at the end', 'GET /a HTTP/1.1\r\nHost: a\r\n\n'],
    ['a NUL in a value', 'GET /a HTTP/1.1\r\nHost: a\0\r\n\r\n'],
    ['a byte beyond ASCII in a value', 'GET /a HTTP/1.1\r\nX: \xe4\r\n\r\n'],
    ['a folded line', 'GET /a HTTP/1.1\r\nX: a\r\n b\r\n\r\n'],
    ['a space before the colon', 'GET /a HTTP/1.1\r\nHost : a\r\n\r\n'],
    ['a field without a colon', 'GET /a HTTP/1.1\r\nHost\r\n\r\n'],
    ['a field without a name', 'GET /a HTTP/1.1\r\n: a\r\n\r\n'],
    ['a name that is no token', 'GET /a HTTP/1.1\r\nX(y): a\r\n\r\n'],
    ['an end that is still to come', post(plain).slice(0, -1)],
    ['fields that are still to come', 'GET /a HTTP/1.1\r\nHost: a\r\n'],
    ['a POST without a length', post('Host: localhost\r\n')],
    ['a GET with a body', 'GET /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n'],
    ['a GET with a length of many zeros', 'GET /a HTTP/1.1\r\nContent-Length: 00\r\n\r\n'],
    ['a length with a sign', post('Content-Length: +2\r\n')],
    ['a length in hex', post('Content-Length: 0x2\r\n')],
    ['a length that is a list', post('Content-Length: 2, 2\r\n')],
    ['a length that is empty', post('Content-Length:\r\n')],
    ['a length beyond what a number holds', post('Content-Length: 9007199254740993\r\n')],
    ['two lengths that agree', post('Content-Length: 2\r\ncontent-length: 2\r\n')],
    ['two hosts', post(`${plain}Host: localhost\r\n`)],
    ['two credentials', post(`${plain}Authorization: a\r\nauthorization: a\r\n`)],
    ['chunks', post('Transfer-Encoding: chunked\r\n')],
    ['chunks beside a length', post(`${plain}Transfer-Encoding: chunked\r\n`)],
    ['an expectation', post(`${plain}Expect: 100-continue\r\n`)],
    ['a connection with an option that it does not know', post(`${plain}Connection: keep-alive, te\r\n`)],
  ];
  for (const [name, text] of cases) test(name, () => assert.equal(read(text), undefined));
});
