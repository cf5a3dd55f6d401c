import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { GatewayFixture } from '../../../test/helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../../../test/helpers/leaks.ts';
import { get } from '../../../test/helpers/test-gateway.ts';

let stock: Stock;
let fixture: GatewayFixture;
before(async () => {
  stock = takeStock();
  fixture = await GatewayFixture.open();
});
afterEach(() => fixture.settle());
after(async () => {
  await fixture.close();
  await assertNoLeaks(stock);
});

test('health asks for no key and tells no more than up', async () => {
  const wire = await fixture.send('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const response = await wire.response();
  assert.equal(response.status, 200);
  assert.equal(response.body.toString(), '{"status":"up"}');
  assert.doesNotMatch(response.head, /version|server|engine/i);
});

test('metrics are for a key of that scope alone', async () => {
  const refused = await (await fixture.send(get('/metrics', fixture.proxy.key))).response();
  assert.equal(refused.status, 403);
  const allowed = await (
    await fixture.send(get('/metrics', fixture.addKey({ scopes: ['metrics'] })))
  ).response();
  assert.equal(allowed.status, 200);
  assert.equal(allowed.field('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(allowed.body.toString(), '# metrics\n');
});

test('a proxy that drains says so', async () => {
  const wire = await fixture.dial();
  fixture.proxy.gateway.release();
  wire.send('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const response = await wire.response();
  assert.equal(response.body.toString(), '{"status":"draining"}');
  assert.equal(response.field('connection'), 'close');
});
