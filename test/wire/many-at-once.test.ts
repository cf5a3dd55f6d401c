/**
 * Many requests that arrive at the same moment, over real sockets: they go to engines over several turns of the event loop, so
 * that responses go out in between. A request that waits for its turn is served, ended and counted like one that runs.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer, hold } from '../helpers/raw-engine.ts';
import type { Wire } from '../helpers/test-gateway.ts';

const many = 256;
/** Of which four fifths may carry requests. */
const maxConnections = many * 1.25;

let stock: Stock;
let fixture: GatewayFixture;
let wires: Wire[];
before(() => {
  stock = takeStock();
});
beforeEach(async () => {
  fixture = await GatewayFixture.open({ config: { limits: { maxConnections } } });
  wires = [];
  for (let i = 0; i < many; i++) wires.push(await fixture.dial());
});
afterEach(() => fixture.close());
after(() => assertNoLeaks(stock));

const requestOf = (i: number, length = 10): string =>
  fixture.post(JSON.stringify({ model: 'm', user: `${i}`, prompt: 'x'.repeat(length) }), '/v1/completions');

/** Sends a request on each connection at once. When it resolves, flm has read all of them, and most wait for their turn. */
async function sendAll(bytesOf: (i: number) => string = requestOf): Promise<void> {
  for (const [i, wire] of wires.entries()) wire.send(bytesOf(i));
  // Between two check phases the event loop polls.
  await nextTurn();
  await nextTurn();
}

test('the first response goes out before the last of many requests has reached the engine', async () => {
  let order: string[] = [];
  fixture.engine.setScript(() => {
    order.push('request');
    return [answer('{}')];
  });
  // Connections to the engine that open one by one would spread the first requests by themselves.
  for (let round = 0; round < 2; round++) {
    order = [];
    await sendAll();
    await Promise.all(
      wires.map(async (wire) => {
        assert.equal((await wire.response()).status, 200);
        order.push('response');
      }),
    );
  }
  assert.equal(order.filter((what) => what === 'request').length, many);
  assert(order.indexOf('response') < order.lastIndexOf('request'), order.join(' '));
  await fixture.settle();
});

test('bodies arrive whole, those that wait for their turn and those of which more arrives meanwhile', async () => {
  fixture.engine.setScript((_, { body }) => [answer(JSON.stringify({ bytes: body.length }))]);
  const lengths = [10, 3_000, 60_000, 150_000];
  const requests = wires.map((_, i) => requestOf(i, lengths[i % 4]));
  const cuts = requests.map((bytes, i) => {
    const head = bytes.indexOf('\r\n\r\n') + 4;
    return [bytes.length, bytes.length - 5, head, 20, head + 9][i % 5] as number;
  });
  await sendAll((i) => (requests[i] as string).slice(0, cuts[i]));
  for (let i = many - 1; i >= 0; i--) {
    const rest = (requests[i] as string).slice(cuts[i]);
    if (rest !== '') wires[i]?.send(rest);
  }
  for (const [i, wire] of wires.entries()) {
    const bytes = requests[i] as string;
    const length = bytes.length - bytes.indexOf('\r\n\r\n') - 4;
    assert.equal((await wire.response()).body.toString(), `{"bytes":${length}}`);
  }
  await fixture.settle();
});

test('clients that leave while their requests wait for their turn take no work from the engine', async () => {
  fixture.engine.setScript([hold(new Promise(() => {}))]);
  await sendAll();
  await fixture.until('all are in flight', () => fixture.proxy.gateway.inFlight === many);
  for (const [i, wire] of wires.entries())
    if (i % 2 === 0) wire.close();
    else wire.socket.resetAndDestroy();
  await fixture.until('no request is in flight', () => fixture.proxy.gateway.inFlight === 0);
  for (const { path, keyId } of fixture.proxy.lines) {
    assert.equal(path, '/v1/completions');
    assert.notEqual(keyId, null);
  }
});

test('requests that wait for their turn end with their key', async () => {
  fixture.engine.setScript([hold(new Promise(() => {}))]);
  const key = fixture.addKey({});
  await sendAll((i) => requestOf(i).replace(fixture.proxy.key, key));
  fixture.proxy.revoke(key);
  await fixture.until('no request is in flight', () => fixture.proxy.gateway.inFlight === 0);
});

test('a connection whose request waits for its turn gives no place to a new connection', async () => {
  fixture.engine.setScript([answer('{}')]);
  for (let i = many; i < maxConnections; i++) await fixture.dial();
  await sendAll();
  await Promise.all(Array.from({ length: maxConnections }, () => fixture.dial()));
  for (const wire of wires) assert.equal((await wire.response()).status, 200);
});

test('a second request that arrives while the first one waits for its turn is served after it', async () => {
  fixture.engine.setScript((_, { body }) => [answer(JSON.stringify({ bytes: body.length }))]);
  const [first, second] = [requestOf(1, 15_000), requestOf(2, 60_000)];
  await sendAll(() => first);
  for (const wire of wires) wire.send(second);
  for (const wire of wires)
    for (const least of [15_000, 60_000]) {
      const { bytes } = JSON.parse((await wire.response()).body.toString()) as { readonly bytes: number };
      assert(bytes > least && bytes < least + 1_000);
    }
});

test('a client that ends its side while its request waits is asked whether it is there, and gets its response', async () => {
  const gate = Promise.withResolvers<void>();
  fixture.engine.setScript([hold(gate.promise), answer('{"late":true}')]);
  await sendAll();
  for (const wire of wires) wire.socket.end();
  for (const wire of wires) await wire.until((received) => received.includes('102'));
  gate.resolve();
  for (const wire of wires) assert.match((await wire.rest()).toString('latin1'), /\{"late":true\}$/);
  await fixture.settle();
});

test('a stop serves the requests that wait for their turn', async () => {
  fixture.engine.setScript([answer('{}')]);
  await sendAll();
  const stopped = fixture.proxy.gateway.stop(60_000);
  for (const wire of wires) {
    const response = await wire.response();
    assert.equal(response.status, 200);
    assert.equal(response.field('connection'), 'close');
  }
  await fixture.clock.move(1_000);
  assert.equal((await stopped).cut, 0);
});
