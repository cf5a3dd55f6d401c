/**
 * Request rates as a client meets them: whose limit fired, when to come back, and what is left.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { noKeyLimits } from '../../src/core/security/api-key.ts';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer } from '../helpers/raw-engine.ts';
import { post, type WireResponse } from '../helpers/test-gateway.ts';

let stock: Stock;
let fixture: GatewayFixture;
before(() => {
  stock = takeStock();
});
beforeEach(async () => {
  fixture = await GatewayFixture.open();
});
afterEach(async () => {
  // The good request at the end of each case is one more.
  fixture.proxy.setPolicy({});
  await fixture.settle();
  await fixture.close();
});
after(() => assertNoLeaks(stock));

async function ask(key: string, more = ''): Promise<WireResponse> {
  fixture.engine.setScript([answer('{"usage":{"prompt_tokens":700,"completion_tokens":10}}')]);
  const wire = await fixture.send(post('/v1/chat/completions', key, '{"model":"m"}', more));
  return wire.response();
}

const left = (response: WireResponse, of = 'requests'): readonly (string | undefined)[] =>
  ['limit', 'remaining', 'reset'].map((name) => response.field(`x-ratelimit-${name}-${of}`));
const when = (response: WireResponse): readonly (string | undefined)[] =>
  ['retry-after', 'retry-after-ms', 'x-should-retry'].map((name) => response.field(name));

test('a rate tells what is left of it, and when it is whole again', async () => {
  const key = fixture.addKey({ limits: { ...noKeyLimits, requestsPerMinute: 60, burst: 2 } });
  assert.deepEqual(left(await ask(key)), ['60', '1', '1s']);
  assert.deepEqual(left(await ask(key)), ['60', '0', '2s']);
  await fixture.clock.move(500);
  const refused = await ask(key);
  assert.equal(refused.status, 429);
  assert.deepEqual(left(refused), ['60', '0', '2s']);
  assert.deepEqual(when(refused), ['1', '500', undefined]);
  await fixture.clock.move(499);
  assert.equal((await ask(key)).status, 429);
  await fixture.clock.move(1);
  assert.deepEqual(left(await ask(key)), ['60', '0', '2s']);
});

test('a wait that SDKs would cut short tells them not to try again', async () => {
  const key = fixture.addKey({ limits: { ...noKeyLimits, tokensPerMinute: 10 } });
  const first = await ask(key);
  assert.deepEqual(left(first, 'tokens'), ['10', '10', '0s']);
  const refused = await ask(key);
  assert.equal(refused.status, 429);
  // 700 tokens in debt and one to spare, at one in six seconds.
  assert.deepEqual(when(refused), ['4206', '4206000', 'false']);
  assert.deepEqual(left(refused, 'tokens'), ['10', '0', '1h11m0s']);
});

for (const [whose, policy] of [
  ["key's", { requestsPerMinutePerKey: 1 }],
  ["address's", { requestsPerMinutePerAddress: 1 }],
  ["proxy's", { requestsPerMinute: 1 }],
] as const) {
  test(`a 429 says that it is the ${whose} rate`, async () => {
    fixture.proxy.setPolicy(policy);
    assert.equal((await ask(fixture.proxy.key)).status, 200);
    await fixture.clock.move(2_000);
    const refused = await ask(fixture.proxy.key);
    assert.equal(refused.status, 429);
    assert.match(refused.body.toString(), new RegExp(`The ${whose} request rate limit is reached`));
    assert.deepEqual(when(refused), ['58', '58000', undefined]);
    assert.equal(fixture.proxy.lines.at(-1)?.rule, `${whose} rate of 1 a minute`);
  });
}

test('both secrets of a key that is being rotated draw on one rate', async () => {
  const limits = { ...noKeyLimits, requestsPerMinute: 60, burst: 2 };
  const old = fixture.addKey({ id: 'key_old', limits });
  const successor = fixture.addKey({ familyId: 'key_old', limits });
  assert.deepEqual(left(await ask(old)), ['60', '1', '1s']);
  assert.deepEqual(left(await ask(successor)), ['60', '0', '2s']);
  for (const key of [old, successor]) assert.equal((await ask(key)).status, 429);
});

test('both secrets of a key that is being rotated draw on one rate of the policy', async () => {
  fixture.proxy.setPolicy({ requestsPerMinutePerKey: 1 });
  const old = fixture.addKey({ id: 'key_old' });
  const successor = fixture.addKey({ familyId: 'key_old' });
  assert.equal((await ask(old)).status, 200);
  assert.equal((await ask(successor)).status, 429);
});

test('a key with a rate of its own is not held to the one for each key', async () => {
  fixture.proxy.setPolicy({ requestsPerMinutePerKey: 1 });
  const key = fixture.addKey({ limits: { ...noKeyLimits, requestsPerMinute: 120 } });
  for (let i = 0; i < 5; i++) assert.equal((await ask(key)).status, 200);
});

test('of two rates that are used up, the one that takes longer says when to come back', async () => {
  fixture.proxy.setPolicy({ requestsPerMinute: 2, requestsPerMinutePerAddress: 60 });
  const key = fixture.addKey({ limits: { ...noKeyLimits, requestsPerMinute: 60, burst: 1 } });
  assert.equal((await ask(key)).status, 200);
  assert.equal((await ask(fixture.proxy.key)).status, 200);
  const refused = await ask(key);
  assert.match(refused.body.toString(), /The proxy's request rate/);
  assert.equal(refused.field('retry-after'), '30');
  await fixture.clock.move(30_000);
  assert.equal((await ask(key)).status, 200);
});

test('what is refused takes nothing from any rate', async () => {
  fixture.proxy.setPolicy({ requestsPerMinutePerAddress: 2 });
  const poor = fixture.addKey({ limits: { ...noKeyLimits, requestsPerMinute: 1, burst: 1 } });
  assert.equal((await ask(poor)).status, 200);
  for (let i = 0; i < 5; i++) assert.equal((await ask(poor)).status, 429);
  assert.equal((await ask(fixture.proxy.key)).status, 200);
});

test('a preflight counts against its address', async () => {
  const origin = 'https://app.example.org';
  fixture.proxy.setPolicy({ requestsPerMinutePerAddress: 1, allowOrigins: [origin] });
  const preflight =
    `OPTIONS /v1/models HTTP/1.1\r\nHost: 127.0.0.1:${fixture.proxy.port}\r\nOrigin: ${origin}\r\n` +
    'Access-Control-Request-Method: GET\r\n\r\n';
  assert.equal((await (await fixture.send(preflight)).response()).status, 204);
  const refused = await (await fixture.send(preflight)).response();
  assert.equal(refused.status, 429);
  assert.equal(refused.field('access-control-allow-origin'), origin);
  assert.match(refused.field('access-control-expose-headers') ?? '', /retry-after, retry-after-ms/);
});

test('requests without a key never use up the rate that keys share, whatever they ask for', async () => {
  const origin = 'https://app.example.org';
  fixture.proxy.setPolicy({ requestsPerMinute: 2, allowOrigins: [origin] });
  const preflight =
    'OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n' +
    `Origin: ${origin}\r\nAccess-Control-Request-Method: POST\r\n\r\n`;
  for (let i = 0; i < 12; i++) {
    const health = await (await fixture.send('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n')).response();
    assert.equal(health.status, 200);
    assert.equal(health.field('x-ratelimit-limit-requests'), undefined, 'no rate holds for it');
    assert.equal((await (await fixture.send(preflight)).response()).status, 204);
    for (const key of ['flm_wrong', 'flm_other', '']) {
      const refused = await (
        await fixture.send(post('/v1/chat/completions', key, '{"model":"m"}'))
      ).response();
      // Failed logins are slowed down on their own; one without a credential is none.
      assert.equal(refused.status, i < 10 || key === '' ? 401 : 429);
    }
  }
  assert.deepEqual(left(await ask(fixture.proxy.key)), ['2', '1', '30s']);
  assert.equal((await ask(fixture.proxy.key)).status, 200);
  assert.equal((await ask(fixture.proxy.key)).status, 429);
});
