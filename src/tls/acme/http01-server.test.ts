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
let door: Http01Server;
let server: Server;

before(async () => {
  door = new Http01Server({
    clock,
    domains: ['llm.example.org', '*.wild.example.org'],
    port: 80,
    securePort: () => 443,
    exposed: (secret) => exposed.push(secret),
  });
  server = createServer({ allowHalfOpen: true }, (socket) => door.accept(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

after(async () => {
  server.close();
  door.close();
  assert.equal(clock.timers, 0);
  await assertNoLeaks(stock);
});

/** All that is answered to these bytes, until the connection ends. */
async function told(...bytes: readonly string[]): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  for (const piece of bytes) socket.write(piece);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

const host = 'host: llm.example.org\r\n';

test('a token that is being proved is shown under its own host, and only until it is proved', async () => {
  const proof = { domain: 'llm.example.org', token: 'abc', authorization: 'abc.thumb' };
  const takeAway = await door.show(proof);
  const path = '/.well-known/acme-challenge/abc';

  assert.match(
    await told(`GET ${path} HTTP/1.1\r\n${host}\r\n`),
    /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nabc\.thumb$/,
  );
  assert.match(await told(`GET ${path} HT`, `TP/1.1\r\nHost:llm.example.org:80\r\n\r\n`), /abc\.thumb$/);
  assert.match(await told(`GET ${path} HTTP/1.1\r\nhost: a.wild.example.org\r\n\r\n`), /^HTTP\/1\.1 404 /);
  assert.match(await told(`GET ${path}x HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 404 /);
  await takeAway();
  assert.match(await told(`GET ${path} HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 404 /);
});

test('GET and HEAD are sent to the same place by HTTPS, and nothing else is', async () => {
  const moved = await told(`GET /v1/models?a=%2F HTTP/1.1\r\n${host}\r\n`);
  assert.match(
    moved,
    /^HTTP\/1\.1 308 [\s\S]*\r\nlocation: https:\/\/llm\.example\.org\/v1\/models\?a=%2F\r\n/,
  );
  assert.match(
    await told(`HEAD / HTTP/1.1\r\nhost: A.wild.example.org\r\n\r\n`),
    /^HTTP\/1\.1 308 [\s\S]*\r\n\r\n$/,
  );
  assert.match(await told(`POST / HTTP/1.1\r\n${host}content-length: 3\r\n\r\nabc`), /^HTTP\/1\.1 405 /);
});

test('a host that is none of ours is told so, and never echoed', async () => {
  for (const hosts of [
    'host: attacker.tld\r\n',
    '',
    `${host}${host}`,
    'host: a.b.wild.example.org\r\n',
    'host: [::1]\r\n',
  ]) {
    const answer = await told(`GET / HTTP/1.1\r\n${hosts}\r\n`);
    assert.match(answer, /^HTTP\/1\.1 421 /);
    assert.doesNotMatch(answer, /attacker|location/);
  }
});

test('whatever carries a key is refused, and the key is told as exposed', async () => {
  const key = `flm_${'a'.repeat(49)}`;
  const carriers = [
    `GET / HTTP/1.1\r\n${host}Authorization: Bearer ${key}\r\n\r\n`,
    `POST /v1/messages HTTP/1.1\r\nX-Api-Key:${key}\r\n${host}\r\n`,
    `GET /?key=${key} HTTP/1.1\r\n${host}\r\n`,
    `GET /.well-known/acme-challenge/abc HTTP/1.1\r\n${host}api-key: ${key}\r\n\r\n`,
  ];
  for (const bytes of carriers) {
    const answer = await told(bytes);
    assert.match(answer, /^HTTP\/1\.1 403 /);
    assert.ok(!answer.includes(key));
  }
  assert.match(await told(`GET / HTTP/1.1\r\n${host}Authorization: Basic YTpi\r\n\r\n`), /^HTTP\/1\.1 403 /);
  assert.deepEqual(exposed, [key, key, key, key, undefined]);
});

test('what is no request gets no more than a word', async () => {
  for (const bytes of [
    '\x16\x03\x01\r\n\r\n',
    'GET http://a/ HTTP/1.1\r\n\r\n',
    'GET / HTTP/2.0\r\n\r\n',
    'GET /a b HTTP/1.1\r\n\r\n',
    'GET /\x80 HTTP/1.1\r\n\r\n',
  ])
    assert.match(await told(bytes), /^HTTP\/1\.1 400 /);
  assert.match(await told(`GET / HTTP/1.1\r\nx: ${'a'.repeat(20_000)}`), /^HTTP\/1\.1 431 /);
});

test('whoever holds connections open does not keep the CA out', async () => {
  const { port } = server.address() as AddressInfo;
  const silent = Array.from({ length: 300 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  assert.match(await told(`GET / HTTP/1.1\r\n${host}\r\n`), /^HTTP\/1\.1 308 /);
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

test('whoever says nothing is let go', async () => {
  const silent = told('GET / HTTP/1.1\r\n');
  const moving = setInterval(() => void clock.move(1_000), 5);
  assert.equal(await silent, '');
  clearInterval(moving);
});
