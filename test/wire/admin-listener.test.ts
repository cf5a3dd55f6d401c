/** The admin API on a data listener, from outside: who reaches it, over what, and what everybody else sees. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { AdminCall, AdminPort, AdminReply } from '../../src/core/proxy/admin-port.ts';
import { noOwnAddress, ownAddress } from '../helpers/own-address.ts';
import { openTestGateway, type TestGateway, type TestGatewayOptions, Wire } from '../helpers/test-gateway.ts';
import { TlsFixture } from '../helpers/tls-fixture.ts';

const path = '/flm/api/v1/keys';

/** Records the calls that passed, and answers each. */
class RecordingAdmin implements AdminPort {
  readonly calls: AdminCall[] = [];
  readonly signals: AbortSignal[] = [];
  reply: AdminReply = { status: 200, headers: { 'content-type': 'application/json' }, body: '{"ok":true}' };

  call(call: AdminCall, signal: AbortSignal): Promise<AdminReply> {
    this.calls.push(call);
    this.signals.push(signal);
    return Promise.resolve(this.reply);
  }
}

interface Opened {
  readonly admin: RecordingAdmin;
  readonly gateway: TestGateway;
  /** A key with the scope admin. */
  readonly key: string;
  send(lines: readonly string[], body?: string): Promise<string>;
}

async function opened(t: TestContext, options: Partial<TestGatewayOptions> = {}): Promise<Opened> {
  const admin = new RecordingAdmin();
  const gateway = await openTestGateway({ engines: [], admin, ...options });
  t.after(() => gateway.close());
  const [host = '127.0.0.1'] = options.config?.bind ?? [];
  const send = async (lines: readonly string[], body = ''): Promise<string> => {
    const wire = await Wire.dial(gateway.port, host);
    wire.send(`${[...lines, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`);
    const { head, body: answer } = await wire.response();
    wire.close();
    return `${head}\r\n\r\n${answer}`;
  };
  return { admin, gateway, key: gateway.addKey({ id: 'key_a', scopes: ['admin'] }), send };
}

const request = (key: string, more: readonly string[] = [], line = `GET ${path} HTTP/1.1`) => [
  line,
  'Host: localhost',
  `Authorization: Bearer ${key}`,
  ...more,
];

/** Without what differs between any two responses. */
const comparable = (response: string): string =>
  response.replaceAll(/req_\w+/g, 'ID').replaceAll(/^date: .*$/gim, '');

test('a key with the scope reaches the API with its body, and the call names the key and the address', async (t) => {
  const { admin, gateway, key, send } = await opened(t);
  const reader = gateway.addKey({ id: 'key_r', scopes: ['inference', 'admin:read'] });
  assert.match(await send(request(key)), /^HTTP\/1\.1 200 .*\{"ok":true\}$/s);
  const fields = ['Content-Type: application/json', 'If-Match: "a"', 'If-Match: "b"', 'Idempotency-Key: k'];
  await send(request(reader, fields, `PUT ${path}?a=1&b HTTP/1.1`), '{"label":"x"}');
  assert.deepEqual(
    admin.calls.map(({ body, ...call }) => ({ ...call, body: body.toString() })),
    [
      {
        method: 'GET',
        target: path,
        headers: {
          'content-type': undefined,
          'if-match': undefined,
          'if-none-match': undefined,
          'idempotency-key': undefined,
        },
        caller: { actor: 'key:key_a', scopes: ['admin'], address: '127.0.0.1' },
        body: '',
      },
      {
        method: 'PUT',
        target: `${path}?a=1&b`,
        headers: {
          'content-type': 'application/json',
          'if-match': '"a", "b"',
          'if-none-match': undefined,
          'idempotency-key': 'k',
        },
        caller: { actor: 'key:key_r', scopes: ['admin:read'], address: '127.0.0.1' },
        body: '{"label":"x"}',
      },
    ],
  );
});

