/**
 * When another engine is tried: only where the connection failed, or the engine answered 503 or 429 before the commit.
 * A prompt that fells one engine must not fell the next, and what one engine holds no other can answer.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { beforeEach, describe, test } from 'node:test';
import { endFixtureAfterEachTest, GatewayFixture } from '../helpers/gateway-fixture.ts';
import {
  answer,
  chunk,
  close,
  hold,
  lastChunk,
  type RawEngine,
  reset,
  type Steps,
  sseHead,
} from '../helpers/raw-engine.ts';
import { get, openTestGateway, post, type WireResponse } from '../helpers/test-gateway.ts';

let fixture: GatewayFixture;
endFixtureAfterEachTest(() => fixture);
beforeEach(async () => {
  fixture = await GatewayFixture.open({ engines: [{}, {}] });
});

const good = answer('{"from":"the second"}');
const busy = (status: string): Buffer =>
  answer('{"error":"busy"}', 'application/json', status, 'Retry-After: 3\r\n');
const never = hold(new Promise(() => {}));

function second(): RawEngine {
  return fixture.engines[1] as RawEngine;
}

async function ask(first: Steps, body: object = { model: 'm' }, path?: string) {
  second().setScript([good]);
  return fixture.ask(first, body, path);
}

describe('the next engine answers where the first one', () => {
  for (const status of ['503 Service Unavailable', '429 Too Many Requests']) {
    test(`says ${status}`, async () => {
      const response = await ask([busy(status)]);
      assert.equal(response.status, 200);
      assert.equal(response.body.toString(), '{"from":"the second"}');
      assert.equal(response.field('retry-after'), undefined);
      assert.equal(fixture.engine.requests.length, 1);
      assert.deepEqual(second().requests[0]?.body, fixture.engine.requests[0]?.body);
      assert.deepEqual(fixture.proxy.directory.ends, ['done', 'done']);
      assert.equal(fixture.proxy.lines[0]?.engine, 'e1');
    });
  }

  test('says 503 and does not end its body', async () => {
    const response = await ask(['HTTP/1.1 503 Busy\r\nContent-Length: 99\r\n\r\nhalf', never]);
    assert.equal(response.body.toString(), '{"from":"the second"}');
  });

  test('says 503 to a stream', async () => {
    second().setScript([sseHead, chunk('data: [DONE]\n\n'), lastChunk]);
    const response = await fixture.ask([busy('503 Busy')], { model: 'm', stream: true });
    assert.equal(response.body.toString(), 'data: [DONE]\n\n');
  });
});

test('the next engine answers where the first one refuses connections', async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const address = closed.address();
  assert.ok(address !== null && typeof address === 'object');
  await new Promise((resolve) => closed.close(resolve));
  const proxy = await openTestGateway({
    engines: [
      { id: 'gone', port: address.port, models: ['m'] },
      { id: 'there', port: second().port, models: ['m'] },
    ],
  });
  try {
    second().setScript([good]);
    const wire = await proxy.dial();
    wire.send(post('/v1/chat/completions', proxy.key, '{"model":"m"}'));
    assert.equal((await wire.response()).body.toString(), '{"from":"the second"}');
    assert.deepEqual(proxy.directory.ends, ['refused-connection', 'done']);
    assert.equal(proxy.directory.inFlight('gone'), 0);
    wire.close();
  } finally {
    await proxy.close();
  }
});

test('where every engine is busy the last answer passes as it is', async () => {
  second().setScript([busy('429 Too Many Requests')]);
  const response = await fixture.ask([busy('503 Busy')]);
  assert.equal(response.status, 429);
  assert.equal(response.body.toString(), '{"error":"busy"}');
  assert.equal(response.field('retry-after'), '3');
  assert.equal(fixture.engine.requests.length, 1);
  assert.equal(second().requests.length, 1);
});

describe('no other engine is tried where the first one', () => {
  const cases: readonly (readonly [name: string, steps: Steps, status: number])[] = [
    ['resets once the request was sent', [reset], 502],
    ['closes once the request was sent', [close], 502],
    ['closes in its head', ['HTTP/1.1 503 Bu', close], 502],
    ['speaks something else', ['220 smtp.example\r\n'], 502],
    ['redirects', ['HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n'], 502],
    ...[
      '400 Bad Request',
      '401 Unauthorized',
      '404 Not Found',
      '408 Timeout',
      '409 Conflict',
      '500 Oops',
      '502 Bad',
      '504 Slow',
    ].map((status): readonly [string, Steps, number] => [
      `says ${status}`,
      [busy(status)],
      Number(status.slice(0, 3)),
    ]),
  ];
  for (const [name, steps, status] of cases) {
    test(name, async () => {
      const response = await ask(steps);
      assert.equal(response.status, status);
      assert.equal(second().requests.length, 0);
    });
  }

  test('does not answer in time', async () => {
    fixture.engine.setScript([never]);
    second().setScript([good]);
    const wire = await fixture.send(fixture.post({ model: 'm' }));
    await fixture.engine.arrived(1);
    await fixture.clock.move(601_000);
    assert.equal((await wire.response()).status, 504);
    assert.equal(second().requests.length, 0);
    assert.deepEqual(fixture.proxy.directory.ends, ['timeout']);
  });

  test('breaks off behind the commit', async () => {
    second().setScript([good]);
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([sseHead, chunk('data: {"a":1}\n\n'), hold(gate.promise), reset]);
    const wire = await fixture.send(fixture.post({ model: 'm', stream: true }));
    await wire.until((bytes) => bytes.includes('"a"'));
    gate.resolve();
    assert.match((await wire.response()).body.toString(), /"code":"engine_cut"/);
    assert.equal(second().requests.length, 0);
  });

  test('says 503 behind an early commit', async () => {
    const gate = Promise.withResolvers<void>();
    fixture.engine.setScript([hold(gate.promise), busy('503 Busy')]);
    const wire = await fixture.send(fixture.post({ model: 'm', stream: true }));
    await fixture.engine.arrived(1);
    await fixture.clock.move(31_000);
    gate.resolve();
    assert.match((await wire.response()).body.toString(), /status 503 after a long silence: busy/);
    assert.equal(second().requests.length, 0);
  });

  test('holds the conversation that the request continues', async () => {
    const body = { model: 'm', previous_response_id: 'resp_1' };
    const response = await ask([busy('503 Busy')], body, '/v1/responses');
    assert.equal(response.status, 503);
    assert.equal(second().requests.length, 0);
  });
});

test('a request that continues no conversation, and says so, may go to another engine', async () => {
  const response = await ask([busy('503 Busy')], { model: 'm', previous_response_id: null }, '/v1/responses');
  assert.equal(response.status, 200);
});

describe('a stored response is continued, read and deleted on the engine that has it', () => {
  const stored = '{"id":"resp_2","object":"response","usage":null}';
  const created = `event: response.created\ndata: {"type":"response.created","response":${stored}}\n\n`;
  const completed = `event: response.completed\ndata: {"type":"response.completed","response":${stored}}\n\n`;
  const forms: Readonly<Record<string, Steps>> = {
    'a whole response': [answer(stored)],
    'a stream': [sseHead, chunk(created), chunk(completed), lastChunk],
    'a stream in small pieces': [sseHead, ...[...created].map(chunk), chunk(completed), lastChunk],
  };
  for (const [form, steps] of Object.entries(forms)) {
    test(form, async () => {
      const stream = steps.length > 1;
      fixture.engine.setScript([busy('503 Busy')]);
      second().setScript(steps);
      const path = '/v1/responses';
      const respond = async (bytes: string): Promise<WireResponse> => (await fixture.send(bytes)).response();
      await respond(fixture.post({ model: 'm', input: 'hi', stream }, path));
      assert.equal(fixture.engine.requests.length, 1);

      second().setScript([good]);
      await respond(fixture.post({ model: 'm', previous_response_id: 'resp_2' }, path));
      const key = fixture.addKey({});
      // Another key does not learn where the response is.
      for (const [own, engine] of [
        [fixture.proxy.key, second()],
        [key, fixture.engine],
      ] as const) {
        const before = engine.requests.length;
        await respond(get(`${path}/resp_2`, own));
        assert.equal(engine.requests.length, before + 1);
      }
      assert.equal(second().requests.length, 3);
    });
  }
});

test("what one engine's own API is asked stays with that engine", async () => {
  const key = fixture.addKey({ scopes: ['inference', 'engine:admin'] });
  second().setScript([good]);
  fixture.engine.setScript([busy('503 Busy')]);
  const wire = await fixture.send(post('/engine/e0/anything', key, '{"model":"m"}'));
  assert.equal((await wire.response()).status, 503);
  assert.equal(second().requests.length, 0);
});

test('a client that leaves while the first engine is busy is not taken to the next', async () => {
  second().setScript([good]);
  fixture.engine.setScript([never]);
  const wire = await fixture.send(fixture.post({ model: 'm' }));
  await fixture.engine.arrived(1);
  wire.close();
  await fixture.engine.deserted();
  await fixture.until('it is over', () => fixture.proxy.gateway.inFlight === 0);
  assert.equal(second().requests.length, 0);
  assert.deepEqual(fixture.proxy.directory.ends, ['client-gone']);
});

describe('a reused connection that closed before any byte', () => {
  /** Two good requests leave an idle connection; the third finds it closed. */
  async function onReused(script: (connection: number) => Steps) {
    const one = await fixture.ask([answer('{"n":1}')]);
    assert.equal(one.status, 200);
    const opened = fixture.engine.connections;
    return fixture.ask((_socket, _request) => script(fixture.engine.connections - opened));
  }

  test('is replaced once, without a word', async () => {
    second().setScript([good]);
    const response = await onReused((fresh) => (fresh === 0 ? [close] : [answer('{"n":2}')]));
    assert.equal(response.body.toString(), '{"n":2}');
    assert.equal(fixture.engine.requests.length, 3);
    assert.equal(second().requests.length, 0);
    assert.deepEqual(fixture.proxy.directory.ends, ['done', 'done']);
  });

  test('is replaced once and no more, and not by another engine', async () => {
    second().setScript([good]);
    const response = await onReused(() => [close]);
    assert.equal(response.status, 502);
    assert.equal(fixture.engine.requests.length, 3);
    assert.equal(second().requests.length, 0);
    assert.deepEqual(fixture.proxy.directory.ends, ['done', 'reset']);
  });

  test('is not replaced where a byte of an answer came', async () => {
    const response = await onReused((fresh) => (fresh === 0 ? ['HTTP/1.1 2', close] : [good]));
    assert.equal(response.status, 502);
    assert.equal(fixture.engine.requests.length, 2);
  });
});

