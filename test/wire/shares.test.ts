/**
 * What one key can take of the limits that all keys share, over real sockets: its own concurrency, streams, and memory
 * for bodies. Whatever one key does, the next one is served.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { noKeyLimits } from '../../src/core/security/api-key.ts';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer, chunk } from '../helpers/raw-engine.ts';
import { get, post, type Wire, type WireResponse } from '../helpers/test-gateway.ts';

const maxStreams = 10;
const maxBodyBytes = 100_000;
const maxBufferedBytes = 500_000;

let stock: Stock;
let fixture: GatewayFixture;
before(async () => {
  stock = takeStock();
  fixture = await GatewayFixture.open({
    engines: [
      {
        slots: 6,
        kind: { native: [{ method: 'POST', path: '/listed', scope: 'inference', model: 'json' }] },
      },
    ],
    config: { limits: { maxStreams, maxBodyBytes, maxBufferedBytes, maxQueueWaitMs: 5_000 } },
  });
});
afterEach(async () => {
  await fixture.settle();
  assert.equal(await mostStreams(), 8, 'every stream was given back, once');
});
after(async () => {
  await fixture.close();
  await assertNoLeaks(stock);
});

const chat = '/v1/chat/completions';
const good = '{"model":"m"}';
const single = { ...noKeyLimits, concurrency: 1 };
const boundary = 'multipart/form-data; boundary=XX';
const formStart = '--XX\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';

function head(path: string, key: string, more: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n${more}\r\n\r\n`;
}

async function ask(key: string, body = good): Promise<WireResponse> {
  fixture.engine.setScript([answer('{"ok":true}')]);
  return (await fixture.send(post(chat, key, body))).response();
}

function codeOf(response: WireResponse): string {
  return JSON.parse(response.body.toString()).error.code;
}

/** Begins a request whose body does not end; waits until its bytes are in memory. */
async function holdBody(key: string, bytes: number, path = chat): Promise<Wire> {
  const { gateway } = fixture.proxy;
  const before = gateway.bufferedBytes;
  const text = `{"model":"m","x":"${'x'.repeat(bytes)}`;
  const wire = await fixture.send(`${head(path, key, `Content-Length: ${maxBodyBytes}`)}${text}`);
  await fixture.until(
    'the body is in memory or refused',
    () => gateway.bufferedBytes >= before + text.length || wire.received.length > 0,
  );
  return wire;
}

/** How many streams a lone key gets. */
async function mostStreams(): Promise<number> {
  const key = fixture.addKey({ scopes: ['inference', 'engine:admin'] });
  const wires: Wire[] = [];
  for (;;) {
    const wire = await fixture.send(`${head('/engine/e0/upload', key, 'Content-Length: 10')}x`);
    wires.push(wire);
    const count = fixture.proxy.gateway.inFlight;
    await fixture.until(
      'it is begun',
      () => wire.received.length > 0 || fixture.proxy.gateway.bufferedBytes >= wires.length,
    );
    if (wire.received.length > 0) {
      assert.equal(codeOf(await wire.response()), 'streams_exhausted');
      break;
    }
    assert.ok(count <= maxStreams);
  }
  for (const wire of wires) wire.close();
  await fixture.until('all are gone', () => fixture.proxy.gateway.inFlight === 0);
  return wires.length - 1;
}