describe('without the scope', () => {
  test('a key sees no difference between a forbidden path, a path that does not exist, and a proxy without the API', async (t) => {
    const served = await opened(t);
    const closed = await openTestGateway({ engines: [] });
    t.after(() => closed.close());
    const scopes = ['inference', 'engine:read', 'engine:admin', 'metrics'] as const;
    const known = served.gateway.addKey({ scopes });
    const unknown = closed.addKey({ scopes });
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const at = async (target: string) =>
        comparable(await served.send(request(known, [], `${method} ${target} HTTP/1.1`)));
      const forbidden = await at(path);
      assert.match(forbidden, /^HTTP\/1\.1 404 /);
      for (const other of ['/flm/api/v1/nothing', '/flm/api/', '/flm/api', '/flm/x', '/flm/'])
        assert.equal(await at(other), forbidden, `${method} ${other}`);
      const wire = await closed.dial();
      wire.send(
        `${request(unknown, [], `${method} ${path} HTTP/1.1`).join('\r\n')}\r\nContent-Length: 0\r\n\r\n`,
      );
      const { head, body } = await wire.response();
      wire.close();
      const response = comparable(`${head}\r\n\r\n${body}`);
      assert.equal(
        response.replaceAll(String(closed.port), ''),
        forbidden.replaceAll(String(served.gateway.port), ''),
      );
    }
    assert.deepEqual(served.admin.calls, []);
  });

  test('no key, a wrong key and a key that ended get what they get everywhere, also on loopback', async (t) => {
    const { admin, gateway, key, send } = await opened(t);
    const line = `GET ${path} HTTP/1.1`;
    assert.match(await send([line, 'Host: localhost']), /^HTTP\/1\.1 401 /);
    assert.match(await send(request('flm_wrong')), /^HTTP\/1\.1 401 /);
    assert.match(await send([line, 'Host: localhost', `Cookie: flm_session=${key}`]), /^HTTP\/1\.1 401 /);
    assert.deepEqual(gateway.refusedLogins, [false]);
    gateway.pause(key);
    assert.match(await send(request(key)), /^HTTP\/1\.1 403 |^HTTP\/1\.1 401 /);
    gateway.pause(key, false);
    gateway.revoke(key);
    assert.match(await send(request(key)), /^HTTP\/1\.1 401 /);
    assert.deepEqual(admin.calls, []);
  });
});

