/**
 * Telemetry of real requests through a real gateway, as an OTLP server gets it: the spans of a request, who may continue
 * a trace, what is never sent, and what happens to requests while the server fails.
 */
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { telemetrySettings } from '../../src/core/otlp/telemetry-settings.ts';
import { attributesOf } from '../../src/telemetry/otlp-json.ts';
import { OtlpPost } from '../../src/telemetry/otlp-post.ts';
import { Telemetry } from '../../src/telemetry/telemetry.ts';
import { GatewayFixture, type GatewayFixtureOptions } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import type { MovedClock } from '../helpers/moved-clock.ts';
import { answer, chunk, hold, lastChunk, sseHead } from '../helpers/raw-engine.ts';
import { type SeenSpan, startTelemetryServer, type TelemetryServer } from '../helpers/telemetry-server.ts';
import { post } from '../helpers/test-gateway.ts';

let stock: Stock;
const closing: (() => Promise<void>)[] = [];
before(() => {
  stock = takeStock();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
after(() => assertNoLeaks(stock));

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parentId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${parentId}-01`;
const secretAnswer = 'the-answer-of-the-model';
const events = [
  sseHead,
  chunk(`data: {"choices":[{"delta":{"content":"${secretAnswer}"}}]}\n\n`),
  chunk('data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n'),
  chunk('data: [DONE]\n\n'),
  lastChunk,
];

interface Traced {
  readonly fixture: GatewayFixture;
  readonly telemetry: Telemetry;
  readonly changes: (string | undefined)[];
  /** Sends what waits, and returns all spans that a server got. */
  sent(server: TelemetryServer, count: number): Promise<readonly SeenSpan[]>;
}

async function traced(
  url: string,
  options: GatewayFixtureOptions = {},
  environment: Readonly<Record<string, string>> = {},
): Promise<Traced> {
  const settings = telemetrySettings(url, { environment, readText: () => undefined });
  assert.ok(settings !== undefined);
  const changes: (string | undefined)[] = [];
  let telemetry: Telemetry | undefined;
  const fixture = await GatewayFixture.open({
    ...options,
    tracing(clock: MovedClock) {
      telemetry = new Telemetry({
        settings,
        sender: { version: 'test', resource: attributesOf({ 'service.name': settings.serviceName }) },
        scheme: 'http',
        clock,
        post: new OtlpPost({ ...settings, userAgent: 'flm/test' }),
        noMetrics: () => changes.push('no metrics'),
        changed: (problem) => changes.push(problem),
      });
      return telemetry;
    },
  });
  assert.ok(telemetry !== undefined);
  const made = telemetry;
  closing.push(async () => {
    await fixture.settle();
    await fixture.close();
    await made.close();
  });
  return {
    fixture,
    telemetry: made,
    changes,
    async sent(server, count) {
      await fixture.clock.move(5_000);
      await fixture.until(`${count} spans arrive`, () => server.spans.length >= count);
      return server.spans;
    },
  };
}

async function server(...args: Parameters<typeof startTelemetryServer>): Promise<TelemetryServer> {
  const started = await startTelemetryServer(...args);
  closing.push(() => started.close());
  return started;
}

const byName = (spans: readonly SeenSpan[], name: string): SeenSpan => {
  const found = spans.find((span) => span.name === name);
  assert.ok(found !== undefined, `a span "${name}" among ${spans.map((span) => span.name).join(', ')}`);
  return found;
};

test('a request is one trace: its wait, each attempt at an engine, the first byte and the stream', async () => {
  const seen = await server();
  const { fixture, sent } = await traced(seen.url, { engines: [{}, {}] });
  const [first, second] = fixture.engines;
  first?.setScript([answer('{"error":"busy"}', 'application/json', '503 Busy')]);
  const gate = Promise.withResolvers<void>();
  second?.setScript([...events.slice(0, 2), hold(gate.promise), ...events.slice(2)]);
  const wire = await fixture.send(fixture.post({ model: 'm', stream: true }));
  await second?.arrived(1);
  await fixture.until(
    'the first byte is there',
    () => fixture.proxy.gateway.requests()[0]?.firstByteMs !== null,
  );
  await fixture.clock.move(250);
  gate.resolve();
  assert.equal((await wire.response()).status, 200);

  const spans = await sent(seen, 5);
  const root = byName(spans, 'POST /v1/chat/completions');
  assert.equal(root.parentSpanId, undefined);
  assert.equal(root.kind, 2);
  assert.equal(root.failed, false);
  assert.equal(root.attributes['http.response.status_code'], 200);
  assert.equal(root.attributes['flm.ending'], 'done');
  assert.equal(root.endMs - root.startMs, 250);
  const attempts = spans.filter((span) => span.name === 'chat m');
  assert.deepEqual(
    attempts.map(({ parentSpanId, kind, failed, attributes }) => [
      parentSpanId,
      kind,
      failed,
      attributes['flm.engine.id'],
      attributes['flm.attempt'],
      attributes['http.response.status_code'],
    ]),
    [
      [root.spanId, 3, true, 'e0', 1, 503],
      [root.spanId, 3, false, 'e1', 2, 200],
    ],
  );
  const answered = attempts[1];
  assert.ok(answered !== undefined);
  assert.equal(answered.attributes['gen_ai.operation.name'], 'chat');
  assert.equal(answered.attributes['gen_ai.request.model'], 'm');
  assert.equal(answered.attributes['gen_ai.usage.input_tokens'], 7);
  assert.equal(answered.attributes['gen_ai.usage.output_tokens'], 3);
  const stream = byName(spans, 'stream');
  assert.equal(stream.parentSpanId, answered.spanId);
  assert.equal(stream.endMs - stream.startMs, 250);
  assert.equal(byName(spans, 'first byte').parentSpanId, answered.spanId);
  assert.ok(spans.every((span) => span.traceId === root.traceId));
  assert.match(
    second?.requests[0]?.head ?? '',
    new RegExp(`traceparent: 00-${root.traceId}-${answered.spanId}-01\r\n`),
  );
});

test('a wait for a slot is a span', async () => {
  const seen = await server();
  const { fixture, sent } = await traced(seen.url, { engines: [{ slots: 1 }] });
  const gate = Promise.withResolvers<void>();
  fixture.engine.setScript([hold(gate.promise), answer('{"choices":[]}')]);
  const first = await fixture.send(fixture.post({ model: 'm' }));
  await fixture.engine.arrived(1);
  const second = await fixture.send(fixture.post({ model: 'm' }));
  await fixture.until('one waits', () => fixture.proxy.gateway.queues()[0]?.queued === 1);
  await fixture.clock.move(1_500);
  gate.resolve();
  await first.response();
  await second.response();

  const spans = await sent(seen, 9);
  const queue = byName(spans, 'queue');
  assert.equal(queue.endMs - queue.startMs, 1_500);
  assert.ok(spans.some((span) => span.kind === 2 && span.spanId === queue.parentSpanId));
});

test('a traceparent of a client becomes a link, and that of a trusted proxy the parent', async () => {
  const seen = await server();
  const { fixture, sent } = await traced(seen.url);
  fixture.engine.setScript([answer('{"choices":[]}')]);
  const fields = `traceparent: ${traceparent}\r\ntracestate: vendor=1\r\n`;
  const ask = async (): Promise<void> => {
    const wire = await fixture.send(fixture.post({ model: 'm' }, undefined, fields));
    assert.equal((await wire.response()).status, 200);
  };
  await ask();
  fixture.proxy.setPolicy({ trustedProxies: ['127.0.0.1'] });
  await ask();

  const [linked, continued] = (await sent(seen, 8)).filter((span) => span.kind === 2);
  assert.ok(linked !== undefined && continued !== undefined);
  assert.notEqual(linked.traceId, traceId);
  assert.equal(linked.parentSpanId, undefined);
  assert.deepEqual(linked.links, [{ traceId, spanId: parentId }]);
  assert.equal(continued.traceId, traceId);
  assert.equal(continued.parentSpanId, parentId);
  assert.equal(continued.traceState, 'vendor=1');
  assert.deepEqual(continued.links, []);
  const [toFirst, toSecond] = fixture.engine.requests.map(({ head }) => head);
  assert.ok(toFirst !== undefined && toSecond !== undefined);
  assert.ok(!toFirst.includes(traceId) && !toFirst.includes('tracestate'));
  assert.match(
    toSecond,
    new RegExp(`traceparent: 00-${traceId}-[0-9a-f]{16}-01\r\ntracestate: vendor=1\r\n`),
  );
  assert.ok(!toSecond.includes(parentId));
});

test('a client cannot decide that its request is sampled, and a trusted proxy can', async () => {
  const seen = await server();
  const { fixture, sent } = await traced(seen.url, {}, { OTEL_TRACES_SAMPLER: 'parentbased_always_off' });
  fixture.engine.setScript([answer('{"choices":[]}')]);
  const ask = async (parent: string): Promise<void> => {
    const wire = await fixture.send(fixture.post({ model: 'm' }, undefined, `traceparent: ${parent}\r\n`));
    await wire.response();
  };
  await ask(traceparent);
  assert.match(fixture.engine.requests[0]?.head ?? '', /traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n/);
  fixture.proxy.setPolicy({ trustedProxies: ['127.0.0.1'] });
  await ask(traceparent.replace(/01$/, '00'));
  await ask(traceparent);

  const roots = (await sent(seen, 4)).filter((span) => span.kind === 2);
  assert.deepEqual(
    roots.map((span) => span.traceId),
    [traceId],
  );
});

test('no prompt, answer, key, label, address or header of a client is sent', async () => {
  const seen = await server();
  const { fixture, sent } = await traced(seen.url);
  fixture.proxy.setPolicy({ trustedProxies: ['127.0.0.1'] });
  const key = fixture.addKey({ label: 'label-of-the-key' });
  const body = JSON.stringify({
    model: 'm',
    stream: true,
    user: 'user-of-the-body',
    messages: [{ content: 'the-prompt' }],
  });
  fixture.engine.setScript(events);
  const fields =
    'X-Forwarded-For: 203.0.113.9\r\nUser-Agent: agent-of-the-client\r\nX-Session-Id: session-1\r\n';
  const wire = await fixture.send(post('/v1/chat/completions?query=1', key, body, fields));
  const whole = (await wire.response()).body.toString();
  assert.ok(whole.includes(secretAnswer));
  const unknown = await fixture.send(
    post('/v1/chat/completions', key, '{"model":"model-that-a-client-invents"}'),
  );
  assert.equal((await unknown.response()).status, 404);
  await fixture.clock.move(60_000);
  await sent(seen, 5);
  await fixture.until('metrics arrive', () => seen.metrics.length > 0);

  for (const secret of [
    key,
    key.slice(4, 20),
    'label-of-the-key',
    'the-prompt',
    secretAnswer,
    'user-of-the-body',
    '203.0.113.9',
    '127.0.0.1',
    'agent-of-the-client',
    'session-1',
    'query=1',
    'model-that-a-client-invents',
  ])
    assert.ok(!seen.text.includes(secret), `${secret} was sent`);
  assert.ok(seen.text.includes('"flm.key.id"'));
});

test('requests without a valid key have no span, because anyone can send them', async () => {
  const seen = await server();
  const { fixture, sent } = await traced(seen.url);
  fixture.engine.setScript([answer('{"choices":[]}')]);
  for (const bytes of [
    post('/v1/chat/completions', 'flm_wrong', '{}', `traceparent: ${traceparent}\r\n`),
    'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
  ])
    await (await fixture.send(bytes)).response();
  await fixture.ask([answer('{"choices":[]}')]);
  const roots = (await sent(seen, 4)).filter((span) => span.kind === 2);
  assert.equal(roots.length, 1);
});

test('metrics count all requests with the names of the conventions, also those that are not sampled', async () => {
  const seen = await server();
  const { fixture } = await traced(seen.url, {}, { OTEL_TRACES_SAMPLER: 'always_off' });
  await fixture.ask(events, { model: 'm', stream: true });
  await fixture.ask([answer('{"error":"no"}', 'application/json', '500 Broken')]);
  await fixture.clock.move(60_000);
  await fixture.until('metrics arrive', () => seen.metrics.length > 0);

  const metric = (name: string) => {
    const found = seen.metrics.find((one) => one.name === name);
    assert.ok(found !== undefined, `${name} among ${seen.metrics.map((one) => one.name).join(', ')}`);
    return found;
  };
  assert.deepEqual(
    metric('http.server.request.duration').points.map(({ attributes }) => [
      attributes['http.response.status_code'],
      attributes['http.route'],
      attributes['error.type'],
    ]),
    [
      [200, '/v1/chat/completions', undefined],
      [500, '/v1/chat/completions', '500'],
    ],
  );
  assert.deepEqual(
    metric('gen_ai.client.token.usage').points.map(({ attributes, sum }) => [
      attributes['gen_ai.token.type'],
      sum,
    ]),
    [
      ['input', 7],
      ['output', 3],
    ],
  );
  assert.equal(metric('gen_ai.server.request.duration').unit, 's');
  assert.equal(metric('gen_ai.server.time_to_first_token').points[0]?.count, 1);
  assert.equal(metric('gen_ai.client.operation.duration').points.length, 2);
  assert.equal(seen.spans.length, 0);
});

test('a server that takes no metrics gets them once, and its traces go on', async () => {
  const seen = await server((path, response) => {
    response.statusCode = path === '/v1/metrics' ? 404 : 200;
    response.end('{}');
  });
  const { fixture, telemetry, changes, sent } = await traced(seen.url);
  await fixture.ask([answer('{"choices":[]}')]);
  await sent(seen, 4);
  await fixture.clock.move(60_000);
  await fixture.until('the answer is read', () => changes.length > 0);
  const { requests } = seen;
  await fixture.clock.move(300_000);
  assert.equal(seen.requests, requests);
  assert.deepEqual(changes, ['no metrics']);
  assert.equal(telemetry.reading().problem, undefined);
  assert.equal(telemetry.reading().metrics, false);
});

test('while the server is away requests are served, memory is bounded, and there is one warning', async () => {
  const away = await startTelemetryServer();
  await away.close();
  const { fixture, telemetry, changes } = await traced(away.url);
  fixture.engine.setScript([answer('{"choices":[]}')]);
  const wire = await fixture.dial();
  for (let i = 0; i < 2_300; i++) {
    wire.send(fixture.post({ model: 'm' }));
    assert.equal((await wire.response()).status, 200);
  }
  await fixture.until('requests are dropped', () => telemetry.reading().requestsDropped > 0);
  for (let i = 0; i < 10; i++) {
    await fixture.clock.move(60_000);
    await fixture.until('an attempt failed', () => changes.length > 0);
  }
  assert.deepEqual(changes, ['it refuses connections']);
  assert.equal(telemetry.reading().problem, 'it refuses connections');
});

test('what waited is sent when the server answers again', async () => {
  let isAway = true;
  const seen = await server((_path, response) => {
    response.statusCode = isAway ? 503 : 200;
    response.end(isAway ? '' : '{"partialSuccess":{}}');
  });
  const { fixture, telemetry, changes } = await traced(seen.url);
  await fixture.ask([answer('{"choices":[]}')]);
  await fixture.clock.move(5_000);
  await fixture.until('it failed', () => telemetry.reading().problem !== undefined);
  isAway = false;
  await fixture.clock.move(10_000);
  await fixture.until('it works', () => changes.length === 2);
  assert.deepEqual(changes, ['it answers 503', undefined]);
  assert.equal(telemetry.reading().requestsDropped, 0);
  assert.ok(telemetry.reading().spansSent > 0);
});

test('a server that never answers, and one that answers without end, delay neither requests nor the end', async () => {
  const sockets = new Set<Socket>();
  const hostile = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    if (sockets.size % 2 === 0) return;
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n');
    const more = (): void => {
      while (!socket.destroyed && socket.write('x'.repeat(65_536)));
    };
    socket.on('drain', more);
    socket.once('data', more);
  });
  hostile.listen(0, '127.0.0.1');
  await new Promise((resolve) => hostile.once('listening', resolve));
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => hostile.close(resolve));
  });
  const { port } = hostile.address() as AddressInfo;
  const { fixture, telemetry } = await traced(`http://127.0.0.1:${port}`);
  for (let i = 0; i < 4; i++) {
    await fixture.ask([answer('{"choices":[]}')]);
    await fixture.clock.move(60_000);
  }
  await fixture.until('a failure is seen', () => telemetry.reading().problem !== undefined);
  const ending = telemetry.close();
  await fixture.clock.move(1_000);
  await ending;
});