test('what an engine is sent has the fields of the list and no other', async () => {
  fixture.engine.setScript([good]);
  fixture.proxy.setPolicy({ allowOrigins: ['http://localhost:1'] });
  const more = [
    'Cookie: a=b',
    'Origin: http://localhost:1',
    'Referer: http://localhost:1/',
    'X-Forwarded-For: 10.0.0.1',
    'Forwarded: for=10.0.0.1',
    'Via: 1.1 x',
    'X-Conversation-Id: 1',
    'Connection: authorization, x-request-id',
    'Keep-Alive: timeout=5',
    'TE: trailers',
    'Proxy-Authorization: Basic x',
    'Accept: text/event-stream',
    'Accept-Encoding: gzip',
    'User-Agent: evil/1',
    'X-Request-Id: mine',
    'Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'Tracestate: a=b',
    'Anthropic-Version: 2023-06-01',
    'Anthropic-Beta: x',
    'OpenAI-Beta: y',
    'OpenAI-Organization: z',
    'X-Stainless-OS: Linux',
    'X-Tenant: t',
    '',
  ].join('\r\n');
  const wire = await fixture.send(fixture.post({ model: 'm' }, '/v1/chat/completions', more));
  const response = await wire.response();
  const fields = new Map(
    fixture.engine.requests[0]?.head
      .split('\r\n')
      .slice(1)
      .map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
  );
  assert.deepEqual(Object.fromEntries(fields), {
    host: `127.0.0.1:${fixture.engine.port}`,
    'user-agent': 'flm/test',
    'accept-encoding': 'identity',
    'x-request-id': response.field('x-request-id'),
    'content-type': 'application/json',
    'content-length': '13',
    accept: 'text/event-stream',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    tracestate: 'a=b',
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'x',
    'openai-beta': 'y',
    'openai-organization': 'z',
  });
});

