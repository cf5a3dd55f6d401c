/**
 * Requests that run are listed with what they do now, and an administrator can cancel each of them: its client gets an
 * error in its own dialect, and the engine's work ends at once.
 */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { RunningRequest } from '../../src/core/proxy/running-request.ts';
import { endFixtureAfterEachTest, GatewayFixture } from '../helpers/gateway-fixture.ts';
import { answer, chunk, hold, lastChunk, type Step, sseHead } from '../helpers/raw-engine.ts';
import { post } from '../helpers/test-gateway.ts';

let fixture: GatewayFixture;
endFixtureAfterEachTest(() => fixture);
beforeEach(async () => {
  fixture = await GatewayFixture.open({
    engines: [{ slots: 1 }],
    config: { heartbeatMs: 15_000, limits: { commitAfterMs: 30_000 } },
  });
});

const never: Step = hold(new Promise(() => {}));
const event = 'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n';
const done = 'data: [DONE]\n\n';
const streamed = { model: 'm', stream: true };
const cancelled = 'The administrator cancelled this request. Ask the administrator';

function only(): RunningRequest {
  const [request, ...others] = fixture.proxy.gateway.requests();
  assert.deepEqual(others, []);
  assert.ok(request !== undefined);
  return request;
}

function cancel(): void {
  const { id } = only();
  assert.equal(fixture.proxy.gateway.cancel(id)?.id, id);
}

async function lastLine() {
  await fixture.until('the request is over', () => fixture.proxy.gateway.inFlight === 0);
  const line = fixture.proxy.lines.at(-1);
  assert.ok(line !== undefined);
  return line;
}

describe('a running request is listed', () => {
  test('while its body arrives', async () => {
    const bytes = fixture.post({ model: 'm', messages: ['x'.repeat(5_000)] });
    const wire = await fixture.send(bytes.slice(0, -2_000));
    await fixture.until('a part of the body is here', () => fixture.proxy.gateway.bufferedBytes > 0);
    await fixture.clock.move(200);
    const { state, model, engine, ageMs, route, method, client, keyLabel, outputTokens } = only();
    assert.deepEqual(
      { state, model, engine, ageMs, route, method, client, outputTokens },
      {
        state: 'receiving',
        model: null,
        engine: null,
        ageMs: 200,
        route: '/v1/chat/completions',
        method: 'POST',
        client: '127.0.0.1',
        outputTokens: 0,
      },
    );
    assert.ok(keyLabel.length > 0);
    wire.close();
    await lastLine();
  });

  test('while it waits for a slot, with its place, which changes as others are served', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let asked = 0;
    fixture.engine.setScript(() => [hold(gates[asked++]?.promise ?? Promise.resolve()), answer('{"a":1}')]);
    const first = await fixture.send(fixture.post({ model: 'm' }));
    await fixture.engine.arrived(1);
    const second = await fixture.send(fixture.post({ model: 'm' }));
    const queued = (count: number) =>
      fixture.until(`${count} wait`, () => fixture.proxy.gateway.queued === count);
    await queued(1);
    const other = fixture.addKey({});
    const third = await fixture.send(post('/v1/chat/completions', other, '{"model":"m"}'));
    await queued(2);
    const fourth = await fixture.send(fixture.post({ model: 'm' }));
    await queued(3);
    const places = () =>
      fixture.proxy.gateway.requests().map(({ state, queuePosition }) => [state, queuePosition]);
    // The other key was never served, so its request is next.
    assert.deepEqual(places(), [
      ['processing', null],
      ['waiting', 2],
      ['waiting', 1],
      ['waiting', 3],
    ]);
    gates[0]?.resolve();
    await first.response();
    await fixture.engine.arrived(2);
    assert.deepEqual(places(), [
      ['waiting', 1],
      ['processing', null],
      ['waiting', 2],
    ]);
    gates[1]?.resolve();
    for (const wire of [second, third, fourth]) await wire.response();
    await fixture.until('all are over', () => fixture.proxy.gateway.inFlight === 0);
    assert.deepEqual(fixture.proxy.gateway.requests(), []);
  });

  test('while its engine prepares and while it streams, with tokens so far and their rate', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    fixture.engine.setScript([
      hold(gates[0].promise),
      sseHead,
      chunk(event.repeat(4)),
      hold(gates[1].promise),
      chunk('data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":7,"completion_tokens":40}}\n\n'),
      never,
    ]);
    const wire = await fixture.send(fixture.post(streamed));
    await fixture.engine.arrived(1);
    assert.deepEqual(
      [only().state, only().engine, only().model, only().firstByteMs, only().streamed],
      ['processing', 'e0', 'm', null, false],
    );
    await fixture.clock.move(500);
    gates[0].resolve();
    await wire.until((bytes) => bytes.includes('"hi"'));
    const { state, firstByteMs, outputTokens, tokensEstimated, tokensPerSecond, streamed: isStream } = only();
    assert.deepEqual(
      { state, firstByteMs, outputTokens, tokensEstimated, tokensPerSecond, isStream },
      {
        state: 'streaming',
        firstByteMs: 500,
        outputTokens: 4,
        tokensEstimated: true,
        tokensPerSecond: null,
        isStream: true,
      },
    );
    gates[1].resolve();
    await wire.until((bytes) => bytes.includes('completion_tokens'));
    await fixture.clock.move(2_000);
    const later = only();
    assert.deepEqual(
      [later.outputTokens, later.tokensEstimated, later.tokensPerSecond, later.ageMs],
      [40, false, 20, 2_500],
    );
    wire.close();
    await fixture.engine.deserted();
  });

  test('as one whose engine prepares, also after a heartbeat told the client to wait', async () => {
    fixture.engine.setScript([never]);
    const wire = await fixture.send(fixture.post(streamed));
    await fixture.engine.arrived(1);
    await fixture.clock.move(60_000);
    await wire.until((bytes) => bytes.includes(':hb'));
    assert.equal(only().state, 'processing');
    wire.close();
    await fixture.engine.deserted();
  });

  test('only with a key: a client without one is not', async () => {
    const wire = await fixture.send(
      'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{',
    );
    await wire.response();
    assert.deepEqual(fixture.proxy.gateway.requests(), []);
  });
});

