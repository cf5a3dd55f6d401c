/**
 * More connections than there is room for, over real sockets: who never showed a key makes way, and a client with a key
 * is let in.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { noOwnAddress, ownAddress } from '../helpers/own-address.ts';
import { chunk, lastChunk, sseHead } from '../helpers/raw-engine.ts';
import { get, post, Wire } from '../helpers/test-gateway.ts';
import { TlsFixture } from '../helpers/tls-fixture.ts';

const maxConnections = 20;

let stock: Stock;
before(() => {
  stock = takeStock();
});
after(() => assertNoLeaks(stock));

describe('over plain HTTP', () => {
  let fixture: GatewayFixture;
  before(async () => {
    fixture = await GatewayFixture.open({ config: { limits: { maxConnections } } });
  });
  afterEach(() => fixture.settle());
  after(() => fixture.close());

  const accepted = (count: number): Promise<void> =>
    fixture.until('they are accepted', () => fixture.proxy.gateway.connections === count);
  const models = (wire: Wire, key = fixture.proxy.key) => wire.send(get('/v1/models', key)).response();
  const idle = async (): Promise<Wire> => {
    const wire = await fixture.dial();
    assert.equal((await models(wire)).status, 200);
    return wire;
  };
  const silent = async (count: number): Promise<readonly Wire[]> => {
    const wires: Wire[] = [];
    for (let i = 0; i < count; i++) wires.push(await fixture.dial());
    return wires;
  };

  const strangers: Readonly<Record<string, string>> = {
    'say nothing': '',
    'send half a head': 'POST /v1/chat/completions HTTP/1.1\r\nHost: loc',
    'ask for health and stay': 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'have a wrong key': get('/v1/models', 'flm_wrong'),
    'have a wrong key and a body on its way': post('/v1/embeddings', 'flm_wrong', '{"model":"m"}').slice(
      0,
      -1,
    ),
  };
  for (const [name, bytes] of Object.entries(strangers))
    test(`connections that ${name} make way, the oldest first, and those with a key stay`, async () => {
      const known = [await idle(), await idle()];
      const crowd = await silent(maxConnections - 2);
      await accepted(maxConnections);
      if (bytes !== '') for (const wire of crowd) wire.send(bytes);
      if (bytes.endsWith('\r\n\r\n')) for (const wire of crowd) await wire.response();
      for (let i = 0; i < 5; i++) {
        assert.equal((await models(await fixture.dial(), fixture.addKey({}))).status, 200);
        await crowd[i]?.rest();
      }
      assert.ok(
        crowd.slice(5).every((wire) => !wire.ended),
        'no younger one was closed',
      );
      for (const wire of known) assert.equal((await models(wire)).status, 200, 'still open');
      assert.equal(fixture.proxy.malformed.at(-1), 'CONNECTIONS_EXHAUSTED');
    });

  test('a flood of ten times as many leaves running streams and known connections alone', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([
      sseHead,
      chunk('data: 1\n\n'),
      () => gate.promise,
      chunk('data: [DONE]\n\n'),
      lastChunk,
    ]);
    const stream = await fixture.send(fixture.post({ model: 'm', stream: true }));
    await stream.until((bytes) => bytes.includes('data: 1'));
    const known = await idle();
    for (let i = 0; i < 10; i++) for (const wire of await silent(maxConnections)) wire.send('GET');
    assert.equal((await models(await fixture.dial())).status, 200);
    assert.equal((await models(known)).status, 200);
    gate.resolve();
    const response = await stream.response();
    assert.ok(response.whole && response.body.toString().endsWith('data: [DONE]\n\n'));
  });

  test('where all have shown a key, the longest idle one makes way', async () => {
    const wires: Wire[] = [];
    for (let i = 0; i < maxConnections; i++) wires.push(await idle());
    assert.equal((await models(wires[0] as Wire)).status, 200);
    const refusals = fixture.proxy.malformed.length;
    assert.equal((await models(await fixture.dial())).status, 200);
    await wires[1]?.rest();
    assert.equal(wires.filter((wire) => wire.ended).length, 1);
    assert.equal(fixture.proxy.malformed.length, refusals, 'nobody was refused');
  });

  test('an answer that its client has not taken yet is never cut for a new connection', async () => {
    // More than the kernel takes of an answer that nobody reads.
    const models = Array.from({ length: 10_000 }, (_, i) => `${i}${'x'.repeat(1_000)}`);
    const large = await GatewayFixture.open({
      engines: [{ models: ['m', ...models] }],
      config: { limits: { maxConnections: 3 } },
    });
    try {
      const health = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';
      const slow = await large.dial();
      slow.socket.pause();
      slow.send(get('/v1/models', large.proxy.key));
      await large.until('it is answered', () => large.proxy.lines.some((line) => line.bytesOut > 10_000_000));
      const rest = get('/v1/models/none', large.proxy.key);
      for (let i = 0; i < 2; i++) assert.equal((await (await large.send(rest)).response()).status, 404);
      assert.equal((await (await large.send(health)).response()).status, 200);
      slow.socket.resume();
      assert.ok((await slow.response()).whole);
      await large.settle();
    } finally {
      await large.close();
    }
  });

  test('an address at its limit makes way for itself, and others are left alone', {
    skip: noOwnAddress,
  }, async () => {
    const host = ownAddress ?? '';
    const limited = await GatewayFixture.open({
      config: { bind: ['127.0.0.1', host], allowInsecureBind: true, limits: { maxConnectionsPerAddress: 3 } },
    });
    try {
      const near = (): Promise<Wire> => Wire.dial(limited.proxy.port, host);
      const ask = (wire: Wire) => wire.send(get('/v1/models', limited.proxy.key)).response();
      const other = await limited.dial();
      const [first, second] = [await near(), await near()];
      await limited.until('they are accepted', () => limited.proxy.gateway.connections === 3);
      const known = await near();
      assert.equal((await ask(known)).status, 200);
      const late = await near();
      assert.equal((await ask(late)).status, 200);
      await first.rest();
      const later = await near();
      assert.equal((await ask(later)).status, 200);
      await second.rest();
      assert.equal((await ask(known)).status, 200);
      assert.equal(other.ended, false);
      for (const wire of [first, second, known, late, later]) wire.close();
      await limited.settle();
    } finally {
      await limited.close();
    }
  });
});

describe('over TLS', () => {
  const crowds = {
    'that never begin the handshake': async (fixture: TlsFixture) => void (await fixture.dialPlain()),
    'that leave the handshake half done': async (fixture: TlsFixture) =>
      void (await fixture.dialPlain()).send(Buffer.from([0x16, 3, 1, 2, 0, 1, 0])),
    'that finish the handshake and never ask': async (fixture: TlsFixture) => void (await fixture.dial()),
  };
  for (const [name, join] of Object.entries(crowds))
    test(`connections ${name} make way for a client with a key`, async () => {
      const fixture = await TlsFixture.open({ config: { limits: { maxConnections } } });
      try {
        const ask = (wire: Wire) => wire.send(get('/v1/models', fixture.proxy.key)).response();
        const known = await fixture.dial();
        assert.equal((await ask(known.wire)).status, 200);
        for (let i = 0; i < maxConnections * 2; i++) await join(fixture);
        for (let i = 0; i < 3; i++) assert.equal((await ask((await fixture.dial()).wire)).status, 200);
        assert.equal((await ask(known.wire)).status, 200);
        assert.ok(fixture.proxy.gateway.connections <= maxConnections);
        assert.ok(fixture.proxy.malformed.includes('CONNECTIONS_EXHAUSTED'));
        assert.ok(!fixture.proxy.malformed.includes('TLS_HANDSHAKE_FAILED'), 'each is told once');
        await fixture.assertUnharmed();
      } finally {
        await fixture.close();
      }
    });
});
