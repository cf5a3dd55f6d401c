/** Who may redeem the token of a share on a data listener, and how: transport, origin, methods, failed logins. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RedeemedShare } from '../../src/core/security/share.ts';
import { openTestGateway } from '../helpers/test-gateway.ts';

const made: RedeemedShare = {
  outcome: 'made',
  shareId: 'sh_a',
  keyId: 'key_a',
  label: 'anna',
  expiresAtMs: null,
  key: 'flm_new',
  localAuthority: false,
};

async function opened(t: { after(f: () => Promise<void>): void }, policy = {}) {
  const asked: string[] = [];
  const gateway = await openTestGateway({
    engines: [],
    policy,
    config: { publicHosts: ['ai.example.org'] },
    shares: {
      async redeem(token) {
        asked.push(token);
        return token === 'good' ? made : { outcome: 'unknown' };
      },
    },
  });
  t.after(() => gateway.close());
  const call = async (more: string, method = 'POST', host = 'localhost') => {
    const wire = await gateway.dial();
    wire.send(
      `${method} /flm/share/redeem HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\nConnection: close\r\n${more}\r\n`,
    );
    return (await wire.rest()).toString();
  };
  return { gateway, asked, call };
}

const good = 'Authorization: Bearer good\r\n';
const code = (reply: string): unknown =>
  (JSON.parse(reply.slice(reply.indexOf('\r\n\r\n'))) as { error: { code: string } }).error.code;

test('a token on this machine gets its key, which no cache keeps', async (t) => {
  const { call, gateway } = await opened(t);
  const reply = await call(good);
  assert.match(reply, /^HTTP\/1\.1 201 .*cache-control: no-store/is);
  assert.match(reply, /"key":"flm_new","id":"key_a"/);
  assert.deepEqual(
    gateway.lines.map(({ path, status, keyId }) => [path, status, keyId]),
    [['/flm/share/redeem', 201, null]],
  );
});

test('plain HTTP through another proxy or under another name is refused before the token is looked at', async (t) => {
  const { call, asked } = await opened(t);
  for (const field of [
    'X-Forwarded-For: 192.0.2.1',
    'X-Forwarded-Proto: https',
    'Forwarded: for=192.0.2.1',
    'Via: 1.1 x',
    'X-Real-IP: 192.0.2.1',
  ])
    assert.equal(code(await call(`${good}${field}\r\n`)), 'share_insecure', field);
  assert.equal(code(await call(good, 'POST', 'ai.example.org')), 'share_insecure');
  assert.match(await call(good, 'POST', 'evil.example'), /^HTTP\/1\.1 421 /);
  assert.deepEqual(asked, []);
});

test('a trusted proxy with HTTPS in front may pass a token on', async (t) => {
  const { call, asked } = await opened(t, { trustedProxies: ['127.0.0.1'] });
  const forwarded = 'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: ';
  assert.match(await call(`${good}${forwarded}https\r\n`, 'POST', 'ai.example.org'), /^HTTP\/1\.1 201 /);
  assert.equal(code(await call(`${good}${forwarded}http\r\n`, 'POST', 'ai.example.org')), 'share_insecure');
  assert.deepEqual(asked, ['good']);
});

test('a link preview that fetches the address redeems nothing', async (t) => {
  const { call, asked } = await opened(t);
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE'])
    assert.match(await call(good, method), /^HTTP\/1\.1 405 /, method);
  assert.deepEqual(asked, []);
});

test('a page of another origin cannot redeem, and the page of flm itself can', async (t) => {
  const { call, asked } = await opened(t);
  assert.match(await call(`${good}Origin: https://evil.example\r\n`), /^HTTP\/1\.1 403 /);
  assert.match(await call(`${good}Origin: null\r\n`), /^HTTP\/1\.1 403 /);
  assert.match(await call(`${good}Origin: http://localhost:1\r\n`), /^HTTP\/1\.1 403 /);
  assert.deepEqual(asked, []);
  assert.match(await call(`${good}Origin: http://localhost\r\n`), /^HTTP\/1\.1 201 /);
});

test('guesses count as failed logins, and a request without a token does not', async (t) => {
  const { call, gateway } = await opened(t);
  assert.equal(code(await call('')), 'share_unknown');
  assert.deepEqual(gateway.refusedLogins, []);
  let replies: string[] = [];
  for (let n = 0; n < 21; n++) replies = [...replies, await call('Authorization: Bearer wrong\r\n')];
  assert.equal(code(replies[0] ?? ''), 'share_unknown');
  assert.equal(code(replies[20] ?? ''), 'rate_limit_exceeded');
  assert.match(replies[20] ?? '', /^HTTP\/1\.1 429 .*retry-after: /is);
  assert.deepEqual(gateway.refusedLogins, [...Array.from({ length: 20 }, () => false), true]);
  // A key is no token, and its use here counts like any other guess.
  assert.equal(code(await call(`Authorization: Bearer ${gateway.key}\r\n`)), 'rate_limit_exceeded');
});

test('addresses that the policy denies redeem nothing', async (t) => {
  const { call, asked } = await opened(t, { denyIps: ['127.0.0.1'] });
  assert.match(await call(good), /^HTTP\/1\.1 403 /);
  assert.deepEqual(asked, []);
});
