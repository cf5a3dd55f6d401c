/** What flm serves below `/flm/` on a data listener: files from memory, and a key's view of itself. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { brotliCompressSync, gunzipSync } from 'node:zlib';
import { ownKeyDocumentSchema } from '../../src/core/security/own-key-document.ts';
import { StaticFile } from '../../src/ui/static-file.ts';
import { AttackFixture } from '../helpers/attack-fixture.ts';
import { noOwnAddress, ownAddress } from '../helpers/own-address.ts';
import { openTestGateway, post, Wire } from '../helpers/test-gateway.ts';

const page = new StaticFile('text/html; charset=utf-8', brotliCompressSync('<title>é</title>'));
/** More than the buffers of two sockets hold. */
const bigBytes = Buffer.alloc(16_000_000, 'é');
const big = new StaticFile('text/javascript', brotliCompressSync(bigBytes));

async function opened(t: { after(f: () => Promise<void>): void }, policy = {}) {
  const gateway = await openTestGateway({
    policy,
    engines: [],
    pages: {
      files: new Map([
        ['/flm/me', page],
        ['/flm/big.js', big],
      ]),
    },
  });
  t.after(() => gateway.close());
  const get = async (path: string, more = '', method = 'GET') => {
    const wire = await gateway.dial();
    wire.send(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${more}\r\n`);
    return wire.rest().then((bytes) => bytes.toString());
  };
  return { gateway, get, bearer: (key: string) => `Authorization: Bearer ${key}\r\n` };
}

test('a file is served whole without a key, and its login does not count as failed', async (t) => {
  const { gateway, get, bearer } = await opened(t);
  const reply = await get('/flm/me');
  assert.match(reply, /^HTTP\/1\.1 200 .*content-type: text\/html; charset=utf-8\r\n/s);
  assert.match(reply, /cache-control: no-cache\r\n.*content-length: 17\r\n.*\r\n\r\n<title>é<\/title>$/s);
  assert.match(await get('/flm/me', bearer('flm_wrong')), /^HTTP\/1\.1 200 /);
  assert.match(await get('/flm/me', '', 'HEAD'), /^HTTP\/1\.1 200 .*content-length: 17\r\n.*\r\n\r\n$/s);
  assert.equal(gateway.refusedLogins.length, 0);
});

test('a large file arrives whole at a client that reads late, and a client that leaves ends it', async (t) => {
  const { gateway } = await opened(t);
  const request = 'GET /flm/big.js HTTP/1.1\r\nHost: localhost\r\n';
  const start = () => {
    const socket = connect(gateway.port, '127.0.0.1');
    socket.pause();
    return socket;
  };
  const late = start();
  late.write(`${request}\r\n${request}Connection: close\r\n\r\n`);
  const leaver = start();
  leaver.write(`${request}\r\n`);
  while (gateway.gateway.inFlight < 2) await new Promise(setImmediate);
  const left = gateway.nextLine();
  leaver.destroy();
  assert.equal((await left).ending, 'client-left');
  const bytes = Buffer.concat(await late.toArray());
  const head = bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4);
  const second = bytes.subarray(head.length + bigBytes.length);
  assert.equal(bytes.subarray(head.length, -second.length).equals(bigBytes), true);
  assert.match(second.toString('latin1', 0, 15), /^HTTP\/1\.1 200 OK/);
  assert.equal(second.subarray(second.indexOf('\r\n\r\n') + 4).equals(bigBytes), true);
});

test('a file comes compressed to a client that accepts that, and not at all to one that has it', async (t) => {
  const { gateway } = await opened(t);
  const wire = await gateway.dial();
  const ask = (more: string) => {
    wire.send(`GET /flm/me HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`);
    return wire.response();
  };
  const packed = await ask('Accept-Encoding: gzip\r\n');
  assert.equal(packed.field('content-encoding'), 'gzip');
  assert.equal(gunzipSync(packed.body).toString(), '<title>é</title>');
  const again = await ask(`Accept-Encoding: gzip\r\nIf-None-Match: ${packed.field('etag')}\r\n`);
  assert.deepEqual([again.status, again.field('content-length')], [304, undefined]);
  assert.equal((await ask('')).body.toString(), '<title>é</title>');
  wire.close();
});

test('another method, another path and a path without a key get what any unknown path gets', async (t) => {
  const { gateway, get, bearer } = await opened(t);
  assert.match(await get('/flm/me', '', 'DELETE'), /^HTTP\/1\.1 405 .*allow: GET, HEAD\r\n/s);
  for (const path of ['/flm/', '/flm/ME', '/flm/me/', '/flm/api/v1/keys', '/flm/api/v1/']) {
    assert.match(await get(path), /^HTTP\/1\.1 401 /, path);
    assert.match(await get(path, bearer('flm_wrong')), /^HTTP\/1\.1 401 /, path);
    for (const method of ['GET', 'POST', 'DELETE'])
      assert.match(await get(path, bearer(gateway.key), method), /^HTTP\/1\.1 404 /, path);
  }
  assert.equal(gateway.refusedLogins.length, 5);
});

test('addresses, hosts and rates of the policy hold for files', async (t) => {
  const { gateway, get } = await opened(t, { requestsPerMinutePerAddress: 1 });
  assert.match(await get('/flm/me'), /^HTTP\/1\.1 200 /);
  assert.match(await get('/flm/me'), /^HTTP\/1\.1 429 /);
  gateway.setPolicy({ denyIps: ['127.0.0.1'] });
  assert.match(await get('/flm/me'), /^HTTP\/1\.1 403 /);
  const wire = await gateway.dial();
  wire.send('GET /flm/me HTTP/1.1\r\nHost: evil.example\r\n\r\n');
  assert.equal((await wire.response()).status, 421);
  wire.close();
});

test('a key sees itself: rules, limits in force, use, models and usage, and nothing of other keys', async (t) => {
  const days = [
    { day: '2026-11-26', model: 'm', requests: 2, inputTokens: 3, outputTokens: 4, estimatedRequests: 1 },
  ];
  const asked: string[] = [];
  const gateway = await openTestGateway({
    policy: { requestsPerMinutePerKey: 60 },
    engines: [{ id: 'e', port: 1, models: ['chat-a', 'chat-b', 'other'] }],
    ledger: {
      today: (family) => (family === 'fam' ? 7 : 1_000),
      ofFamily: async (family) => {
        asked.push(family);
        return days;
      },
    },
  });
  t.after(() => gateway.close());
  const limits = {
    requestsPerMinute: null,
    burst: null,
    tokensPerMinute: 100,
    tokensPerDay: 500,
    concurrency: 2,
  };
  const key = gateway.addKey({
    id: 'key_1',
    familyId: 'fam',
    label: 'ana',
    scopes: [],
    models: ['chat-*'],
    limits,
    expiresAtMs: Date.UTC(2126, 0, 1),
  });
  gateway.addKey({ label: 'secret-neighbour' });
  const response = await fetch(`${gateway.url}/flm/api/v1/me`, { headers: { 'x-api-key': key } });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('cache-control'), 'no-store');
  assert.equal(response.headers.get('x-ratelimit-limit-requests'), '60');
  const document = ownKeyDocumentSchema.parse(await response.json());
  assert.deepEqual(
    { ...document, use: { ...document.use, requests: document.use.requests?.remaining } },
    {
      id: 'key_1',
      label: 'ana',
      scopes: [],
      expiresAt: '2126-01-01T00:00:00.000Z',
      limits: { ...limits, requestsPerMinute: 60, burst: 10 },
      use: {
        requests: 9,
        tokens: { remaining: 100, resetMs: 0 },
        tokensToday: 7,
        inProgress: 0,
      },
      models: ['chat-a', 'chat-b'],
      usage: days,
    },
  );
  assert.deepEqual(asked, ['fam']);
  const { limits: own, expiresAt } = (await (
    await fetch(`${gateway.url}/flm/api/v1/me`, { headers: { 'x-api-key': gateway.key } })
  ).json()) as { limits: { requestsPerMinute: number }; expiresAt: null };
  assert.equal(own.requestsPerMinute, 60);
  assert.equal(expiresAt, null);
});

test('usage that cannot be read is null, and the rest of the answer stands', async (t) => {
  const gateway = await openTestGateway({
    engines: [],
    ledger: { today: () => 0, ofFamily: async () => undefined },
  });
  t.after(() => gateway.close());
  const response = await fetch(`${gateway.url}/flm/api/v1/me`, { headers: { 'x-api-key': gateway.key } });
  assert.equal(response.status, 200);
  assert.equal(ownKeyDocumentSchema.parse(await response.json()).usage, null);
});

test('a wrong key at /flm/api/v1/me is a failed login, and no request there reaches an engine', async () => {
  const fixture = await AttackFixture.open();
  const at = (key: string, method = 'GET') =>
    fixture.ask(
      `${method} /flm/api/v1/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n\r\n`,
    );
  assert.equal((await at('flm_wrong')).status, 401);
  assert.deepEqual(fixture.proxy.refusedLogins, [false]);
  assert.equal((await at(fixture.key)).status, 200);
  assert.equal((await at(fixture.addKey({ scopes: [], endpoints: ['embeddings'] }))).status, 200);
  assert.equal((await fixture.ask(post('/flm/api/v1/me', fixture.key, '{}'))).status, 405);
  await fixture.assertUnharmed();
  await fixture.close();
});

const html = 'Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n';
const rootPage = new StaticFile('text/html', brotliCompressSync('<title>flm runs here</title>'));

test('at / a browser on loopback without a key gets a page, a key gets the answer of the API, others a 401', async (t) => {
  const gateway = await openTestGateway({ engines: [], pages: { root: rootPage } });
  t.after(() => gateway.close());
  const get = async (more: string, method = 'GET') => {
    const wire = await gateway.dial();
    wire.send(`${method} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${more}\r\n`);
    return (await wire.rest()).toString();
  };
  const page = await get(html);
  assert.match(page, /^HTTP\/1\.1 200 .*vary: Accept, Accept-Language\r\n.*<title>flm runs here/s);
  assert.match(await get(html, 'HEAD'), /^HTTP\/1\.1 200 .*\r\n\r\n$/s);
  assert.match(await get(`Authorization: Bearer\r\n${html}`), /^HTTP\/1\.1 200 /);
  const withKey = await get(`${html}Authorization: Bearer ${gateway.key}\r\n`);
  assert.match(withKey, /^HTTP\/1\.1 200 .*vary: Accept, Accept-Language\r\n.*"base_urls"/s);
  for (const accept of ['', 'Accept: */*\r\n', 'Accept: text/html;q=0, */*\r\n', 'Accept: text/htmlx\r\n'])
    assert.match(await get(accept), /^HTTP\/1\.1 401 .*vary: Accept, Accept-Language\r\n/s, accept);
  assert.match(await get(html, 'POST'), /^HTTP\/1\.1 401 /);
  assert.equal(gateway.refusedLogins.length, 0, 'none of these is a failed login');
  assert.match(await get(`${html}X-Api-Key: flm_wrong\r\n`), /^HTTP\/1\.1 401 /);
  assert.equal(gateway.refusedLogins.length, 1);
});

test('at / a browser on the network gets the page only where the admin API is served', {
  skip: noOwnAddress,
}, async (t) => {
  const config = { bind: [ownAddress ?? ''], allowInsecureBind: true };
  const admin = { call: () => Promise.reject(new Error('nobody calls it')) };
  for (const [more, status] of [
    [{}, 401],
    [{ admin }, 200],
  ] as const) {
    const gateway = await openTestGateway({ engines: [], config, pages: { root: rootPage }, ...more });
    t.after(() => gateway.close());
    const wire = await Wire.dial(gateway.port, ownAddress);
    wire.send(`GET / HTTP/1.1\r\nHost: localhost\r\n${html}\r\n`);
    assert.equal((await wire.response()).status, status);
    wire.close();
  }
});

test("the dashboard's files are served where the admin API may be reached, and nowhere else", async (t) => {
  const admin = { call: () => Promise.reject(new Error('nobody calls it')) };
  const pages = { dashboard: new Map([['/flm/', page]]) };
  const gateway = await openTestGateway({ engines: [], pages, admin });
  t.after(() => gateway.close());
  const get = async (more: string, key = '') => {
    const wire = await gateway.dial();
    const login = key === '' ? '' : `Authorization: Bearer ${key}\r\n`;
    wire.send(`GET /flm/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${login}${more}\r\n`);
    return (await wire.rest()).toString();
  };
  assert.match(await get(''), /^HTTP\/1\.1 200 /);
  assert.match(await get('X-Forwarded-For: 192.0.2.1\r\n'), /^HTTP\/1\.1 401 /);
  assert.match(await get('X-Forwarded-For: 192.0.2.1\r\n', gateway.key), /^HTTP\/1\.1 404 /);
});