describe('concurrency counts from the end of the head', () => {
  const begun: Readonly<Record<string, readonly [path: string, more: string, start: string]>> = {
    'a body with a length': [chat, 'Content-Length: 1000', '{"model":'],
    'a body in chunks': [chat, 'Transfer-Encoding: chunked', chunk('{"model":').toString()],
    'a form': ['/v1/audio/transcriptions', `Content-Type: ${boundary}\r\nContent-Length: 1000`, formStart],
    'a body that waits for 100 Continue': [chat, 'Content-Length: 1000\r\nExpect: 100-continue', ''],
    "a listed endpoint of an engine's own": ['/engine/e0/listed', 'Content-Length: 1000', '{"model":'],
    'an upload to an engine by an administrator': ['/engine/e0/upload', 'Content-Length: 1000', 'bytes'],
    'a body of which nothing came': [chat, 'Content-Length: 1000', ''],
  };
  for (const [name, [path, more, start]] of Object.entries(begun))
    test(name, async () => {
      const key = fixture.addKey({ limits: single, scopes: ['inference', 'engine:admin'] });
      const first = await fixture.send(head(path, key, more) + start);
      await fixture.until('it is begun', () => fixture.proxy.gateway.inFlight === 1);
      const refused = await ask(key);
      assert.equal(refused.status, 429);
      assert.match(refused.body.toString(), /1 requests? in progress/);
      assert.equal(refused.field('retry-after'), '1');
      assert.equal((await ask(fixture.proxy.key)).status, 200);
      first.close();
      await fixture.until('it is over', () => fixture.proxy.gateway.inFlight === 0);
      assert.equal((await ask(key)).status, 200);
    });

  test('and what only looks something up does not count', async () => {
    const key = fixture.addKey({ limits: single });
    const wire = await holdBody(key, 100);
    assert.equal((await (await fixture.send(get('/v1/models', key))).response()).status, 200);
    fixture.engine.setScript([answer('{"input_tokens":3}')]);
    const count = await (await fixture.send(post('/v1/messages/count_tokens', key, good))).response();
    assert.equal(count.status, 200);
    wire.close();
  });
});

describe('concurrency is given back, once, when a request', () => {
  const refused = async (bytes: string, status: number): Promise<void> => {
    assert.equal((await (await fixture.send(bytes)).response()).status, status);
  };
  const left = async (key: string, bytes: string, until: () => boolean): Promise<void> => {
    const wire = await fixture.send(bytes);
    await fixture.until('it is under way', until);
    wire.close();
    await fixture.until('it is over', () => fixture.proxy.gateway.inFlight === 0);
    assert.equal(fixture.proxy.gateway.queued, 0, key);
  };
  const begun = (): boolean => fixture.proxy.gateway.inFlight > 0;
  const ways: Readonly<Record<string, (key: string) => Promise<void>>> = {
    'is answered': async (key) => assert.equal((await ask(key)).status, 200),
    'names an unknown model': (key) => refused(post(chat, key, '{"model":"none"}'), 404),
    'has a malformed body': (key) => refused(post(chat, key, '{"model":"m",}'), 400),
    'has the wrong content type': (key) => refused(post('/v1/audio/translations', key, good), 415),
    'has a body of another coding': (key) => refused(post(chat, key, good, 'Content-Encoding: br\r\n'), 415),
    'has a coded body that does not decode': (key) =>
      refused(post(chat, key, good, 'Content-Encoding: gzip\r\n'), 400),
    'says that its body is too large': (key) => refused(head(chat, key, 'Content-Length: 100001'), 413),
    'has a body that turns out too large': (key) =>
      refused(head(chat, key, 'Transfer-Encoding: chunked') + chunk(`{"x":"${'x'.repeat(100_001)}`), 413),
    'has chunks that do not parse': (key) =>
      refused(`${head(chat, key, 'Transfer-Encoding: chunked')}zz\r\n`, 400),
    'has a body that stops': async (key) => {
      const wire = await fixture.send(`${head(chat, key, 'Content-Length: 1000')}{`);
      await fixture.until('it is begun', begun);
      await fixture.clock.move(12_000);
      assert.equal((await wire.response()).status, 408);
    },
    'is left while its body is read': (key) =>
      left(key, `${head(chat, key, 'Content-Length: 1000')}{`, begun),
    'is left before 100 Continue': (key) =>
      left(key, head(chat, key, 'Content-Length: 1000\r\nExpect: 100-continue'), begun),
    'is left while the engine works': (key) => {
      fixture.engine.setScript([() => new Promise<void>(() => {})]);
      const before = fixture.engine.requests.length;
      return left(key, post(chat, key, good), () => fixture.engine.requests.length > before);
    },
    'meets an engine that breaks': (key) => {
      fixture.engine.setScript([(socket) => void socket.destroy()]);
      return refused(post(chat, key, good), 502);
    },
    'ends with its key': async (key) => {
      const wire = await fixture.send(`${head(chat, key, 'Content-Length: 1000')}{`);
      await fixture.until('it is begun', begun);
      fixture.proxy.revoke(key);
      assert.equal((await wire.response()).status, 401);
    },
  };
  for (const [name, go] of Object.entries(ways))
    test(name, async () => {
      const key = fixture.addKey({ limits: single });
      await go(key);
      await fixture.until('it is over', () => fixture.proxy.gateway.inFlight === 0);
      if (name !== 'ends with its key') assert.equal((await ask(key)).status, 200);
      const one = await holdBody(fixture.addKey({ limits: single }), 10);
      one.close();
    });

  test('waited for a slot and gave up', async () => {
    const others = fixture.addKey({});
    fixture.engine.setScript([() => new Promise<void>(() => {})]);
    const before = fixture.engine.requests.length;
    const wires: Wire[] = [];
    for (let i = 0; i < 6; i++) wires.push(await fixture.send(post(chat, others, good)));
    await fixture.engine.arrived(before + 6);
    const key = fixture.addKey({ limits: single });
    const waiting = await fixture.send(post(chat, key, good));
    await fixture.until('it waits', () => fixture.proxy.gateway.queued === 1);
    assert.equal((await (await fixture.send(post(chat, key, good))).response()).status, 429);
    await fixture.clock.move(5_000);
    assert.equal((await waiting.response()).status, 429);
    assert.equal(fixture.proxy.lines.at(-1)?.code, 'QUEUE_FULL');
    for (const wire of wires) wire.close();
    await fixture.until('all are over', () => fixture.proxy.gateway.inFlight === 0);
    assert.equal((await ask(key)).status, 200);
  });
});

