/**
 * Which headers and query names of a client reach an engine, byte for byte, whichever reader took the request.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  maxForwardHeaders,
  passingHeaders,
  sessionHeaders,
  singleHeaders,
} from '../../src/core/proxy/request-headers.ts';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { answer, type RawEngine, startRawEngine } from '../helpers/raw-engine.ts';
import { get, openTestGateway, post, type TestGateway } from '../helpers/test-gateway.ts';

const chat = 'POST /v1/chat/completions';
/** A value beyond ASCII, which only `node:http` reads. */
const odd = 'X-Name: \xe4\r\n';

describe('without settings', () => {
  let fixture: AttackFixture;
  before(async () => {
    fixture = await AttackFixture.open();
  });
  after(() => fixture.close());

  for (const [reader, more] of [
    ['flm', ''],
    ['node:http', odd],
  ] as const)
    test(`every header of the table reaches the engine as it came, read by ${reader}`, async () => {
      const parent = 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n';
      const fields =
        passingHeaders.map((name) => `${name.toUpperCase()}: value of ${name}\r\n`).join('') + parent;
      assert.equal(
        (await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody, fields + more))).status,
        200,
      );
      const request = fixture.engine.requests.at(-1);
      for (const name of passingHeaders) assert.equal(request?.field(name), `value of ${name}`, name);
      await fixture.assertUnharmed([chat]);
    });

  test('others do not, session fields of other spellings included', async () => {
    const fields = [
      'X-Tenant: a',
      'X-Conversation-Id: b',
      'X_Session_Id: c',
      'Session-Id-2: d',
      'Origin-Agent: e',
    ];
    await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody, `${fields.join('\r\n')}\r\n`));
    // That the engine saw only fields of the table is what `unharmed` looks at.
    await fixture.assertUnharmed([chat]);
  });

  for (const name of [...singleHeaders, ...sessionHeaders])
    test(`${name} is refused twice, and over 1 KiB`, async () => {
      const line = (value: string): string => `${name}: ${value}\r\n`;
      for (const fields of [
        line('a') + line('b'),
        line('a') + line('a'),
        line('a') + line('').toUpperCase(),
      ]) {
        const twice = await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody, fields));
        assert.equal(twice.status, 400);
        assert.ok(twice.body.toString().includes(`The header ${name} came twice.`));
      }
      const long = await fixture.ask(
        post('/v1/chat/completions', fixture.key, chatBody, line('x'.repeat(1025))),
      );
      assert.equal(long.status, 400);
      assert.ok(long.body.toString().includes(`${name} is longer than 1024 bytes`));
      assert.equal(
        (await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody, line('x'.repeat(1024)))))
          .status,
        200,
      );
      await fixture.assertUnharmed([chat]);
    });

  test('what Connection names stays here, and nothing that flm itself reads or writes', async () => {
    const traced =
      'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b\r\n';
    const fields = `${passingHeaders.map((name) => `${name}: of this hop\r\n`).join('')}${traced}`;
    const named = [...passingHeaders, 'traceparent', 'authorization', 'content-type', 'x-request-id', 'host'];
    for (const connection of [
      `Connection: ${named.join(', ')}\r\n`,
      `Connection: ${named.join(',').toUpperCase()}\r\n`,
      `Connection: keep-alive\r\nConnection: ,${named.join('\t ,')}\r\n`,
    ]) {
      const bytes = post('/v1/chat/completions', fixture.key, chatBody, connection + fields);
      assert.equal((await fixture.ask(bytes)).status, 200);
      const request = fixture.engine.requests.at(-1);
      for (const name of passingHeaders) assert.equal(request?.field(name), undefined, name);
      assert.doesNotMatch(request?.field('traceparent') ?? '', /0af7651916cd43dd/);
      assert.equal(request?.field('content-type'), 'application/json');
    }
    await fixture.assertUnharmed([chat, chat, chat]);
  });

  test('a tracestate stays here without its traceparent', async () => {
    for (const parent of ['', 'traceparent: 00-x-y-01\r\n']) {
      const fields = `${parent}tracestate: a=b\r\n`;
      assert.equal(
        (await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody, fields))).status,
        200,
      );
      assert.equal(fixture.engine.requests.at(-1)?.field('tracestate'), undefined);
    }
    await fixture.assertUnharmed([chat, chat]);
  });

  test('lists of the APIs may be long, and are one list where they come twice', async () => {
    const betas = `Anthropic-Beta: ${'a'.repeat(2000)}\r\nAnthropic-Beta: b\r\n`;
    assert.equal((await fixture.ask(post('/v1/chat/completions', fixture.key, chatBody, betas))).status, 200);
    assert.equal(fixture.engine.requests.at(-1)?.field('anthropic-beta'), `${'a'.repeat(2000)}, b`);
    await fixture.assertUnharmed([chat]);
  });

  test('the query of a stored answer takes what the API documents', async () => {
    const query = 'stream=true&starting_after=7&include_obfuscation=false&include%5B%5D=x&key=y';
    await fixture.ask(get(`/v1/responses/resp_1?${query}`, fixture.key));
    await fixture.assertUnharmed([
      'GET /v1/responses/resp_1?stream=true&starting_after=7&include_obfuscation=false&include%5B%5D=x',
    ]);
  });
});

