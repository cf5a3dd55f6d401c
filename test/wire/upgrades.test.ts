/**
 * Offers to switch to another protocol (RFC 9110, section 7.8): answered over HTTP/1.1 by both readers, with nothing
 * behind the request taken for another one. A WebSocket handshake gets 426.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { answer, chunk, hold, lastChunk, sseHead } from '../helpers/raw-engine.ts';
import { get, post } from '../helpers/test-gateway.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
after(() => fixture.close());

const chat = 'POST /v1/chat/completions';
const h2c = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n';
/** A value beyond ASCII, which only `node:http` reads. */
const odd = 'X-Name: \xe4\r\n';
const chunkedChat = (more: string): string =>
  `${chat} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.key}\r\n${more}Transfer-Encoding: chunked\r\n\r\n${chatBody.length.toString(16)}\r\n${chatBody}\r\n0\r\n\r\n`;

describe('an offered upgrade is ignored', () => {
  const offers: readonly (readonly [name: string, fields: string])[] = [
    ['as the JDK sends it', h2c],
    ['without settings', 'Connection: upgrade\r\nUpgrade: h2c\r\n'],
    ['beside keep-alive', 'Connection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n'],
    ['of several protocols', 'Connection: Upgrade\r\nUpgrade: TLS/1.3, HTTP/2.0, foo\r\n'],
    ['in two lines', 'Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: foo\r\n'],
    ['without Connection', 'Upgrade: foo\r\n'],
    ['that names nothing', 'Connection: Upgrade\r\nUpgrade:\r\n'],
    ['of a protocol whose name holds websocket', 'Connection: Upgrade\r\nUpgrade: x-websocket-y\r\n'],
  ];
  for (const [name, fields] of offers)
    for (const [reader, more] of [
      ['flm', ''],
      ['node:http', odd],
    ] as const)
      test(`${name}, read by ${reader}`, async () => {
        const said = await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody, fields + more));
        assert.equal(said.status, 200);
        assert.equal(said.field('upgrade'), undefined);
        assert.equal(fixture.engine.requests.at(-1)?.body.toString(), chatBody);
        assert.equal((await fixture.ask(get('/v1/models', fixture.key, fields + more))).status, 200);
        await fixture.assertUnharmed([chat]);
      });

  test('by HTTP/1.0, even one of WebSocket', async () => {
    for (const protocol of ['h2c', 'websocket']) {
      const said = await fixture.askToTheEnd(
        `GET /v1/models HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.key}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
      );
      assert.match(said, /^HTTP\/1\.1 200 /);
    }
    await fixture.assertUnharmed();
  });

  test('with a body in chunks', async () => {
    const said = await fixture.ask(chunkedChat(h2c));
    assert.equal(said.status, 200);
    assert.equal(fixture.engine.requests.at(-1)?.body.toString(), chatBody);
    await fixture.assertUnharmed([chat]);
  });

  test('by a client that waits for 100', async () => {
    const wire = await fixture.dial();
    wire.send(
      post('/v1/chat/completions', fixture.key, '', `${h2c}Expect: 100-continue\r\n`).replace(
        'Length: 0',
        `Length: ${chatBody.length}`,
      ),
    );
    assert.equal((await wire.response()).status, 100);
    assert.equal((await wire.send(chatBody).response()).status, 200);
    await fixture.assertUnharmed([chat]);
  });

  test('and the connection stays open for the next request', async () => {
    const wire = await fixture.dial();
    for (let i = 0; i < 3; i++) {
      const said = await wire.send(post('/v1/chat/completions', fixture.key, chatBody, h2c)).response();
      assert.equal(said.status, 200);
      assert.equal(said.field('connection'), 'keep-alive');
    }
    await fixture.assertUnharmed([chat, chat, chat]);
  });

  test('and so it does behind a GET of the JDK, which announces an empty body', async () => {
    const wire = await fixture.dial();
    for (let i = 0; i < 2; i++) {
      const said = await wire.send(get('/v1/models', fixture.key, `${h2c}Content-Length: 0\r\n`)).response();
      assert.equal(said.status, 200);
      assert.equal(said.field('connection'), 'keep-alive');
    }
    await fixture.assertUnharmed();
  });

  test('and events stream as they come', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([
      sseHead,
      chunk('data: 1\n\n'),
      hold(gate.promise),
      chunk('data: [DONE]\n\n'),
      lastChunk,
    ]);
    const wire = await fixture.dial();
    wire.send(post('/v1/chat/completions', fixture.key, '{"model":"m","stream":true}', h2c));
    await wire.until((bytes) => bytes.includes('data: 1'));
    gate.resolve();
    assert.match((await wire.response()).body.toString(), /DONE/);
    await fixture.assertUnharmed([chat]);
  });

  test('and with a wrong key it is a 401 as ever', async () => {
    assert.equal((await fixture.ask(get('/v1/models', 'flm_wrong', h2c))).status, 401);
    await fixture.assertUnharmed();
  });
});

describe('bytes that come with an offered upgrade', () => {
  const admin = 'GET /admin HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  const requests: readonly (readonly [name: string, bytes: () => string, authorised: readonly string[]])[] = [
    ['a GET', () => get('/v1/models', fixture.key, h2c), []],
    ['a POST', () => post('/v1/chat/completions', fixture.key, chatBody, h2c), [chat]],
    ['a POST in chunks', () => chunkedChat(h2c), [chat]],
  ];
  for (const [name, bytes, authorised] of requests)
    for (const behind of [admin, preface])
      test(`behind ${name} are not a request: one answer, and the end (${behind.slice(0, 3)})`, async () => {
        const said = await fixture.askToTheEnd(bytes() + behind);
        assert.match(said, /^HTTP\/1\.1 200 /);
        assert.match(said, /\r\nconnection: close\r\n/i);
        assert.equal(said.match(/HTTP\/1\.1 \d{3} /g)?.length, 1);
        assert.ok(fixture.proxy.lines.every((line) => line.path !== '/admin'));
        await fixture.assertUnharmed(authorised);
      });

  test('and go on while the engine works do not cost the answer', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([hold(gate.promise), answer('{"whole":true}')]);
    const wire = await fixture.dial();
    wire.send(`${post('/v1/chat/completions', fixture.key, chatBody, h2c)}GET /adm`);
    await fixture.engine.arrived(fixture.engine.requests.length + 1);
    wire.send('in HTTP/1.1\r\nHost: localhost\r\n\r\n');
    // Sent behind what the proxy must have read before it answers this one.
    assert.equal((await fixture.ask(get('/v1/models', fixture.key))).status, 200);
    gate.resolve();
    const said = (await wire.rest()).toString('latin1');
    assert.match(said, /^HTTP\/1\.1 200 .*\{"whole":true\}$/s);
    assert.ok(fixture.proxy.lines.every((line) => line.path !== '/admin'));
    await fixture.assertUnharmed([chat]);
  });
});

describe('a WebSocket handshake', () => {
  const handshake = (protocols: string, more = ''): string =>
    get(
      '/v1/responses',
      fixture.key,
      `Connection: Upgrade\r\nUpgrade: ${protocols}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}`,
    );
  for (const [name, protocols, more] of [
    ['alone', 'websocket', ''],
    ['in another case', 'WebSocket', ''],
    ['behind h2c', 'h2c, websocket', ''],
    ['with a version', 'websocket/13', ''],
    ['in a line of its own', 'h2c\r\nUpgrade: websocket', ''],
    ['read by node:http', 'websocket', odd],
  ] as const)
    test(`gets 426 that names HTTP/1.1, and the end of the connection: ${name}`, async () => {
      const said = await fixture.askToTheEnd(handshake(protocols, more) + preludeOfFrames);
      assert.match(said, /^HTTP\/1\.1 426 Upgrade Required\r\n/);
      assert.match(said, /\r\nupgrade: HTTP\/1\.1\r\n/i);
      assert.match(said, /\r\nconnection: Upgrade, close\r\n/i);
      assert.match(said, /"code":"upgrade_required"/);
      assert.equal(said.match(/HTTP\/1\.1 \d{3} /g)?.length, 1);
      await fixture.assertUnharmed();
    });

  test('with a wrong key is a 401', async () => {
    const bytes = handshake('websocket').replace(fixture.key, 'flm_wrong');
    assert.equal((await fixture.ask(bytes)).status, 401);
    await fixture.assertUnharmed();
  });

  test('speaks the dialect of its path', async () => {
    const bytes = handshake('websocket').replace('/v1/responses', '/v1/messages');
    assert.match((await fixture.ask(bytes)).body.toString(), /^\{"type":"error"/);
    await fixture.assertUnharmed();
  });
});

/** A client that does not wait for 101. */
const preludeOfFrames = '\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58';
