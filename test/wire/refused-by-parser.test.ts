/**
 * What the HTTP parser in front refuses by itself: request smuggling in all its published shapes. Locked here, so that
 * another parser, another Node or a lenient flag cannot open one of them again. Every case carries a good key: the
 * refusal is the parser's, not auth's.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
after(() => fixture.close());

/** A request head up to where the attack begins. */
const P = () =>
  `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.key}\r\nContent-Type: application/json\r\n`;
const smuggled = () =>
  `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.key}\r\nContent-Length: ${chatBody.length}\r\n\r\n${chatBody}`;
const length = chatBody.length;
const chunked = `${length.toString(16)}\r\n${chatBody}\r\n0\r\n\r\n`;

/** One 400, the end of the connection, and nothing behind it. */
async function refused(bytes: string, status = 400): Promise<void> {
  const said = await fixture.askToTheEnd(Buffer.from(bytes, 'latin1'));
  assert.match(said, new RegExp(`^HTTP/1\\.1 ${status} `));
  assert.match(said, /\r\nconnection: close\r\n/i);
  assert.match(said, /\r\nx-request-id: req_\w+\r\n/);
  assert.match(said, /\r\nrequest-id: req_\w+\r\n/);
  assert.equal(said.match(/HTTP\/1\.1 \d{3} /g)?.length, 1, 'one answer only');
  const body: unknown = JSON.parse(said.slice(said.indexOf('\r\n\r\n') + 4));
  assert.ok(body !== null && typeof body === 'object' && 'error' in body);
  await fixture.assertUnharmed();
}

