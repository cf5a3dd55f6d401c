/**
 * Ordinary requests are read by flm, all others by `node:http`: on one connection, in any order, and no client can tell
 * which of the two it was.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { answer, chunk, hold, lastChunk, sseHead } from '../helpers/raw-engine.ts';
import { get, post, type WireResponse } from '../helpers/test-gateway.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
after(() => fixture.close());

const never = hold(new Promise(() => {}));
const chat = 'POST /v1/chat/completions';
/** Harmless, and not ordinary: a value beyond ASCII. */
const odd = 'X-Name: \xe4\r\n';
const ordinaryChat = () => post('/v1/chat/completions', fixture.key, chatBody);
const oddChat = () => post('/v1/chat/completions', fixture.key, chatBody, odd);

describe('one connection', () => {
  test('carries both kinds in turn, and each is answered in its turn', async () => {
    const wire = await fixture.dial();
    for (const bytes of [ordinaryChat(), ordinaryChat(), oddChat(), ordinaryChat(), oddChat()])
      assert.equal((await wire.send(bytes).response()).status, 200);
    await fixture.assertUnharmed([chat, chat, chat, chat, chat]);
  });

  test('keeps what comes while a request is answered, whichever kind it is', async () => {
    for (const next of [ordinaryChat, oddChat]) {
      const gate = Promise.withResolvers<void>();
      fixture.engine.setScript([
        sseHead,
        chunk('data: 1\n\n'),
        hold(gate.promise),
        chunk('data: [DONE]\n\n'),
        lastChunk,
      ]);
      const wire = await fixture.dial();
      wire.send(ordinaryChat());
      await wire.until((bytes) => bytes.includes('data: 1'));
      fixture.engine.setScript([answer('{"second":true}')]);
      wire.send(next());
      wire.send(next());
      gate.resolve();
      assert.match((await wire.response()).body.toString(), /DONE/);
      for (let i = 0; i < 2; i++) assert.equal((await wire.response()).body.toString(), '{"second":true}');
      await fixture.assertUnharmed([chat, chat, chat]);
    }
  });

  test('is ended when more waits behind a request than a client has reason to send', async () => {
    fixture.engine.setScript([never]);
    const wire = await fixture.dial();
    wire.send(ordinaryChat());
    await fixture.engine.arrived(fixture.engine.requests.length + 1);
    wire.send(`${chat} HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(70_000)}`);
    assert.equal((await wire.rest()).length, 0);
    await fixture.engine.deserted();
    await fixture.assertUnharmed([chat]);
  });

  test('is closed behind the answer when the client said that it closes', async () => {
    for (const field of ['Connection: close\r\n', `Connection: close\r\n${odd}`]) {
      const wire = await fixture.dial();
      const response = await wire.send(get('/v1/models', fixture.key, field)).response();
      assert.equal(response.status, 200);
      assert.equal(response.field('connection'), 'close');
      assert.equal((await wire.rest()).length, 0);
    }
    await fixture.assertUnharmed();
  });

  test('takes a request in pieces, wherever they are cut', async () => {
    const bytes = ordinaryChat();
    const headEnd = bytes.indexOf('\r\n\r\n') + 4;
    for (const cut of [1, 20, headEnd - 1, headEnd, headEnd + 1, bytes.length - 1]) {
      const wire = await fixture.dial();
      wire.send(bytes.slice(0, cut));
      // Two packets, two reads.
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal((await wire.send(bytes.slice(cut)).response()).status, 200, `cut at ${cut}`);
      assert.equal(fixture.engine.requests.at(-1)?.body.toString(), chatBody);
    }
    await fixture.assertUnharmed(Array.from({ length: 6 }, () => chat));
  });
});