describe('streams', () => {
  test('one key gets four fifths of them, and others are served beside it', async () => {
    const greedy = fixture.addKey({});
    const held: Wire[] = [];
    for (let i = 0; i < 8; i++) held.push(await holdBody(greedy, 10));
    const ninth = await ask(greedy);
    assert.equal(ninth.status, 503);
    assert.equal(codeOf(ninth), 'streams_exhausted');
    assert.equal(ninth.field('retry-after'), '1');
    assert.match(fixture.proxy.lines.at(-1)?.rule ?? '', /share of one key in maxStreams/);
    for (let i = 0; i < 3; i++) assert.equal((await ask(fixture.addKey({}))).status, 200);
    assert.ok(held.every((wire) => wire.received.length === 0));
    for (const wire of held) wire.close();
  });

  test('requests without a key take none, and are answered when none is free', async () => {
    const held: Wire[] = [];
    for (let i = 0; i < maxStreams; i++) held.push(await holdBody(fixture.addKey({}), 10));
    const response = await (await fixture.send('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n')).response();
    assert.equal(response.status, 200);
    assert.equal((await ask('flm_wrong')).status, 401);
    const late = await ask(fixture.addKey({}));
    assert.equal(late.status, 503, 'ten keys have one each');
    assert.equal(codeOf(late), 'streams_exhausted');
    for (const wire of held) wire.close();
  });

  test('where none is free, a key without one gets that of an unfinished body of who has most', async () => {
    const greedy = fixture.addKey({});
    const held: Wire[] = [];
    for (let i = 0; i < 8; i++) held.push(await holdBody(greedy, 10));
    for (let i = 0; i < 2; i++) held.push(await holdBody(fixture.addKey({}), 10));
    assert.equal((await ask(fixture.addKey({}))).status, 200);
    const given = await (held[7] as Wire).response();
    assert.equal(given.status, 503);
    assert.equal(codeOf(given), 'streams_exhausted');
    assert.ok(
      held.every((wire) => wire.received.length === 0),
      'no other one is touched',
    );
    for (const wire of held) wire.close();
  });
});