/** Name, the bytes, and the status where it is not 400. */
const heads: readonly (readonly [name: string, bytes: () => string, status?: number])[] = [
  [
    'a length and chunks (CL.TE)',
    () => `${P()}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG`,
  ],
  [
    'chunks and a length (TE.CL)',
    () =>
      `${P()}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${smuggled().length.toString(16)}\r\n${smuggled()}\r\n0\r\n\r\n`,
  ],
  [
    'two lengths that differ',
    () => `${P()}Content-Length: ${length}\r\nContent-Length: 0\r\n\r\n${chatBody}`,
  ],
  [
    'two lengths that agree',
    () => `${P()}Content-Length: ${length}\r\nContent-Length: ${length}\r\n\r\n${chatBody}`,
  ],
  ['two lengths in one field', () => `${P()}Content-Length: ${length}, ${length}\r\n\r\n${chatBody}`],
  ['a length with a plus sign', () => `${P()}Content-Length: +${length}\r\n\r\n${chatBody}`],
  ['a length in hex', () => `${P()}Content-Length: 0x${length.toString(16)}\r\n\r\n${chatBody}`],
  ['a negative length', () => `${P()}Content-Length: -1\r\n\r\n${chatBody}`],
  ['a length of two to the 64th', () => `${P()}Content-Length: 18446744073709551616\r\n\r\n${chatBody}`],
  ['an empty length', () => `${P()}Content-Length: \r\n\r\n${chatBody}`],
  ['a space before the colon of a length', () => `${P()}Content-Length : ${length}\r\n\r\n${chatBody}`],
  [
    'a space before the colon of a transfer coding',
    () => `${P()}Transfer-Encoding : chunked\r\n\r\n${chunked}`,
  ],
  ['a space before the name of a length', () => `${P()} Content-Length: ${length}\r\n\r\n${chatBody}`],
  ['a folded transfer coding', () => `${P()}Transfer-Encoding:\r\n chunked\r\n\r\n${chunked}`],
  [
    'a folded field that nobody knows',
    () => `${P()}X: a\r\n b\r\nContent-Length: ${length}\r\n\r\n${chatBody}`,
  ],
  ['a coding that only ends in chunked', () => `${P()}Transfer-Encoding: xchunked\r\n\r\n${chunked}`, 501],
  ['the coding identity', () => `${P()}Transfer-Encoding: identity\r\n\r\n${chunked}`, 501],
  ['chunked, but not at the end', () => `${P()}Transfer-Encoding: chunked, identity\r\n\r\n${chunked}`],
  ['a vertical tab before chunked', () => `${P()}Transfer-Encoding: \x0bchunked\r\n\r\n${chunked}`],
  ['an end of line that is a bare LF', () => `${P()}X: a\nContent-Length: ${length}\r\n\r\n${chatBody}`],
  ['an end of line that is a bare CR', () => `${P()}X: a\rContent-Length: ${length}\r\n\r\n${chatBody}`],
  ['an empty line that is CR CR LF', () => `${P()}Content-Length: ${length}\r\n\r\r\n${chatBody}`],
  ['a NUL in a value', () => `${P()}X: a\0b\r\nContent-Length: ${length}\r\n\r\n${chatBody}`],
  ['a NUL in a name', () => `${P()}X\0: a\r\nContent-Length: ${length}\r\n\r\n${chatBody}`],
  ['a name that is empty', () => `${P()}: a\r\nContent-Length: ${length}\r\n\r\n${chatBody}`],
  ['a field without a colon', () => `${P()}Whatever\r\nContent-Length: ${length}\r\n\r\n${chatBody}`],
  ['a target that is an authority', () => 'GET localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['a control character in the target', () => 'GET /v1/mo\x01dels HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['a tab in the target', () => 'GET /v1/mo\tdels HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['an eight-bit byte in the target', () => 'GET /v1/mod\xe9ls HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a method that nobody knows', () => 'BREW /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['a method in lower case', () => 'get /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['a version that nobody knows', () => 'GET /v1/models HTTP/1.9\r\nHost: localhost\r\n\r\n'],
  ['another protocol', () => 'GET /v1/models ICE/1.0\r\nHost: localhost\r\n\r\n'],
  ['the hello of another protocol', () => 'SSH-2.0-OpenSSH_9.9\r\n'],
  ['a field of 20 KB', () => `${P()}X: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ['a target of 20 KB', () => `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 431],
  ['a thousand short fields of 20 KB', () => `${P()}${'X: aaaaaaaaaaaaaaaa\r\n'.repeat(1000)}\r\n`, 431],
];

describe('a head is refused and its connection closed', () => {
  for (const [name, bytes, status] of heads) test(name, () => refused(bytes(), status));

  test('a TLS hello gets an answer in plain text that says so', async () => {
    const said = await fixture.askToTheEnd(Buffer.from('16030100c8010000c40303', 'hex'));
    assert.match(said, /^HTTP\/1\.1 400 /);
    assert.match(said, /this port speaks plain HTTP/);
    await fixture.assertUnharmed();
  });
});

/** The head was good, so the request has begun when its body turns out to be none. */
const bodies: readonly (readonly [name: string, body: string])[] = [
  ['a size with spaces behind it', `${length.toString(16)} \r\n${chatBody}\r\n0\r\n\r\n`],
  ['a chunk extension with a bare LF', `2;\nxx\r\n${chunked}`],
  ['a chunk extension of 17 KB', `${length.toString(16)};${'a'.repeat(17_000)}\r\n${chatBody}\r\n0\r\n\r\n`],
  ['a size with 0x', `0x${length.toString(16)}\r\n${chatBody}\r\n0\r\n\r\n`],
  ['a size beyond 64 bits', `1${'0'.repeat(16)}${length.toString(16)}\r\n${chatBody}\r\n0\r\n\r\n`],
  ['a negative size', `-1\r\n${chatBody}\r\n0\r\n\r\n`],
  ['a chunk that is longer than it says', '2\r\n{}XX\r\n0\r\n\r\n'],
  ['an end of chunk that is a bare LF', `${length.toString(16)}\r\n${chatBody}\n0\r\n\r\n`],
  ['an end of size that is a bare LF', `${length.toString(16)}\n${chatBody}\r\n0\r\n\r\n`],
  ['no size at all', `\r\n${chatBody}\r\n0\r\n\r\n`],
  ['a length among the trailers', `${length.toString(16)}\r\n${chatBody}\r\n0\r\nContent-Length: 5\r\n\r\n`],
  [
    'a transfer coding among the trailers',
    `${length.toString(16)}\r\n${chatBody}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n`,
  ],
];

describe('a chunked body is refused and its connection closed', () => {
  for (const [name, body] of bodies)
    test(name, () => refused(`${P()}Transfer-Encoding: chunked\r\n\r\n${body}`));

  test('a good request with rubbish behind it in one packet', () => refused(`${smuggled()}\r\n\rX`));

  test('a body that nobody wanted: the one answer is that of auth', async () => {
    const head =
      'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n';
    const wire = await fixture.dial();
    wire.send(head);
    await wire.until((received) => received.includes('request_id'));
    wire.send('0x2\r\n{}\r\n0\r\n\r\n');
    const said = (await wire.rest()).toString('latin1');
    assert.match(said, /^HTTP\/1\.1 401 /);
    assert.equal(said.match(/HTTP\/1\.1 \d{3} /g)?.length, 1, 'one answer only');
    await fixture.assertUnharmed();
  });
});

test('nothing turns the lenient parser on', () => {
  assert.ok(!process.execArgv.includes('--insecure-http-parser'));
  assert.doesNotMatch(process.env.NODE_OPTIONS ?? '', /insecure-http-parser/);
});
