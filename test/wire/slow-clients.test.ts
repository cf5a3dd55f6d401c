/**
 * Slow and many clients against the limits of the guard. Time is moved, never waited for.
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { noOwnAddress, ownAddress } from '../helpers/own-address.ts';
import { answer, chunk, lastChunk, type Step, sseHead } from '../helpers/raw-engine.ts';
import { get, post, Wire } from '../helpers/test-gateway.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open({
    config: {
      limits: { maxConnections: 300, maxStreams: 20, maxBodyBytes: 100_000, maxBufferedBytes: 150_000 },
    },
  });
});
after(() => fixture.close());

const chat = 'POST /v1/chat/completions';
const never: Step = () => new Promise<void>(() => {});
const streamBody = '{"model":"m","stream":true}';

async function until(what: string, yes: () => boolean): Promise<void> {
  const untilMs = performance.now() + 30_000;
  while (!yes() && performance.now() < untilMs) await turn();
  assert.ok(yes(), what);
}

describe('a connection at rest', () => {
  test('is kept for keepAliveTimeoutMs after each answer, and then closed', async () => {
    const wire = await fixture.dial();
    for (let i = 0; i < 3; i++) {
      assert.equal((await wire.send(get('/v1/models', fixture.key)).response()).status, 200);
      await fixture.clock.move(70_000);
      assert.equal(wire.ended, false);
    }
    await fixture.clock.move(8_000);
    await wire.rest();
    await fixture.assertUnharmed();
  });
  test('does not count as one while an answer is on its way', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([() => gate.promise, answer('{}')]);
    const before = fixture.engine.requests.length;
    const wire = await fixture.dial();
    wire.send(post('/v1/chat/completions', fixture.key, chatBody));
    await fixture.engine.arrived(before + 1);
    await fixture.clock.move(200_000);
    assert.equal(wire.ended, false);
    gate.resolve();
    assert.equal((await wire.response()).status, 200);
    await fixture.assertUnharmed([chat]);
  });
});

describe('a head that does not come', () => {
  test('is given up after headTimeoutMs, on a connection that never said a word', async () => {
    const wire = await fixture.dial();
    await until('it is accepted', () => fixture.proxy.gateway.connections === 1);
    await fixture.clock.move(9_000);
    assert.equal(wire.ended, false);
    await fixture.clock.move(2_000);
    assert.match((await wire.rest()).toString(), /^HTTP\/1\.1 408 /);
    await fixture.assertUnharmed();
  });
  test('is given up though a byte a second comes', async () => {
    const wire = await fixture.dial();
    const head = get('/v1/models', fixture.key);
    for (let i = 0; i < 12 && !wire.ended; i++) {
      wire.send(head[i] ?? '');
      await fixture.clock.move(1_000);
    }
    assert.match((await wire.rest()).toString(), /^HTTP\/1\.1 408 /);
    await fixture.assertUnharmed();
  });
  test('is given up as the second of its connection, from its first byte on', async () => {
    const wire = await fixture.dial();
    await wire.send(get('/v1/models', fixture.key)).response();
    await fixture.clock.move(30_000);
    assert.equal(wire.ended, false, 'an idle connection is kept');
    wire.send('GET /v1/mod');
    for (let i = 0; i < 13 && !wire.ended; i++) await fixture.clock.move(1_000);
    assert.match((await wire.rest()).toString(), /^HTTP\/1\.1 408 /);
    await fixture.assertUnharmed();
  });
  test('is waited for behind a body that was drained', async () => {
    const wire = await fixture.dial();
    wire.send(`${chat} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n`);
    assert.equal((await wire.response()).status, 401);
    wire.send('x'.repeat(1000));
    assert.equal((await wire.send(get('/v1/models', fixture.key)).response()).status, 200);
    await fixture.clock.move(30_000);
    assert.equal(wire.ended, false);
    assert.equal((await wire.send(get('/v1/models', fixture.key)).response()).status, 200);
    await fixture.assertUnharmed();
  });
  test('holds up nobody, two hundred times', async () => {
    const wires = await Promise.all(Array.from({ length: 200 }, () => fixture.dial()));
    for (const wire of wires) wire.send('POST /v1/chat/completions HTTP/1.1\r\nHost: loc');
    await until('all are accepted', () => fixture.proxy.gateway.connections === 200);
    assert.equal((await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody))).status, 200);
    await fixture.clock.move(12_000);
    for (const wire of wires) assert.match((await wire.rest()).toString(), /^HTTP\/1\.1 408 /);
    await fixture.assertUnharmed([chat]);
  });
});

describe('a body', () => {
  const head = (length: number) =>
    post('/v1/chat/completions', fixture.key, 'x'.repeat(length)).slice(0, -length);

  test('that stops is given up', async () => {
    const wire = await fixture.dial();
    wire.send(`${head(1000)}{"model":`);
    await until('it is being read', () => fixture.proxy.gateway.bufferedBytes > 0);
    await fixture.clock.move(10_000);
    assert.equal(wire.received.length, 0);
    await fixture.clock.move(2_000);
    const response = await wire.response();
    assert.equal(response.status, 408);
    assert.equal(response.field('connection'), 'close');
    await fixture.clock.move(4_000);
    await wire.rest();
    await fixture.assertUnharmed();
  });
  test('that trickles is given up', async () => {
    const wire = await fixture.dial();
    wire.send(`${head(90_000)}{"x":"`);
    for (let i = 0; i < 30 && wire.received.length === 0; i++) {
      wire.send('x'.repeat(100));
      await fixture.clock.move(1_000);
    }
    assert.equal((await wire.response()).status, 408);
    await fixture.assertUnharmed();
  });
  test('that comes at the rate that is asked for is read to its end', async () => {
    const wire = await fixture.dial();
    const body = `{"model":"m","x":"${'x'.repeat(59_000)}"}`;
    wire.send(head(body.length));
    for (let at = 0; at < body.length; at += 2_000) {
      wire.send(body.slice(at, at + 2_000));
      await until(
        'it is read',
        () =>
          fixture.proxy.gateway.bufferedBytes >= Math.min(at + 2_000, body.length - 1) ||
          wire.received.length > 0,
      );
      await fixture.clock.move(1_000);
    }
    assert.equal((await wire.response()).status, 200);
    await fixture.assertUnharmed([chat]);
  });
  test('that says it is too large is refused before it is read', async () => {
    const wire = await fixture.dial();
    wire.send(head(100_001));
    assert.equal((await wire.response()).status, 413);
    await fixture.assertUnharmed();
  });
  test('that turns out too large is refused in the middle', async () => {
    const wire = await fixture.dial();
    wire.send(
      `${chat} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.key}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    wire.send(chunk(`{"x":"${'x'.repeat(60_000)}`));
    wire.send(chunk('x'.repeat(60_000)));
    const response = await wire.response();
    assert.equal(response.status, 413);
    assert.equal(response.field('connection'), 'close');
    await fixture.assertUnharmed();
  });
  test('of a key that holds its share of the memory already: 503', async () => {
    const one = await fixture.dial();
    one.send(`${head(90_000)}{"x":"${'x'.repeat(80_000)}`);
    await until('it is in memory', () => fixture.proxy.gateway.bufferedBytes > 80_000);
    const two = await fixture.dial();
    two.send(`${head(90_000)}{"x":"${'x'.repeat(80_000)}`);
    const response = await two.response();
    assert.equal(response.status, 503);
    assert.equal(response.field('retry-after'), '1');
    one.close();
    await until('it is given back', () => fixture.proxy.gateway.bufferedBytes === 0);
    await fixture.assertUnharmed();
  });
});

describe('a reader of a stream', () => {
  const event = chunk(`data: ${'x'.repeat(16 * 1024)}\n\n`);
  const flood = async (socket: Socket) => {
    socket.write(sseHead);
    while (!socket.destroyed) {
      if (!socket.write(event)) await new Promise<void>((go) => socket.once('drain', go).once('close', go));
    }
  };

  test('who does not read holds the engine up, and is cut after writeStallMs', async () => {
    fixture.engine.setScript((socket) => void flood(socket));
    const wire = await fixture.dial();
    wire.socket.pause();
    wire.send(post('/v1/chat/completions', fixture.key, streamBody));
    await fixture.engine.arrived(fixture.engine.requests.length + 1);
    const written = () => [...fixture.engine.sockets][0]?.bytesWritten ?? 0;
    let then = -1;
    for (let same = 0; same < 50; await turn()) {
      same = written() === then && then > 0 ? same + 1 : 0;
      then = written();
      // The kernel's buffers of two connections, and a little more.
      assert.ok(then < 64 * 1024 * 1024, 'the engine is held up');
    }
    await fixture.clock.move(50_000);
    assert.equal(written(), then, 'nothing is taken from the engine');
    assert.equal(fixture.proxy.gateway.inFlight, 1);
    await fixture.clock.move(20_000);
    await fixture.engine.deserted();
    await until('the stream is over', () => fixture.proxy.gateway.inFlight === 0);
    assert.equal(fixture.proxy.lines.at(-1)?.ending, 'client-left');
    assert.equal(fixture.proxy.lines.at(-1)?.code, 'CLIENT_STALLED');
    await fixture.assertUnharmed([chat]);
  });

  test('who resets aborts the request of the engine', async () => {
    fixture.engine.setScript([sseHead, chunk('data: {"a":1}\n\n'), never]);
    const wire = await fixture.dial();
    wire.send(post('/v1/chat/completions', fixture.key, streamBody));
    await wire.until((bytes) => bytes.includes('"a"'));
    wire.socket.resetAndDestroy();
    await fixture.engine.deserted();
    await until('the stream is over', () => fixture.proxy.gateway.inFlight === 0);
    assert.equal(fixture.proxy.lines.at(-1)?.ending, 'client-left');
    await fixture.assertUnharmed([chat]);
  });
});

describe('a client that ends its side after the request', () => {
  /** Interim responses are for any client to skip. */
  const final = (bytes: Buffer) => bytes.toString().replaceAll('HTTP/1.1 102 Processing\r\n\r\n', '');

  test('gets an answer that flm makes itself', async () => {
    const wire = await fixture.dial();
    wire.send(get('/v1/models', fixture.key)).socket.end();
    assert.match(final(await wire.rest()), /^HTTP\/1\.1 200 .*"object":"list"/s);
    await fixture.assertUnharmed();
  });
  test('gets the answer of an engine that takes its time', async () => {
    let go = () => {};
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    fixture.engine.setScript([() => wait, answer('{"x":1}')]);
    const wire = await fixture.dial();
    wire.send(post('/v1/chat/completions', fixture.key, chatBody)).socket.end();
    await wire.until((bytes) => bytes.includes('102'));
    go();
    assert.match(final(await wire.rest()), /^HTTP\/1\.1 200 .*\{"x":1\}$/s);
    await fixture.assertUnharmed([chat]);
  });
  test('gets a stream to its end', async () => {
    let go = () => {};
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    fixture.engine.setScript([() => wait, sseHead, chunk('data: [DONE]\n\n'), lastChunk]);
    const wire = await fixture.dial();
    wire.send(post('/v1/chat/completions', fixture.key, streamBody)).socket.end();
    await wire.until((bytes) => bytes.includes('102'));
    go();
    assert.match(final(await wire.rest()), /^HTTP\/1\.1 200 .*data: \[DONE\]\n\n\r\n0\r\n\r\n$/s);
    await fixture.assertUnharmed([chat]);
  });
  test('and is gone takes the work from the engine, before the answer began', async () => {
    fixture.engine.setScript([never]);
    const wire = await fixture.dial();
    wire.send(post('/v1/chat/completions', fixture.key, chatBody));
    await fixture.engine.arrived(fixture.engine.requests.length + 1);
    wire.close();
    await fixture.engine.deserted();
    await fixture.assertUnharmed([chat]);
  });
  test('in its head is told so', async () => {
    const wire = await fixture.dial();
    wire.send('GET /v1/models HTTP/1.1\r\nHost: loc').socket.end();
    assert.match((await wire.rest()).toString(), /^(HTTP\/1\.1 400 .*)?$/s);
    await fixture.assertUnharmed();
  });
  test('without a word is let go', async () => {
    const wire = await fixture.dial();
    wire.socket.end();
    assert.equal((await wire.rest()).length, 0);
    await fixture.assertUnharmed();
  });
});