test("an engine's own key goes to it, in the field that it reads", async () => {
  for (const keyField of ['authorization', 'x-api-key'] as const) {
    const proxy = await openTestGateway({
      engines: [{ id: 'e', port: fixture.engine.port, models: ['m'], apiKey: 'its-own', kind: { keyField } }],
    });
    try {
      fixture.engine.setScript([good]);
      const wire = await proxy.dial();
      wire.send(post('/v1/chat/completions', proxy.key, '{"model":"m"}'));
      await wire.response();
      wire.close();
    } finally {
      await proxy.close();
    }
    const sent = fixture.engine.requests.at(-1);
    assert.equal(sent?.field('authorization'), keyField === 'authorization' ? 'Bearer its-own' : undefined);
    assert.equal(sent?.field('x-api-key'), keyField === 'x-api-key' ? 'its-own' : undefined);
    assert.match(sent?.field('traceparent') ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  }
});

test('a malformed traceparent is replaced', async () => {
  fixture.engine.setScript([good]);
  for (const given of ['00-00000000000000000000000000000000-b7ad6b7169203331-01', 'x', '01-a']) {
    const wire = await fixture.send(
      fixture.post({ model: 'm' }, '/v1/chat/completions', `Traceparent: ${given}\r\n`),
    );
    await wire.response();
    assert.match(
      fixture.lastRequest?.field('traceparent') ?? '',
      /^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/,
    );
  }
});