describe('a cancelled request ends', () => {
  const streams: readonly (readonly [
    name: string,
    path: string,
    steps: readonly Step[],
    seen: string,
    error: RegExp,
  ])[] = [
    [
      'an OpenAI stream by an error event',
      '/v1/chat/completions',
      [sseHead, chunk(event), never],
      '"hi"',
      /^data: \{"error":\{"message":"The administrator cancelled[^"]*","type":"permission_error","code":"request_cancelled","param":null\}\}\n\n$/,
    ],
    [
      'an Anthropic stream by an error event',
      '/v1/messages',
      [
        sseHead,
        chunk('event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"hi"}}\n\n'),
        never,
      ],
      '"hi"',
      /^event: error\ndata: \{"type":"error","error":\{"type":"permission_error","message":"The administrator cancelled[^"]*"\},"request_id":"[^"]+"\}\n\n$/,
    ],
    [
      'a Responses stream by a failed response',
      '/v1/responses',
      [
        sseHead,
        chunk(
          'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"hi"}\n\n',
        ),
        never,
      ],
      '"hi"',
      /^event: response\.failed\ndata: \{"type":"response\.failed","response":\{.*"status":"failed","error":\{"code":"server_error","message":"The administrator cancelled[^"]*"\},"output":\[\]\}\}\n\n$/,
    ],
    [
      'an Ollama stream by an error line',
      '/api/chat',
      [
        sseHead.replace('text/event-stream', 'application/x-ndjson'),
        chunk('{"message":{"content":"hi"},"done":false}\n{"half'),
        never,
      ],
      '"hi"',
      /^\{"error":"The administrator cancelled[^"]*","request_id":"[^"]+"\}\n$/,
    ],
  ];
  for (const [name, path, steps, seen, error] of streams) {
    test(`${name}, and its tokens count`, async () => {
      fixture.engine.setScript(steps);
      const wire = await fixture.send(fixture.post({ ...streamed, messages: ['x'.repeat(400)] }, path));
      await wire.until((bytes) => bytes.includes(seen));
      cancel();
      const response = await wire.response();
      assert.equal(response.whole, true);
      const text = response.body.toString();
      assert.match(text.slice(text.indexOf('hi')).replace(/^[^\n]*\n\n?/, ''), error);
      await fixture.engine.deserted();
      const line = await lastLine();
      assert.deepEqual(
        [line.ending, line.code, line.rule, line.status],
        ['cancelled', 'REQUEST_CANCELLED', 'cancelled by the administrator', 200],
      );
      assert.ok(line.chargedInputTokens >= 100 && line.chargedOutputTokens >= 1, JSON.stringify(line));
      assert.deepEqual(fixture.proxy.directory.ends, ['client-gone']);
    });
  }

  const unbegun: readonly (readonly [path: string, error: RegExp])[] = [
    ['/v1/chat/completions', /^\{"error":\{"message":"The administrator.*"code":"request_cancelled"/],
    ['/v1/messages', /^\{"type":"error","error":\{"type":"permission_error","message":"The administrator/],
    ['/api/chat', /^\{"error":"The administrator cancelled/],
  ];
  for (const [path, error] of unbegun) {
    test(`what has not begun to answer at ${path} by a 403, which no client repeats`, async () => {
      fixture.engine.setScript([never]);
      const wire = await fixture.send(fixture.post(streamed, path));
      await fixture.engine.arrived(1);
      cancel();
      const response = await wire.response();
      assert.equal(response.status, 403);
      assert.match(response.body.toString(), error);
      assert.ok(response.body.toString().includes(cancelled));
      const line = await lastLine();
      assert.deepEqual(
        [line.ending, line.code, line.rule, line.chargedInputTokens],
        ['cancelled', 'REQUEST_CANCELLED', 'cancelled by the administrator', 0],
      );
      await fixture.engine.deserted();
    });
  }

  test('in the queue, and the others go on', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([hold(gate.promise), answer('{"a":1}')]);
    const first = await fixture.send(fixture.post({ model: 'm' }));
    await fixture.engine.arrived(1);
    const second = await fixture.send(fixture.post({ model: 'm' }));
    await fixture.until('one waits', () => fixture.proxy.gateway.queued === 1);
    const waiting = fixture.proxy.gateway.requests().find(({ state }) => state === 'waiting');
    fixture.proxy.gateway.cancel(waiting?.id ?? '');
    assert.equal((await second.response()).status, 403);
    assert.equal(fixture.proxy.gateway.queued, 0);
    gate.resolve();
    assert.equal((await first.response()).status, 200);
    assert.equal(fixture.engine.requests.length, 1);
  });

  test('in the queue after a heartbeat by an error event, free of charge', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([hold(gate.promise), sseHead, chunk(done), lastChunk]);
    const first = await fixture.send(fixture.post(streamed));
    await fixture.engine.arrived(1);
    const second = await fixture.send(fixture.post({ ...streamed, messages: ['x'.repeat(400)] }));
    await fixture.until('one waits', () => fixture.proxy.gateway.queued === 1);
    await fixture.clock.move(40_000);
    await second.until((bytes) => bytes.includes(':hb'));
    const waiting = fixture.proxy.gateway.requests().find(({ state }) => state === 'waiting');
    fixture.proxy.gateway.cancel(waiting?.id ?? '');
    assert.match((await second.response()).body.toString(), /data: \{"error":\{"message":"The administrator/);
    await fixture.until('it is recorded', () => fixture.proxy.lines.length === 1);
    const [line] = fixture.proxy.lines;
    assert.deepEqual([line?.ending, line?.chargedInputTokens], ['cancelled', 0]);
    gate.resolve();
    await first.response();
  });

  test('in the middle of its body by a 403, and the connection is closed', async () => {
    const bytes = fixture.post({ model: 'm', x: 'x'.repeat(5_000) });
    const wire = await fixture.send(bytes.slice(0, -2_000));
    await fixture.until('a part of the body is here', () => fixture.proxy.gateway.bufferedBytes > 0);
    cancel();
    assert.equal((await wire.response()).status, 403);
    assert.equal((await lastLine()).ending, 'cancelled');
    wire.send(bytes.slice(-2_000));
    await fixture.until('the connection is closed', () => wire.ended);
    assert.equal(fixture.engine.requests.length, 0);
  });

  test('a half answer that is no stream by a destroyed connection', async () => {
    fixture.engine.setScript([
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"half',
      never,
    ]);
    const wire = await fixture.send(fixture.post({ model: 'm' }));
    await wire.until((bytes) => bytes.includes('{"half'));
    cancel();
    assert.equal((await wire.response()).whole, false);
    assert.equal((await lastLine()).ending, 'cancelled');
    await fixture.engine.deserted();
  });

  test('only once: an id that is over or was never there cancels nothing', async () => {
    fixture.engine.setScript([answer('{"a":1}')]);
    const wire = await fixture.send(fixture.post({ model: 'm' }));
    await wire.response();
    await fixture.until('it is over', () => fixture.proxy.gateway.inFlight === 0);
    assert.equal(fixture.proxy.gateway.cancel(fixture.proxy.lines.at(-1)?.id ?? ''), undefined);
    assert.equal(fixture.proxy.gateway.cancel('req_none'), undefined);
  });
});