describe('pipelining', () => {
  test('is answered in order', async () => {
    const wire = await fixture.dial();
    wire.send(
      [get('/v1/models', fixture.key), get('/nothing', fixture.key), get('/health', fixture.key)].join(''),
    );
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await wire.response()).status);
    assert.deepEqual(statuses, [200, 404, 200]);
    await fixture.assertUnharmed();
  });
  test('of engine requests keeps one at the engine', async () => {
    const wire = await fixture.dial();
    wire.send(post('/v1/chat/completions', fixture.key, chatBody).repeat(5));
    for (let i = 0; i < 5; i++) assert.equal((await wire.response()).status, 200);
    await fixture.assertUnharmed([chat, chat, chat, chat, chat]);
  });
  test('a thousand times ends the connection, and no request is answered twice', async () => {
    fixture.engine.setScript([never]);
    const wire = await fixture.dial();
    wire.send(post('/v1/chat/completions', fixture.key, chatBody));
    await fixture.engine.arrived(fixture.engine.requests.length + 1);
    wire.send(get('/v1/models', fixture.key).repeat(1000));
    assert.equal((await wire.rest()).length, 0);
    await fixture.engine.deserted();
    await fixture.assertUnharmed([chat]);
  });
});

describe('many', () => {
  test('connections that are all busy: one more than maxConnections gets 503, and goes', async () => {
    const small = await AttackFixture.open({ config: { limits: { maxConnections: 4 } } });
    try {
      small.engine.setScript([never]);
      const before = small.engine.requests.length;
      const keys = [small.key, small.addKey(), small.addKey(), small.addKey()];
      for (const key of keys) (await small.dial()).send(post('/v1/chat/completions', key, chatBody));
      await small.engine.arrived(before + 4);
      const more = await small.dial();
      const response = await more.response();
      assert.equal(response.status, 503);
      assert.equal(response.field('retry-after'), '1');
      assert.match(response.body.toString(), /connections_exhausted/);
      // One that never closes its own side does not stay.
      await small.clock.move(2_000);
      await until('it is let go, though it does not close its own side', () => {
        more.send('x');
        return more.socket.destroyed;
      });
      await small.assertUnharmed([chat, chat, chat, chat]);
    } finally {
      await small.close();
    }
  });

  test('answers in progress: one key may have four fifths of maxStreams, and one more gets 503', async () => {
    fixture.engine.setScript([never]);
    const before = fixture.engine.requests.length;
    for (let i = 0; i < 16; i++)
      (await fixture.dial()).send(post('/v1/chat/completions', fixture.key, chatBody));
    await fixture.engine.arrived(before + 16);
    const response = await fixture.ask(get('/v1/models', fixture.key));
    assert.equal(response.status, 503);
    assert.match(response.body.toString(), /streams_exhausted/);
    assert.equal((await fixture.ask(get('/v1/models', fixture.addKey()))).status, 200);
    await fixture.assertUnharmed(Array.from({ length: 16 }, () => chat));
  });

  test('connections from one address are limited, and those of others are not', {
    skip: noOwnAddress,
  }, async () => {
    const host = ownAddress ?? '';
    const limited = await AttackFixture.open({
      config: { bind: ['127.0.0.1', host], allowInsecureBind: true, limits: { maxConnectionsPerAddress: 3 } },
    });
    try {
      const near = () => Wire.dial(limited.proxy.port, host);
      const models = get('/v1/models', limited.key);
      const never = `${chat} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${limited.key}\r\nContent-Length: 9\r\n\r\n`;
      const wires = [await near(), await near(), await near()];
      for (const wire of wires) wire.send(never);
      await until('all are busy', () => limited.proxy.gateway.inFlight === 3);
      const more = await near();
      assert.equal((await more.response()).status, 503);
      more.close();
      for (let i = 0; i < 5; i++) assert.equal((await limited.ask(models)).status, 200, 'loopback is exempt');
      wires[0]?.close();
      await until('one is gone', () => limited.proxy.gateway.connections === 7);
      const next = await near();
      assert.equal((await next.send(models).response()).status, 200);
      limited.proxy.setPolicy({ trustedProxies: [host] });
      const trusted = await near();
      assert.equal((await trusted.send(get('/v1/models', limited.key)).response()).status, 200);
      for (const wire of [...wires, next, trusted]) wire.close();
    } finally {
      await limited.close();
    }
    await fixture.assertUnharmed();
  });
});
