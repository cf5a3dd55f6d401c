import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { assertNoLeaks, takeStock } from '../../../test/helpers/leaks.ts';
import { MovedClock } from '../../../test/helpers/moved-clock.ts';
import { Http01Server } from './http01-server.ts';

const stock = takeStock();
const clock = new MovedClock();
const exposed: (string | undefined)[] = [];
let http01: Http01Server;
let listener: Server;

before(async () => {
  http01 = new Http01Server({
    clock,
    domains: ['llm.example.org', '*.wild.example.org'],
    port: 80,
    securePort: () => 443,
    exposed: (secret) => exposed.push(secret),
  });
  listener = createServer({ allowHalfOpen: true }, (socket) => http01.accept(socket)).listen(0, '127.0.0.1');
  await once(listener, 'listening');
});

after(async () => {
  listener.close();
  http01.close();
  assert.equal(clock.timers, 0);
  await assertNoLeaks(stock);
});

/** Sends the bytes and returns everything that the server sends until the connection closes. */
async function responseTo(...bytes: readonly string[]): Promise<string> {
  const socket = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  for (const piece of bytes) socket.write(piece);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

const host = 'host: llm.example.org\r\n';

test('a token is served under its own host, and only while it is being validated', async () => {
  const proof = { domain: 'llm.example.org', token: 'abc', authorization: 'abc.thumb' };
  const remove = await http01.show(proof);
  const path = '/.well-known/acme-challenge/abc';

  assert.match(
    await responseTo(`GET ${path} HTTP/1.1\r\n${host}\r\n`),
    /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nabc\.thumb$/,
  );
  assert.match(
    await responseTo(`GET ${path} HT`, `TP/1.1\r\nHost:llm.example.org:80\r\n\r\n`),
    /abc\.thumb$/,
  );
  assert.match(
    await responseTo(`GET ${path} HTTP/1.1\r\nhost: a.wild.example.org\r\n\r\n`),
    /^HTTP\/1\.1 404 /,
  );
  assert.match(await responseTo(`GET ${path}x HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 404 /);
  await remove();
  assert.match(await responseTo(`GET ${path} HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 404 /);
});

test('GET and HEAD are redirected to the same URL with https, and other methods are refused', async () => {
  const moved = await responseTo(`GET /v1/models?a=%2F HTTP/1.1\r\n${host}\r\n`);
  assert.match(
    moved,
    /^HTTP\/1\.1 308 [\s\S]*\r\nlocation: https:\/\/llm\.example\.org\/v1\/models\?a=%2F\r\n/,
  );
  assert.match(
    await responseTo(`HEAD / HTTP/1.1\r\nhost: A.wild.example.org\r\n\r\n`),
    /^HTTP\/1\.1 308 [\s\S]*\r\n\r\n$/,
  );
  assert.match(
    await responseTo(`POST / HTTP/1.1\r\n${host}content-length: 3\r\n\r\nabc`),
    /^HTTP\/1\.1 405 /,
  );
});

test('an unknown host gets 421 and is never echoed', async () => {
  for (const hosts of [
    'host: attacker.tld\r\n',
    '',
    `${host}${host}`,
    'host: a.b.wild.example.org\r\n',
    'host: [::1]\r\n',
  ]) {
    const answer = await responseTo(`GET / HTTP/1.1\r\n${hosts}\r\n`);
    assert.match(answer, /^HTTP\/1\.1 421 /);
    assert.doesNotMatch(answer, /attacker|location/);
  }
});

test('a request that carries a key is refused, and the key is reported as exposed', async () => {
  const key = `flm_${'a'.repeat(49)}`;
  const carriers = [
    `GET / HTTP/1.1\r\n${host}Authorization: Bearer ${key}\r\n\r\n`,
    `POST /v1/messages HTTP/1.1\r\nX-Api-Key:${key}\r\n${host}\r\n`,
    `GET /?key=${key} HTTP/1.1\r\n${host}\r\n`,
    `GET /.well-known/acme-challenge/abc HTTP/1.1\r\n${host}api-key: ${key}\r\n\r\n`,
  ];
  for (const bytes of carriers) {
    const answer = await responseTo(bytes);
    assert.match(answer, /^HTTP\/1\.1 403 /);
    assert.ok(!answer.includes(key));
  }
  assert.match(
    await responseTo(`GET / HTTP/1.1\r\n${host}Authorization: Basic YTpi\r\n\r\n`),
    /^HTTP\/1\.1 403 /,
  );
  assert.match(
    await responseTo(`GET / HTTP/1.1\r\n${host}${'a:\r\n'.repeat(3_000)}x: ${key}\r\n\r\n`),
    /^HTTP\/1\.1 403 /,
  );
  // A request that does not parse carries its key in plain text as well.
  assert.match(await responseTo(`GET /a b?key=${key} HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 403 /);
  assert.deepEqual(exposed, [key, key, key, key, undefined, key, key]);
});

test('a malformed request gets 400 or 431', async () => {
  for (const bytes of [
    '\x16\x03\x01\r\n\r\n',
    'GET http://a/ HTTP/1.1\r\n\r\n',
    'GET / HTTP/2.0\r\n\r\n',
    'GET /a b HTTP/1.1\r\n\r\n',
    'GET /\x80 HTTP/1.1\r\n\r\n',
  ])
    assert.match(await responseTo(bytes), /^HTTP\/1\.1 400 /);
  assert.match(await responseTo(`GET / HTTP/1.1\r\nx: ${'a'.repeat(20_000)}`), /^HTTP\/1\.1 431 /);
});

test('a client that holds connections open does not keep the CA out', async () => {
  const { port } = listener.address() as AddressInfo;
  const silent = Array.from({ length: 300 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  assert.match(await responseTo(`GET / HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 308 /);
  // Of 301 the last 256 stay.
  await Promise.all(
    silent
      .slice(0, 44)
      .filter((s) => !s.closed)
      .map((socket) => once(socket, 'close')),
  );
  for (const socket of silent) socket.destroy();
  await Promise.all(silent.filter((s) => !s.closed).map((socket) => once(socket, 'close')));
});

test('a connection without a complete request is closed after five seconds', async () => {
  const silent = responseTo('GET / HTTP/1.1\r\n');
  const moving = setInterval(() => void clock.move(1_000), 5);
  assert.equal(await silent, '');
  clearInterval(moving);
});

test('a client that still sends its body gets the answer, and no 100 Continue', async () => {
  const answer = await responseTo(
    `POST / HTTP/1.1\r\n${host}expect: 100-continue\r\ncontent-length: 3000000\r\n\r\n`,
    'x'.repeat(1_000_000),
    'x'.repeat(2_000_000),
  );
  assert.match(answer, /^HTTP\/1\.1 405 /);
});

test('one request is answered per connection', async () => {
  const get = `GET / HTTP/1.1\r\n${host}\r\n`;
  const answer = await responseTo(get.repeat(5));
  assert.equal(answer.split('HTTP/1.1 308').length, 2);
});

test('a flood of pipelined requests closes the connection', async () => {
  await responseTo(`GET / HTTP/1.1\r\n${host}\r\n`.repeat(1_000));
});

test('CONNECT is refused', async () => {
  assert.match(await responseTo(`CONNECT a:443 HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 400 /);
});