describe('a client that ends its side', () => {
  test('behind its request gets the answer, and then the end', async () => {
    for (const bytes of [ordinaryChat(), oddChat()]) {
      const gate = Promise.withResolvers<void>();
      fixture.engine.setScript([hold(gate.promise), answer('{"late":true}')]);
      const wire = await fixture.dial();
      wire.send(bytes);
      await fixture.engine.arrived(fixture.engine.requests.length + 1);
      wire.socket.end();
      await wire.until((received) => received.includes('102'));
      gate.resolve();
      assert.match((await wire.rest()).toString('latin1'), /\{"late":true\}$/);
      await fixture.assertUnharmed([chat]);
    }
  });

  test('between two requests is let go', async () => {
    const wire = await fixture.dial();
    assert.equal((await wire.send(ordinaryChat()).response()).status, 200);
    wire.socket.end();
    assert.equal((await wire.rest()).length, 0);
    await fixture.assertUnharmed([chat]);
  });

  test('in the middle of a body has no answer, and the engine sees nothing', async () => {
    const wire = await fixture.dial();
    wire.send(ordinaryChat().slice(0, -2));
    wire.socket.end();
    assert.doesNotMatch((await wire.rest()).toString('latin1'), /HTTP\/1\.1 [2345]/);
    await fixture.assertUnharmed();
  });

  test('with half a request of any kind behind a whole one has the one answer', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([hold(gate.promise), answer('{"one":true}')]);
    const wire = await fixture.dial();
    wire.send(ordinaryChat());
    await fixture.engine.arrived(fixture.engine.requests.length + 1);
    wire.send('POST /v1/chat').socket.end();
    await wire.until((received) => received.includes('102'));
    gate.resolve();
    const said = (await wire.rest()).toString('latin1');
    assert.equal(said.match(/HTTP\/1\.1 200 /g)?.length, 1);
    assert.equal(said.match(/HTTP\/1\.1 [345]/g), null);
    await fixture.assertUnharmed([chat]);
  });
});

describe('the two readers', () => {
  const date = /\r\ndate: \w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT/i;
  /** Without what differs from one answer to the next, and without the place of the date. */
  const comparable = (response: WireResponse): string =>
    response.head
      .toLowerCase()
      .replaceAll(/req_\w+/g, 'ID')
      .replace(date, '') + response.body.toString().replaceAll(/req_\w+/g, 'ID');

  const requests: readonly (readonly [name: string, bytes: (fields: string) => string])[] = [
    ['a chat', (fields) => post('/v1/chat/completions', fixture.key, chatBody, fields)],
    ['a list', (fields) => get('/v1/models', fixture.key, fields)],
    ['an unknown path', (fields) => get('/v1/nothing', fixture.key, fields)],
    ['a wrong method', (fields) => get('/v1/chat/completions', fixture.key, fields)],
    ['a wrong key', (fields) => get('/v1/models', 'flm_wrong', fields)],
    ['a body that is none', (fields) => post('/v1/chat/completions', fixture.key, '{"model":', fields)],
    ['a key and a body for nobody', (fields) => post('/v1/chat/completions', 'flm_wrong', chatBody, fields)],
    ['health', (fields) => `GET /health HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`],
    ['another host', (fields) => `GET /health HTTP/1.1\r\nHost: evil.example\r\n${fields}\r\n`],
    ['no host', (fields) => `GET /health HTTP/1.1\r\n${fields}\r\n`],
    [
      'a WebSocket handshake',
      (fields) => get('/v1/responses', fixture.key, `Connection: Upgrade\r\nUpgrade: websocket\r\n${fields}`),
    ],
    ['a last request', (fields) => get('/v1/models', fixture.key, `Connection: close\r\n${fields}`)],
  ];
  for (const [name, bytes] of requests)
    test(`answer alike: ${name}`, async () => {
      const ours = await fixture.ask(bytes(''));
      const nodes = await fixture.ask(bytes(odd));
      for (const { head } of [ours, nodes]) assert.match(head, date);
      assert.equal(comparable(ours), comparable(nodes));
      await fixture.assertUnharmed(name === 'a chat' ? [chat, chat] : []);
    });

  test('answer alike: a stream', async () => {
    fixture.engine.setScript([sseHead, chunk('data: 1\n\n'), chunk('data: [DONE]\n\n'), lastChunk]);
    const stream = JSON.stringify({ model: 'm', stream: true });
    const ours = await fixture.ask(post('/v1/chat/completions', fixture.key, stream));
    const nodes = await fixture.ask(post('/v1/chat/completions', fixture.key, stream, odd));
    assert.equal(comparable(ours), comparable(nodes));
    await fixture.assertUnharmed([chat, chat]);
  });
});