describe('memory for bodies', () => {
  const fill: Readonly<Record<string, readonly [path: string, more: string, start: string]>> = {
    'with a length': [chat, `Content-Length: ${maxBodyBytes}`, `{"x":"${'x'.repeat(90_000)}`],
    'in chunks': [chat, 'Transfer-Encoding: chunked', chunk(`{"x":"${'x'.repeat(90_000)}`).toString()],
    'as forms': [
      '/v1/audio/transcriptions',
      `Content-Type: ${boundary}\r\nContent-Length: ${maxBodyBytes}`,
      formStart + 'x'.repeat(90_000),
    ],
    'as questions that look something up': [
      '/v1/messages/count_tokens',
      `Content-Length: ${maxBodyBytes}`,
      `{"x":"${'x'.repeat(90_000)}`,
    ],
    'as uploads to an engine': ['/engine/e0/upload', `Content-Length: ${maxBodyBytes}`, 'x'.repeat(90_000)],
    'after 100 Continue': [
      chat,
      `Content-Length: ${maxBodyBytes}\r\nExpect: 100-continue`,
      `{"x":"${'x'.repeat(90_000)}`,
    ],
  };
  for (const [name, [path, more, start]] of Object.entries(fill))
    test(`one key gets four fifths of it by bodies ${name}, and others are served beside it`, async () => {
      const greedy = fixture.addKey({ scopes: ['inference', 'engine:admin'] });
      const held: Wire[] = [];
      const answered = (wire: Wire): boolean =>
        / (?:503|429) /.test(wire.received.toString('latin1', 0, 200));
      for (let i = 0; i < 5; i++) {
        const wire = await fixture.send(head(path, greedy, more) + start);
        held.push(wire);
        await fixture.until(
          'it is in memory or refused',
          () => fixture.proxy.gateway.bufferedBytes >= 90_000 * (i + 1) || answered(wire),
        );
      }
      assert.deepEqual(held.map(answered), [false, false, false, false, true]);
      assert.ok(fixture.proxy.gateway.bufferedBytes <= (maxBufferedBytes * 4) / 5);
      const body = JSON.stringify({ model: 'm', text: 'x'.repeat(90_000) });
      for (let i = 0; i < 3; i++) assert.equal((await ask(fixture.addKey({}), body)).status, 200);
      assert.deepEqual(held.map(answered), [false, false, false, false, true]);
      for (const wire of held) wire.close();
      await fixture.until('all is given back', () => fixture.proxy.gateway.bufferedBytes === 0);
    });

  test('is found by a further key where it is full: the newest unfinished body of who holds most gets 503', async () => {
    const large = fixture.addKey({});
    const [first, second] = [await holdBody(large, 95_000), await holdBody(large, 95_000)];
    const others: Wire[] = [];
    for (let i = 0; i < 3; i++) others.push(await holdBody(fixture.addKey({}), 95_000));
    const body = JSON.stringify({ model: 'm', text: 'x'.repeat(90_000) });
    assert.equal((await ask(fixture.addKey({}), body)).status, 200);
    const given = await second.response();
    assert.equal(given.status, 503);
    assert.equal(codeOf(given), 'bodies_exhausted');
    assert.ok(
      [first, ...others].every((wire) => wire.received.length === 0),
      'no other one is touched',
    );
    for (const wire of [first, second, ...others]) wire.close();
  });

  test('that answers in progress hold is theirs until they are over', async () => {
    const gate = Promise.withResolvers<void>();
    const body = JSON.stringify({ model: 'm', text: 'x'.repeat(99_000) });
    fixture.engine.setScript([() => gate.promise, answer('{"ok":true}')]);
    const before = fixture.engine.requests.length;
    const running: Wire[] = [];
    for (let i = 0; i < 5; i++) running.push(await fixture.send(post(chat, fixture.addKey({}), body)));
    await fixture.engine.arrived(before + 5);
    const refused = await (await fixture.send(post(chat, fixture.addKey({}), body))).response();
    assert.equal(refused.status, 503);
    assert.equal(codeOf(refused), 'bodies_exhausted');
    gate.resolve();
    for (const wire of running) assert.equal((await wire.response()).status, 200);
  });
});

test('a body that was sent fast at first may not rest later', async () => {
  const wire = await holdBody(fixture.addKey({}), 90_000);
  await fixture.clock.move(10_000);
  assert.equal(wire.received.length, 0);
  await fixture.clock.move(2_000);
  const response = await wire.response();
  assert.equal(response.status, 408);
  await fixture.clock.move(4_000);
});
