/**
 * Work ends where nobody waits for it: a client that leaves, a key that is revoked, a proxy that stops. Each aborts the
 * engine's request at once, and none of them is a failure of the engine.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { beforeEach, describe, test } from 'node:test';
import { endFixtureAfterEachTest, GatewayFixture } from '../helpers/gateway-fixture.ts';
import { answer, chunk, hold, lastChunk, type Step, sseHead } from '../helpers/raw-engine.ts';
import { get, post } from '../helpers/test-gateway.ts';

let fixture: GatewayFixture;
endFixtureAfterEachTest(() => fixture);
beforeEach(async () => {
  fixture = await GatewayFixture.open();
});

const never: Step = hold(new Promise(() => {}));
const event = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n';
const done = 'data: [DONE]\n\n';
const streamed = { model: 'm', stream: true };

async function lastLine() {
  await fixture.until('the request is over', () => fixture.proxy.gateway.inFlight === 0);
  const line = fixture.proxy.lines.at(-1);
  assert.ok(line !== undefined);
  return line;
}

describe('a client that leaves takes the work from the engine at once', () => {
  const leaves: readonly (readonly [name: string, body: object, steps: readonly Step[], seen: string])[] = [
    ['before the first byte of a stream', streamed, [never], ''],
    ['before a whole answer', { model: 'm' }, [never], ''],
    ['in a stream', streamed, [sseHead, chunk(event), never], '"hi"'],
    ['in an event that is held', streamed, [sseHead, chunk(event), chunk('data: {"half'), never], '"hi"'],
    [
      'in a whole answer',
      { model: 'm' },
      ['HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"half', never],
      '{"half',
    ],
  ];
  for (const [name, body, steps, seen] of leaves) {
    test(name, async () => {
      fixture.engine.setScript(steps);
      const wire = await fixture.send(fixture.post(body));
      await fixture.engine.arrived(1);
      await wire.until((bytes) => bytes.includes(seen));
      wire.close();
      await fixture.engine.deserted();
      const line = await lastLine();
      assert.equal(line.ending, 'client-left');
      assert.equal(line.code, 'CLIENT_GONE');
      assert.deepEqual(fixture.proxy.directory.ends, ['client-gone']);
    });
  }

  test('in the middle of its own body: the engine has seen nothing', async () => {
    const wire = await fixture.send(
      fixture.post({ model: 'm', messages: ['x'.repeat(5000)] }).slice(0, -2000),
    );
    await fixture.until('a part of the body is here', () => fixture.proxy.gateway.bufferedBytes > 0);
    wire.close();
    assert.equal((await lastLine()).ending, 'client-left');
    assert.equal(fixture.engine.requests.length, 0);
    assert.equal(fixture.proxy.gateway.bufferedBytes, 0);
  });

  test('by a reset', async () => {
    fixture.engine.setScript([sseHead, chunk(event), never]);
    const wire = await fixture.send(fixture.post(streamed));
    await wire.until((bytes) => bytes.includes('"hi"'));
    wire.socket.resetAndDestroy();
    await fixture.engine.deserted();
    assert.equal((await lastLine()).ending, 'client-left');
  });

  test('while the engine is held up because it did not read', async () => {
    const big = chunk(`data: ${'x'.repeat(32 * 1024)}\n\n`);
    fixture.engine.setScript(async (socket) => {
      socket.write(sseHead);
      while (!socket.destroyed && socket.write(big)) await new Promise(setImmediate);
    });
    const wire = await fixture.dial();
    wire.socket.pause();
    wire.send(fixture.post(streamed));
    await fixture.engine.arrived(1);
    await fixture.until(
      'the engine is held up',
      () => [...fixture.engine.sockets][0]?.writableNeedDrain === true,
    );
    wire.close();
    await fixture.engine.deserted();
    assert.equal((await lastLine()).ending, 'client-left');
  });

  test('and a client that takes nothing for a minute counts as one that left', async () => {
    const big = chunk(`data: ${'x'.repeat(32 * 1024)}\n\n`);
    fixture.engine.setScript(async (socket) => {
      socket.write(sseHead);
      while (!socket.destroyed && socket.write(big)) await new Promise(setImmediate);
    });
    const wire = await fixture.dial();
    wire.socket.pause();
    wire.send(fixture.post(streamed));
    await fixture.until(
      'the engine is held up',
      () => [...fixture.engine.sockets][0]?.writableNeedDrain === true,
    );
    // The clock's turns must not outrun the sockets: what was written is noted before time goes on.
    await fixture.clock.move(59_000);
    assert.equal(fixture.proxy.gateway.inFlight, 1);
    await fixture.clock.move(5_000);
    await fixture.engine.deserted();
    assert.equal((await lastLine()).code, 'CLIENT_STALLED');
  });
});

describe('a key that is revoked ends what runs under it', () => {
  test('a stream by an error event', async () => {
    fixture.engine.setScript([sseHead, chunk(event), never]);
    const key = fixture.addKey({});
    const wire = await fixture.send(post('/v1/chat/completions', key, JSON.stringify(streamed)));
    const other = await fixture.send(fixture.post(streamed));
    await wire.until((bytes) => bytes.includes('"hi"'));
    await other.until((bytes) => bytes.includes('"hi"'));
    fixture.proxy.revoke(key);
    const response = await wire.response();
    assert.equal(response.whole, true);
    assert.match(
      response.body.toString().slice(event.length),
      /^data: \{"error":\{"message":"The API key was revoked[^"]*","type":"authentication_error","code":"key_ended","param":null\}\}\n\n$/,
    );
    assert.equal(fixture.proxy.gateway.inFlight, 1);
    assert.equal(fixture.proxy.lines.at(-1)?.ending, 'key-ended');
    other.close();
    await fixture.engine.deserted();
  });

  test('a stream of lines by an error line', async () => {
    fixture.engine.setScript([
      sseHead.replace('text/event-stream', 'application/x-ndjson'),
      chunk('{"a":1}\n{"hal'),
      never,
    ]);
    const key = fixture.addKey({});
    const wire = await fixture.send(post('/api/chat', key, JSON.stringify(streamed)));
    await wire.until((bytes) => bytes.includes('{"a":1}'));
    fixture.proxy.revoke(key);
    assert.match(
      (await wire.response()).body.toString(),
      /^\{"a":1\}\n\{"error":"The API key was revoked[^"]*",.*\}\n$/,
    );
    await fixture.engine.deserted();
  });

  test('and a paused key ends none: what runs finishes', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([hold(gate.promise), answer('{}')]);
    const key = fixture.addKey({});
    const wire = await fixture.send(post('/v1/chat/completions', key, '{"model":"m"}'));
    await fixture.engine.arrived(1);
    fixture.proxy.pause(key);
    gate.resolve();
    assert.equal((await wire.response()).status, 200);
  });

  test('what has not begun to answer by a 401', async () => {
    fixture.engine.setScript([never]);
    const key = fixture.addKey({});
    const wire = await fixture.send(post('/v1/chat/completions', key, JSON.stringify(streamed)));
    await fixture.engine.arrived(1);
    fixture.proxy.revoke(key);
    assert.equal((await wire.response()).status, 401);
    assert.equal((await lastLine()).ending, 'key-ended');
    await fixture.engine.deserted();
    assert.deepEqual(fixture.proxy.directory.ends, ['shut-down']);
  });

  test('an upload that is still coming by a 401', async () => {
    const key = fixture.addKey({});
    const bytes = post('/v1/chat/completions', key, JSON.stringify({ model: 'm', x: 'x'.repeat(5000) }));
    const wire = await fixture.send(bytes.slice(0, -2000));
    await fixture.until('a part of the body is here', () => fixture.proxy.gateway.bufferedBytes > 0);
    fixture.proxy.revoke(key);
    assert.equal((await wire.response()).status, 401);
    wire.send(bytes.slice(-2000));
    await fixture.until('the connection is closed', () => wire.ended);
    assert.equal(fixture.engine.requests.length, 0);
  });

  test('a half answer that is no stream by a destroyed connection', async () => {
    fixture.engine.setScript([
      'HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\nContent-Length: 99\r\n\r\nRIFF',
      never,
    ]);
    const key = fixture.addKey({});
    const wire = await fixture.send(post('/v1/audio/speech', key, JSON.stringify({ model: 'm' })));
    await wire.until((bytes) => bytes.includes('RIFF'));
    fixture.proxy.revoke(key);
    assert.equal((await wire.response()).whole, false);
  });

  test('also a key whose time is over', async () => {
    fixture.engine.setScript([sseHead, chunk(event), never]);
    const key = fixture.addKey({ expiresAtMs: fixture.clock.nowMs() + 5_000 });
    const wire = await fixture.send(post('/v1/chat/completions', key, JSON.stringify(streamed)));
    await wire.until((bytes) => bytes.includes('"hi"'));
    await fixture.clock.move(6_000);
    assert.match((await wire.response()).body.toString(), /"code":"key_ended"/);
  });
});

describe('a proxy that stops', () => {
  test('lets a running answer finish within its grace, and then is gone', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([sseHead, chunk(event), hold(gate.promise), chunk(done), lastChunk]);
    const wire = await fixture.send(fixture.post(streamed));
    await wire.until((bytes) => bytes.includes('"hi"'));
    const stopped = fixture.proxy.gateway.stop(30_000);
    await fixture.clock.move(10_000);
    gate.resolve();
    assert.equal((await wire.response()).body.toString(), event + done);
    const report = await stopped;
    assert.equal(report.running, 1);
    assert.equal(report.cut, 0);
    await assert.rejects(fixture.dial(), /ECONNREFUSED/);
  });

  test('ends a stream with an error event when the grace is over', async () => {
    fixture.engine.setScript([sseHead, chunk(event), never]);
    const wire = await fixture.send(fixture.post(streamed));
    await wire.until((bytes) => bytes.includes('"hi"'));
    const stopped = fixture.proxy.gateway.stop(30_000);
    await fixture.clock.move(31_000);
    const response = await wire.response();
    assert.match(
      response.body.toString().slice(event.length),
      /^data: \{"error":\{"message":"The proxy was stopped/,
    );
    assert.equal(response.whole, true);
    assert.equal((await stopped).cut, 1);
    await fixture.engine.deserted();
    assert.equal(fixture.proxy.lines.at(-1)?.ending, 'shut-down');
    assert.deepEqual(fixture.proxy.directory.ends, ['shut-down']);
  });

  test('answers 503 to what has not begun when the grace is over', async () => {
    fixture.engine.setScript([never]);
    const wire = await fixture.send(fixture.post({ model: 'm' }));
    await fixture.engine.arrived(1);
    const stopped = fixture.proxy.gateway.stop(30_000);
    await fixture.clock.move(31_000);
    const response = await wire.response();
    assert.equal(response.status, 503);
    assert.equal(response.field('retry-after'), '2');
    assert.equal(response.field('connection'), 'close');
    await stopped;
  });

  test('refuses a kept-alive connection with 503 and closes it, while others finish', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([sseHead, chunk(event), hold(gate.promise), chunk(done), lastChunk]);
    const keptAlive = await fixture.send(get('/v1/models', fixture.proxy.key));
    assert.equal((await keptAlive.response()).status, 200);
    const wire = await fixture.send(fixture.post(streamed));
    await wire.until((bytes) => bytes.includes('"hi"'));
    const stopped = fixture.proxy.gateway.stop(30_000);
    keptAlive.send(fixture.post({ model: 'm' }));
    const response = await keptAlive.response();
    assert.equal(response.status, 503);
    assert.equal(response.field('connection'), 'close');
    assert.match(response.field('retry-after') ?? '', /^\d+$/);
    await keptAlive.rest();
    gate.resolve();
    const whole = await wire.response();
    assert.equal(whole.body.toString(), event + done);
    await stopped;
    assert.equal(fixture.engine.requests.length, 1);
  });

  test('tells in its answers that the connection ends, where they begin while it stops', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([hold(gate.promise), answer('{"a":1}')]);
    const wire = await fixture.send(fixture.post({ model: 'm' }));
    await fixture.engine.arrived(1);
    const stopped = fixture.proxy.gateway.stop(30_000);
    gate.resolve();
    const response = await wire.response();
    assert.equal(response.body.toString(), '{"a":1}');
    assert.equal(response.field('connection'), 'close');
    await stopped;
  });

  test('leaves no connection open, idle or not', async () => {
    const idle = await fixture.send(get('/v1/models', fixture.proxy.key));
    await idle.response();
    const silent = await fixture.dial();
    await fixture.until('both are connected', () => fixture.proxy.gateway.connections === 2);
    const ended = Promise.all([once(idle.socket, 'end'), once(silent.socket, 'end')]);
    await fixture.proxy.gateway.stop(30_000);
    assert.equal(fixture.proxy.gateway.connections, 0);
    await ended;
  });
});
