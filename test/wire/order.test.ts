/**
 * The straight line, seen from outside: guard, auth, policy, router, in this order. What a client is told depends on how
 * far it came and on nothing that stands behind that. Then what each answer of flm's own looks like.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { get, post, type WireResponse } from '../helpers/test-gateway.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
after(() => fixture.close());

interface Attempt {
  readonly host: 'good' | 'foreign';
  readonly key: 'good' | 'none';
  readonly address: 'allowed' | 'denied';
  readonly path: 'known' | 'unknown';
}

/** What decides, by the order of the line. */
function decides(a: Attempt): number {
  if (a.host === 'foreign') return 421;
  if (a.key === 'none') return 401;
  if (a.address === 'denied') return 403;
  return a.path === 'unknown' ? 404 : 200;
}

describe('the first step that refuses decides', () => {
  for (const host of ['good', 'foreign'] as const)
    for (const key of ['good', 'none'] as const)
      for (const address of ['allowed', 'denied'] as const)
        for (const path of ['known', 'unknown'] as const) {
          const status = decides({ host, key, address, path });
          test(`host ${host}, key ${key}, address ${address}, path ${path}: ${status}`, async () => {
            if (address === 'denied') fixture.proxy.setPolicy({ denyIps: ['127.0.0.0/8'] });
            const response = await fixture.ask(
              `GET ${path === 'known' ? '/v1/models' : '/admin'} HTTP/1.1\r\n` +
                `Host: ${host === 'good' ? 'localhost' : 'attacker.example'}\r\n` +
                `${key === 'good' ? `Authorization: Bearer ${fixture.key}\r\n` : ''}\r\n`,
            );
            assert.equal(response.status, status);
            await fixture.assertUnharmed();
          });
        }

  test('a request that never was one is refused before its key is looked at', async () => {
    const response = await fixture.ask('GET /v1/../admin HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.equal(response.status, 400);
    await fixture.assertUnharmed();
  });
  test('a stranger does not learn that the rate of the proxy is used up', async () => {
    fixture.proxy.setPolicy({ requestsPerMinute: 1 });
    assert.equal((await fixture.ask(get('/v1/models', fixture.key))).status, 200);
    assert.equal((await fixture.ask(get('/v1/models', fixture.key))).status, 429);
    assert.equal((await fixture.ask(get('/v1/models', 'flm_wrong'))).status, 401);
    await fixture.assertUnharmed();
  });
  test('rates count what the router refuses', async () => {
    fixture.proxy.setPolicy({ requestsPerMinute: 1 });
    assert.equal((await fixture.ask(get('/nothing', fixture.key))).status, 404);
    assert.equal((await fixture.ask(get('/nothing', fixture.key))).status, 429);
    await fixture.assertUnharmed();
  });
  test('a body is not read before the route is known and the scope is there', async () => {
    const key = fixture.addKey({ scopes: ['metrics'] });
    for (const [path, status] of [
      ['/v1/chat/completions', 403],
      ['/v1/nothing', 404],
    ] as const) {
      const wire = await fixture.dial();
      wire.send(post(path, key, chatBody).slice(0, -chatBody.length));
      assert.equal((await wire.response()).status, status);
    }
    await fixture.assertUnharmed();
  });
});

describe('a method', () => {
  const cases: readonly (readonly [method: string, path: string, allow: string])[] = [
    ['POST', '/v1/models', 'GET, HEAD'],
    ['GET', '/v1/chat/completions', 'POST'],
    ['PUT', '/v1/chat/completions', 'POST'],
    ['PATCH', '/v1/models/m', 'GET, HEAD'],
    ['OPTIONS', '/v1/chat/completions', 'POST'],
    ['POST', '/v1/responses/resp_1', 'GET, HEAD, DELETE'],
    ['DELETE', '/api/tags', 'GET, HEAD'],
    ['POST', '/health', 'GET, HEAD, OPTIONS'],
    ['POST', '/ready', 'GET, HEAD, OPTIONS'],
    ['POST', '/metrics', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of cases)
    test(`${method} ${path} is 405 and names ${allow}`, async () => {
      const response = await fixture.ask(
        `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${fixture.key}\r\nContent-Length: 0\r\n\r\n`,
      );
      assert.equal(response.status, 405);
      assert.equal(response.field('allow'), allow);
      await fixture.assertUnharmed();
    });
  test('that is wrong is told to nobody without a key', async () => {
    const response = await fixture.ask(
      'POST /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n',
    );
    assert.equal(response.status, 401);
    assert.equal(response.field('allow'), undefined);
    await fixture.assertUnharmed();
  });
});

describe('/health', () => {
  const health = 'GET /health HTTP/1.1\r\nHost: localhost\r\n';
  test('needs no key and tells no more than up', async () => {
    const response = await fixture.ask(`${health}\r\n`);
    assert.equal(response.status, 200);
    assert.equal(response.body.toString(), '{"status":"up"}');
    await fixture.assertUnharmed();
  });
  test('does not look at a key that is there', async () => {
    assert.equal((await fixture.ask(`${health}Authorization: Bearer flm_wrong\r\n\r\n`)).status, 200);
    await fixture.assertUnharmed();
  });
  test('is not open to a denied address, and counts against the rate of an address', async () => {
    fixture.proxy.setPolicy({ denyIps: ['127.0.0.1'] });
    assert.equal((await fixture.ask(`${health}\r\n`)).status, 403);
    fixture.proxy.setPolicy({ requestsPerMinutePerAddress: 1 });
    assert.equal((await fixture.ask(`${health}\r\n`)).status, 200);
    assert.equal((await fixture.ask(`${health}\r\n`)).status, 429);
    await fixture.assertUnharmed();
  });
  test('makes nothing else keyless', async () => {
    for (const path of [
      '/health/',
      '/healthz',
      '/Health',
      '/health%2f',
      '/v1/health',
      '/metrics',
      '/ready/',
      '/v1/ready',
    ])
      assert.equal((await fixture.ask(`${health.replace('/health', path)}\r\n`)).status, 401, path);
    await fixture.assertUnharmed();
  });
});

describe('/ready', () => {
  const ready = 'GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n';
  test('needs no key, and is 200 while an engine is up', async () => {
    const response = await fixture.ask(ready);
    assert.equal(response.status, 200);
    assert.equal(response.body.toString(), '{"status":"ready"}');
    fixture.proxy.directory.states.set('e', 'degraded');
    assert.equal((await fixture.ask(ready)).status, 200);
    fixture.proxy.directory.states.clear();
    await fixture.assertUnharmed();
  });
  test('is 503 while no engine is up, and names none', async () => {
    for (const state of ['down', 'installed'] as const) {
      fixture.proxy.directory.states.set('e', state);
      const response = await fixture.ask(ready);
      assert.equal(response.status, 503);
      assert.equal(response.body.toString(), '{"status":"unready"}');
    }
    // The process serves all the same.
    assert.equal((await fixture.ask(ready.replace('ready', 'health'))).status, 200);
    fixture.proxy.directory.states.clear();
    assert.equal((await fixture.ask(ready)).status, 200);
    await fixture.assertUnharmed();
  });
  test('is 503 while the proxy drains', async () => {
    const draining = await AttackFixture.open();
    try {
      const wire = await draining.dial();
      assert.equal((await wire.send(ready).response()).status, 200);
      draining.proxy.gateway.release();
      const response = await wire.send(ready).response();
      assert.equal(response.status, 503);
      assert.equal(response.body.toString(), '{"status":"draining"}');
    } finally {
      await draining.close();
    }
    await fixture.assertUnharmed();
  });
});

describe('a load balancer', () => {
  for (const path of ['/health', '/ready'])
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      test(`is answered ${method} ${path} in HTTP/1.0 without Host`, async () => {
        const said = await fixture.askToTheEnd(`${method} ${path} HTTP/1.0\r\n\r\n`);
        assert.match(said, /^HTTP\/1\.1 200 OK\r\n/);
        assert.match(said, /\r\nconnection: close\r\n/i);
        assert.equal(said.endsWith('\r\n\r\n'), method === 'HEAD', said);
        await fixture.assertUnharmed();
      });
      test(`is answered ${method} ${path} in HTTP/1.1`, async () => {
        const said = await fixture.askToTheEnd(
          `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
        );
        assert.match(said, /^HTTP\/1\.1 200 OK\r\n/);
        assert.equal(/\r\nallow: GET, HEAD, OPTIONS\r\n/.test(said), method === 'OPTIONS');
        await fixture.assertUnharmed();
      });
      test(`is told by ${method} /ready alone that no engine is up (${path})`, async () => {
        fixture.proxy.directory.states.set('e', 'down');
        const said = await fixture.askToTheEnd(`${method} ${path} HTTP/1.0\r\n\r\n`);
        fixture.proxy.directory.states.clear();
        assert.ok(said.startsWith(`HTTP/1.1 ${path === '/ready' ? 503 : 200} `), said);
        await fixture.assertUnharmed();
      });
    }
  test('that names a foreign host is refused in HTTP/1.0 as well', async () => {
    const said = await fixture.askToTheEnd('GET /health HTTP/1.0\r\nHost: attacker.example\r\n\r\n');
    assert.match(said, /^HTTP\/1\.1 421 /);
    await fixture.assertUnharmed();
  });
  test('needs a Host in HTTP/1.1', async () => {
    assert.equal((await fixture.ask('GET /health HTTP/1.1\r\n\r\n')).status, 400);
    await fixture.assertUnharmed();
  });
});

describe('HEAD', () => {
  test('is GET without the body', async () => {
    for (const path of ['/v1/models', '/health', '/nothing']) {
      const whole = await fixture.ask(get(path, fixture.key));
      const said = await fixture.askToTheEnd(
        get(path, fixture.key, 'Connection: close\r\n').replace('GET', 'HEAD'),
      );
      assert.ok(said.endsWith('\r\n\r\n'), said);
      assert.match(said, new RegExp(`^HTTP/1\\.1 ${whole.status} `));
      assert.match(said, /\r\ncontent-length: \d+\r\n/);
    }
    await fixture.assertUnharmed();
  });
});

describe('an error has the envelope of its dialect', () => {
  const json = (response: WireResponse) => JSON.parse(response.body.toString()) as Record<string, unknown>;
  const cases: readonly (readonly [path: string, dialect: 'openai' | 'anthropic' | 'ollama'])[] = [
    ['/v1/chat/completions', 'openai'],
    ['/v1/responses', 'openai'],
    ['/v1/nothing', 'openai'],
    ['/engine/e/nothing', 'openai'],
    ['/nothing', 'openai'],
    ['/v1/messages', 'anthropic'],
    ['/v1/messages/count_tokens', 'anthropic'],
    ['/v1/messages/nothing', 'anthropic'],
    ['/api/chat', 'ollama'],
    ['/api/nothing', 'ollama'],
  ];
  for (const [path, dialect] of cases)
    test(`${path}: ${dialect}`, async () => {
      const response = await fixture.ask(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      assert.equal(response.status, 401);
      assert.equal(response.field('content-type'), 'application/json');
      const body = json(response);
      const id = response.field('x-request-id');
      assert.match(id ?? '', /^req_\w+$/);
      assert.equal(response.field('request-id'), id);
      assert.equal(body.request_id, id);
      const message =
        'No valid API key was given. Send a key as "Authorization: Bearer KEY". Create a key with `flm key create LABEL`.';
      delete body.request_id;
      if (dialect === 'openai')
        assert.deepEqual(body, {
          error: { message, type: 'authentication_error', code: 'invalid_api_key', param: null },
        });
      else if (dialect === 'anthropic')
        assert.deepEqual(body, { type: 'error', error: { type: 'authentication_error', message } });
      else assert.deepEqual(body, { error: message });
      await fixture.assertUnharmed();
    });
  test('/v1/models: Anthropic, for a client that says so', async () => {
    const response = await fixture.ask(
      get('/v1/models/nothing', fixture.key, 'anthropic-version: 2023-06-01\r\n'),
    );
    assert.equal(response.status, 404);
    assert.equal(json(response).type, 'error');
    await fixture.assertUnharmed();
  });
  test('each request has an id of its own, on one connection as well', async () => {
    const wire = await fixture.dial();
    const ids = new Set<string | undefined>();
    for (let i = 0; i < 5; i++)
      ids.add((await wire.send(get('/v1/models', fixture.key)).response()).field('x-request-id'));
    assert.equal(ids.size, 5);
    await fixture.assertUnharmed();
  });
});