describe('headers that the operator added', () => {
  const names = [
    'x-tenant',
    'x_team',
    ...Array.from({ length: maxForwardHeaders - 2 }, (_, i) => `x-more-${i}`),
  ];
  let engine: RawEngine;
  let proxy: TestGateway;
  before(async () => {
    engine = await startRawEngine([answer('{"choices":[{"finish_reason":"stop"}]}')]);
    proxy = await openTestGateway({
      engines: [{ id: 'e', port: engine.port, models: ['m'] }],
      config: { forwardHeaders: names },
      policy: { allowOrigins: ['https://app.example.org'] },
    });
  });
  after(async () => {
    await proxy.close();
    await engine.close();
  });

  const ask = async (bytes: string): Promise<{ status: number; head: string; body: string }> => {
    const wire = await proxy.dial();
    const { status, head, body } = await wire.send(bytes).response();
    wire.close();
    return { status, head, body: body.toString() };
  };

  test('reach the engine, all 32 of them, whichever reader took the request', async () => {
    for (const more of ['', odd]) {
      const fields = names.map((name) => `${name}: ${name}!\r\n`).join('');
      assert.equal((await ask(post('/v1/chat/completions', proxy.key, chatBody, fields + more))).status, 200);
      for (const name of names) assert.equal(engine.requests.at(-1)?.field(name), `${name}!`, name);
    }
  });

  test('are refused twice, and over 1 KiB', async () => {
    const seen = engine.requests.length;
    for (const name of ['x-tenant', names.at(-1)])
      for (const fields of [`${name}: a\r\n${name}: b\r\n`, `${name}: ${'x'.repeat(1025)}\r\n`])
        assert.equal((await ask(post('/v1/chat/completions', proxy.key, chatBody, fields))).status, 400);
    assert.equal(engine.requests.length, seen);
  });

  test('may be sent by a page of an allowed origin, as those of the table may', async () => {
    const preflight = (headers: string): string =>
      `OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example.org\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: ${headers}\r\n\r\n`;
    const { head } = await ask(preflight('X-Tenant, x_team, x-other, session_id, idempotency-key, cookie'));
    assert.match(head, /access-control-allow-headers: x-tenant, x_team, session_id, idempotency-key\r\n/);
    for (const name of passingHeaders)
      assert.match(
        (await ask(preflight(name))).head,
        new RegExp(`access-control-allow-headers: ${name}(?:\r|$)`, 'm'),
        name,
      );
  });
});
