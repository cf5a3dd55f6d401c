/**
 * Pages in a browser: the Host header check against DNS rebinding, and CORS.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { get, post } from '../helpers/test-gateway.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
after(() => fixture.close());

const chat = 'POST /v1/chat/completions';

describe('rebinding', () => {
  for (const path of [
    '/v1/models',
    '/health',
    '/ready',
    '/metrics',
    '/',
    '/.well-known/acme-challenge/x',
    '/ui',
  ])
    test(`a name that is not ours is refused at ${path}, key or not`, async () => {
      for (const credential of ['', `Authorization: Bearer ${fixture.key}\r\n`]) {
        const bytes = `GET ${path} HTTP/1.1\r\nHost: attacker.example:8484\r\n${credential}\r\n`;
        const response = await fixture.ask(bytes);
        assert.equal(response.status, 421);
        assert.match(response.body.toString(), /start the proxy with --public-host [a-z0-9.-]+\./);
      }
      await fixture.assertUnharmed();
    });
  for (const host of [
    '127.0.0.1.attacker.example',
    'localhost.attacker.example',
    'xlocalhost',
    '127.1',
    '2130706433',
    '0x7f.1',
  ])
    test(`${host} is not ours`, async () => {
      assert.equal((await fixture.ask(`GET /health HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status, 421);
      await fixture.assertUnharmed();
    });
});

describe('CORS', () => {
  const app = 'https://app.example.org';
  const allowed = { allowOrigins: [app, 'http://localhost:3000'] };
  const origin = (value: string) => `Origin: ${value}\r\n`;
  const preflight = (value: string, more = '') =>
    `OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: ${value}\r\nAccess-Control-Request-Method: POST\r\n${more}\r\n`;

  test('by default no page may call, and none may read the answer', async () => {
    const response = await fixture.ask(get('/v1/models', fixture.key, origin(app)));
    assert.equal(response.status, 403);
    assert.doesNotMatch(response.head, /access-control-/i);
    const options = await fixture.ask(preflight(app));
    assert.equal(options.status, 403);
    assert.doesNotMatch(options.head, /access-control-/i);
    await fixture.assertUnharmed();
  });

  const foreign = [
    'null',
    'https://app.example.org.evil.example',
    'https://APP.example.org',
    'https://app.example.org:8443',
    'https://app.example.org/',
    'http://app.example.org',
    'https://app.example.org, https://evil.example',
    'https://app.example.org https://evil.example',
    'https://evil.example',
    '*',
    '',
  ];
  for (const value of foreign)
    test(`an origin ${JSON.stringify(value)} is not an allowed one`, async () => {
      fixture.proxy.setPolicy(allowed);
      for (const bytes of [get('/v1/models', fixture.key, origin(value)), preflight(value)]) {
        const response = await fixture.ask(bytes);
        assert.equal(response.status, 403);
        assert.doesNotMatch(response.head, /access-control-allow/i);
        assert.equal(response.field('vary'), 'Origin');
      }
      await fixture.assertUnharmed();
    });
  test('the origin of the pages that flm itself serves needs no rule, and gets no CORS field', async () => {
    for (const [host, own] of [
      ['localhost:8484', 'http://localhost:8484'],
      ['192.0.2.1', 'http://192.0.2.1'],
    ] as const) {
      const ask = (value: string) =>
        fixture.ask(
          `GET /v1/models HTTP/1.1\r\nHost: ${host}\r\nX-Api-Key: ${fixture.key}\r\n${origin(value)}\r\n`,
        );
      const response = await ask(own);
      assert.equal(response.status, 200);
      assert.doesNotMatch(response.head, /access-control-/i);
      for (const other of [`${own}0`, own.replace('http:', 'https:'), `${own}/`, `${own}.evil.example`])
        assert.equal((await ask(other)).status, 403, other);
    }
    // A name that a stranger points at this machine is refused for its Host before.
    const rebound = `GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nX-Api-Key: ${fixture.key}\r\n`;
    assert.equal((await fixture.ask(`${rebound}${origin('http://evil.example')}\r\n`)).status, 421);
    await fixture.assertUnharmed();
  });
  test('an allowed origin twice is not an allowed one', async () => {
    fixture.proxy.setPolicy(allowed);
    const response = await fixture.ask(
      get('/v1/models', fixture.key, origin(app) + origin('https://evil.example')),
    );
    assert.equal(response.status, 400);
    assert.doesNotMatch(response.head, /access-control-allow/i);
    await fixture.assertUnharmed();
  });
  test('a desktop app is allowed by its own origin, as the refusal of it says', async () => {
    const obsidian = 'app://obsidian.md';
    fixture.proxy.setPolicy(allowed);
    const refused = await fixture.ask(get('/v1/models', fixture.key, origin(obsidian)));
    assert.equal(refused.status, 403);
    assert.match(refused.body.toString(), /`flm policy set --allow-origin app:\/\/obsidian\.md`/);
    fixture.proxy.setPolicy({ allowOrigins: [obsidian] });
    const response = await fixture.ask(get('/v1/models', fixture.key, origin(obsidian)));
    assert.equal(response.status, 200);
    assert.equal(response.field('access-control-allow-origin'), obsidian);
    assert.equal((await fixture.ask(preflight(obsidian))).status, 204);
    await fixture.assertUnharmed();
  });
  test('what cannot be allowed is not advised', async () => {
    for (const value of ['null', 'file://', '*', '`id`', 'app://$(id)']) {
      const said = (await fixture.ask(get('/v1/models', fixture.key, origin(value)))).body.toString();
      assert.match(said, /--allow-origin URL/);
      assert.ok(!said.includes('$(id)') && !said.includes('`id`'), said);
    }
    await fixture.assertUnharmed();
  });
  test('an allowed page reads answers, and refusals as well', async () => {
    fixture.proxy.setPolicy(allowed);
    const cases = [
      [get('/v1/models', fixture.key, origin(app)), 200],
      [get('/nothing', fixture.key, origin(app)), 404],
      [get('/v1/models', 'flm_wrong', origin(app)), 401],
      [post('/v1/chat/completions', fixture.key, chatBody, origin(app)), 200],
    ] as const;
    for (const [bytes, status] of cases) {
      const response = await fixture.ask(bytes);
      assert.equal(response.status, status);
      assert.equal(response.field('access-control-allow-origin'), app);
      assert.match(response.field('access-control-expose-headers') ?? '', /x-request-id/);
      assert.equal(response.field('access-control-allow-credentials'), undefined);
      assert.equal(response.field('vary'), 'Origin');
    }
    await fixture.assertUnharmed([chat]);
  });
  test('an answer without an origin says that it depends on it', async () => {
    fixture.proxy.setPolicy(allowed);
    const response = await fixture.ask(get('/v1/models', fixture.key));
    assert.equal(response.field('vary'), 'Origin');
    assert.equal(response.field('access-control-allow-origin'), undefined);
    await fixture.assertUnharmed();
  });

  test('a preflight needs no key and grants none', async () => {
    fixture.proxy.setPolicy(allowed);
    const response = await fixture.ask(
      preflight(app, 'Access-Control-Request-Headers: authorization,content-type,cookie,x-stainless-os\r\n'),
    );
    assert.equal(response.status, 204);
    assert.equal(response.field('access-control-allow-origin'), app);
    assert.equal(
      response.field('access-control-allow-headers'),
      'authorization, content-type, x-stainless-os',
    );
    assert.equal(response.field('access-control-allow-methods'), 'POST');
    assert.equal(response.field('access-control-max-age'), '7200');
    assert.equal(response.field('access-control-allow-private-network'), undefined);
    assert.match(response.field('x-request-id') ?? '', /^req_/);
    assert.equal(response.field('request-id'), response.field('x-request-id'));
    assert.equal(response.field('content-length'), undefined);
    await fixture.assertUnharmed();
  });
  test('a preflight says the same of every path', async () => {
    fixture.proxy.setPolicy(allowed);
    const heads = new Set<string>();
    for (const path of ['/v1/models', '/admin', '/metrics', '/engine/e/props']) {
      const response = await fixture.ask(preflight(app).replace('/v1/chat/completions', path));
      heads.add(response.head.replaceAll(/req_\w+/g, '').replace(/^date:.*$/im, ''));
    }
    assert.equal(heads.size, 1);
    await fixture.assertUnharmed();
  });
  test('a preflight that asks for headers that no client of an API needs gets none of them', async () => {
    fixture.proxy.setPolicy(allowed);
    for (const names of ['a b', '<script>', 'x,,y', 'cookie', 'host', `x${'y'.repeat(3000)}`]) {
      const response = await fixture.ask(preflight(app, `Access-Control-Request-Headers: ${names}\r\n`));
      assert.equal(response.status, 204);
      assert.equal(response.field('access-control-allow-headers'), undefined);
    }
    await fixture.assertUnharmed();
  });
  test('a preflight from a denied address is refused, and counts against the rate of its address', async () => {
    fixture.proxy.setPolicy({ ...allowed, denyIps: ['127.0.0.1'] });
    assert.equal((await fixture.ask(preflight(app))).status, 403);
    fixture.proxy.setPolicy({ ...allowed, requestsPerMinutePerAddress: 1 });
    assert.equal((await fixture.ask(preflight(app))).status, 204);
    assert.equal((await fixture.ask(preflight(app))).status, 429);
    await fixture.assertUnharmed();
  });
  test('an OPTIONS that is no preflight needs a key', async () => {
    fixture.proxy.setPolicy(allowed);
    const bytes = 'OPTIONS /v1/models HTTP/1.1\r\nHost: localhost\r\n';
    assert.equal((await fixture.ask(`${bytes}\r\n`)).status, 401);
    assert.equal((await fixture.ask(`${bytes}Origin: ${app}\r\n\r\n`)).status, 401);
    assert.equal((await fixture.ask(`${bytes}Access-Control-Request-Method: POST\r\n\r\n`)).status, 401);
    await fixture.assertUnharmed();
  });
  test('a form of a foreign page is refused before the engine sees it', async () => {
    const bytes = post('/v1/chat/completions', fixture.key, chatBody, origin('https://evil.example'));
    const response = await fixture.ask(bytes.replace('application/json', 'text/plain'));
    assert.equal(response.status, 403);
    await fixture.assertUnharmed();
  });
});