describe('on loopback', () => {
  for (const field of [
    'Forwarded: for=192.0.2.1',
    'Via: 1.1 proxy',
    'X-Forwarded-For: 192.0.2.1',
    'X-Forwarded-For:',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: localhost',
    'x-forwarded-port: 443',
    'X-FORWARDED-SERVER: a',
    'X-Forwarded-Prefix: /',
    'X-Forwarded-Anything: 1',
    `X-Forwarded-${'a'.repeat(80)}: 1`,
    'X-Forwarded-: 1',
    'X-Forwarded-*: 1',
    'X-Real-IP: 192.0.2.1',
  ])
    test(`a request with ${field.slice(0, 40)} is a 404`, async (t) => {
      const { admin, key, send } = await opened(t);
      assert.match(await send(request(key, [field])), /^HTTP\/1\.1 404 /);
      // The other parser reads a request with a second field.
      assert.match(await send(request(key, ['Accept: a', 'Accept: b', field])), /^HTTP\/1\.1 404 /);
      assert.deepEqual(admin.calls, []);
    });

  for (const [host, status] of [
    ['localhost', 200],
    ['LOCALHOST:1', 200],
    ['127.0.0.1', 200],
    ['127.9.9.9:80', 200],
    ['[::1]:80', 200],
    ['flm-test-host', 404],
    ['192.0.2.1', 404],
    ['[2001:db8::1]', 404],
    ['127.0.0.1.nip.io', 421],
    ['evil.example', 421],
  ] as const)
    test(`with Host ${host} the answer is ${status}`, async (t) => {
      const { admin, key, send } = await opened(t);
      const lines = [`GET ${path} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${key}`];
      assert.match(await send(lines), new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.equal(admin.calls.length, status === 200 ? 1 : 0);
    });

  test('a request without Host, which HTTP/1.0 allows, is a 404', async (t) => {
    const { admin, key, send } = await opened(t);
    assert.match(await send([`GET ${path} HTTP/1.0`, `Authorization: Bearer ${key}`]), /^HTTP\/1\.1 404 /);
    assert.deepEqual(admin.calls, []);
  });
});

describe('from a network', { skip: noOwnAddress }, () => {
  const bind = [ownAddress ?? ''];

  test('plain HTTP is a 404, whatever a forwarding proxy says', async (t) => {
    const { admin, gateway, key, send } = await opened(t, { config: { bind, allowInsecureBind: true } });
    for (const more of [[], ['X-Forwarded-Proto: https'], ['Forwarded: for=192.0.2.1;proto=https']]) {
      assert.match(await send(request(key, more)), /^HTTP\/1\.1 404 /);
      gateway.setPolicy({ trustedProxies: bind });
      assert.match(await send(request(key, more)), /^HTTP\/1\.1 404 /);
    }
    assert.deepEqual(admin.calls, []);
  });

  test('HTTPS reaches it', async (t) => {
    const admin = new RecordingAdmin();
    const fixture = await TlsFixture.open({ config: { bind }, admin });
    t.after(() => fixture.close());
    const key = fixture.proxy.addKey({ scopes: ['admin'] });
    const { wire } = await fixture.dial({ host: bind[0] });
    wire.send(`${request(key).join('\r\n')}\r\n\r\n`);
    assert.equal((await wire.response()).status, 200);
    assert.equal(admin.calls[0]?.caller.address, ownAddress);
  });
});

test('HTTPS on loopback is held to the rules of loopback', async (t) => {
  const admin = new RecordingAdmin();
  const fixture = await TlsFixture.open({ admin });
  t.after(() => fixture.close());
  const key = fixture.proxy.addKey({ scopes: ['admin'] });
  const { wire } = await fixture.dial();
  const status = async (more: readonly string[]) =>
    (await wire.send(`${request(key, more).join('\r\n')}\r\n\r\n`).response()).status;
  assert.deepEqual([await status([]), await status(['X-Forwarded-For: 192.0.2.1'])], [200, 404]);
});

describe('a page in a browser', () => {
  test('of another origin is a 404, even if the policy allows its origin', async (t) => {
    const { admin, key, send } = await opened(t, { policy: { allowOrigins: ['https://app.example'] } });
    assert.match(await send(request(key, ['Origin: https://app.example'])), /^HTTP\/1\.1 404 /);
    for (const origin of ['https://evil.example', 'null', 'http://localhost:1', 'https://localhost', ''])
      assert.match(await send(request(key, [`Origin: ${origin}`])), /^HTTP\/1\.1 40[34] /, origin);
    assert.match(
      await send(request(key, ['Origin: http://localhost', 'Origin: http://localhost'])),
      /^HTTP\/1\.1 40/,
    );
    assert.deepEqual(admin.calls, []);
  });

  test('of this proxy reaches it', async (t) => {
    const { admin, key, send } = await opened(t);
    assert.match(await send(request(key, ['Origin: http://localhost'])), /^HTTP\/1\.1 200 /);
    assert.equal(admin.calls.length, 1);
  });

  test('gets no permission by a preflight', async (t) => {
    const { admin, send } = await opened(t, { policy: { allowOrigins: ['https://app.example'] } });
    const preflight = (origin: string) => [
      `OPTIONS ${path} HTTP/1.1`,
      'Host: localhost',
      `Origin: ${origin}`,
      'Access-Control-Request-Method: POST',
      'Access-Control-Request-Headers: authorization',
    ];
    assert.match(await send(preflight('https://evil.example')), /^HTTP\/1\.1 403 /);
    assert.match(await send(preflight('http://localhost')), /^HTTP\/1\.1 403 /);
    assert.deepEqual(admin.calls, []);
  });
});

test('a body above 1 MiB is a 413, also if it is compressed, and never reaches the API', async (t) => {
  const { admin, key, send } = await opened(t);
  const { gzipSync } = await import('node:zlib');
  const large = Buffer.alloc(1024 * 1024 + 1, 'a');
  const post = request(key, [], `POST ${path} HTTP/1.1`);
  assert.match(await send(post, large.toString()), /^HTTP\/1\.1 413 /);
  assert.match(
    await send([...post, 'Content-Encoding: gzip'], gzipSync(large).toString('latin1')),
    /^HTTP\/1\.1 413 /,
  );
  assert.deepEqual(admin.calls, []);
  assert.match(await send(post, large.subarray(1).toString()), /^HTTP\/1\.1 200 /);
});

test('a stream arrives as it is made, and ends for the API when the client leaves', async (t) => {
  const { admin, gateway, key } = await opened(t);
  const asked: (() => void)[] = [];
  async function* texts() {
    for (let i = 0; ; i++) {
      await new Promise<void>((resolve) => asked.push(resolve));
      yield `data: ${i}\n\n`;
    }
  }
  admin.reply = { status: 200, headers: { 'content-type': 'text/event-stream' }, body: texts() };
  const wire = await gateway.dial();
  wire.send(`${request(key).join('\r\n')}\r\n\r\n`);
  const arrived = (text: string) => wire.until((bytes) => bytes.includes(text));
  await arrived('text/event-stream');
  while (asked.length < 1) await new Promise(setImmediate);
  asked.shift()?.();
  await arrived('data: 0');
  assert.equal(admin.signals[0]?.aborted, false);
  wire.close();
  await gateway.nextLine();
  assert.equal(admin.signals[0]?.aborted, true);
  asked.shift()?.();
});

test('a stream of a key ends when the key is revoked', async (t) => {
  const { admin, gateway, key } = await opened(t);
  admin.reply = {
    status: 200,
    headers: {},
    body: { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) },
  };
  const wire = await gateway.dial();
  wire.send(`${request(key).join('\r\n')}\r\n\r\n`);
  await wire.until((bytes) => bytes.includes('HTTP/1.1 200'));
  gateway.revoke(key);
  await wire.rest();
  assert.equal(admin.signals[0]?.aborted, true);
});

test('rates of the key hold for the API', async (t) => {
  const { gateway, send } = await opened(t);
  const limits = {
    requestsPerMinute: 1,
    burst: 1,
    tokensPerMinute: null,
    tokensPerDay: null,
    concurrency: null,
  };
  const key = gateway.addKey({ scopes: ['admin'], limits });
  assert.match(await send(request(key)), /^HTTP\/1\.1 200 /);
  assert.match(await send(request(key)), /^HTTP\/1\.1 429 /);
});
