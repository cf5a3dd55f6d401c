/**
 * Many requests that arrive at the same moment, over real sockets: they begin over several turns of the event loop, so that
 * responses go out in between. Each is served whole, however its bytes arrive, unless its client has left.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer, hold } from '../helpers/raw-engine.ts';
import type { Wire } from '../helpers/test-gateway.ts';

const many = 256;

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

async function dialMany(): Promise<readonly Wire[]> {
  const wires: Wire[] = [];
  for (let i = 0; i < many; i++) wires.push(await fixture.dial());
  return wires;
}

const bodyOf = (i: number | string, length: number): string =>
  JSON.stringify({ model: 'm', user: `${i}`, prompt: 'x'.repeat(length) });

test('the first response goes out before the last of many requests has reached the engine', async () => {
  let order: string[] = [];
  fixture.engine.setScript(() => {
    order.push('request');
    return [answer('{}')];
  });
  const wires = await dialMany();
  // Connections to the engine that open one by one would spread the first requests by themselves.
  for (let round = 0; round < 2; round++) {
    order = [];
    for (const [i, wire] of wires.entries()) wire.send(fixture.post(bodyOf(i, 10), '/v1/completions'));
    await Promise.all(
      wires.map(async (wire) => {
        assert.equal((await wire.response()).status, 200);
        order.push('response');
      }),
    );
  }
  assert.equal(order.filter((what) => what === 'request').length, many);
  assert(order.indexOf('response') < order.lastIndexOf('request'), order.join(' '));
});

test('bodies of requests that wait for their turn arrive whole, also if more of them arrives meanwhile', async () => {
  fixture.engine.setScript((_, { body }) => [answer(JSON.stringify({ bytes: body.length }))]);
  const wires = await dialMany();
  const lengths = [10, 3_000, 60_000, 150_000];
  const bodies = wires.map((_, i) => bodyOf(i, lengths[i % lengths.length] as number));
  const parts = bodies.map((body, i) => {
    const bytes = fixture.post(body, '/v1/completions');
    const cut = [bytes.length, 20, bytes.indexOf('\r\n\r\n') + 4, bytes.length - 5][i % 4] as number;
    return [bytes.slice(0, cut), bytes.slice(cut)] as const;
  });
  for (const [i, wire] of wires.entries()) wire.send(parts[i]?.[0] ?? '');
  for (const [i, wire] of wires.entries()) {
    if (i % 8 === 0) await nextTurn();
    const rest = parts[i]?.[1] ?? '';
    if (rest !== '') wire.send(rest);
  }
  const responses = await Promise.all(wires.map((wire) => wire.response()));
  assert.deepEqual(
    responses.map(({ body }) => body.toString()),
    bodies.map((body) => `{"bytes":${body.length}}`),
  );
});

test('a client that leaves while its request waits for its turn disturbs no other request', async () => {
  fixture.engine.setScript(() => [answer('{}')]);
  const wires = await dialMany();
  for (const [i, wire] of wires.entries()) wire.send(fixture.post(bodyOf(i, 10), '/v1/completions'));
  const stays = (_: Wire, i: number): boolean => i % 3 > 0;
  const answered = wires.filter(stays).map((wire) => wire.response());
  for (const [i, wire] of wires.entries()) {
    if (i % 6 === 0) await nextTurn();
    if (!stays(wire, i)) wire.close();
  }
  for (const { status } of await Promise.all(answered)) assert.equal(status, 200);
});

test('a client that ends its side while its request waits for its turn is asked whether it is there', async () => {
  const gate = Promise.withResolvers<void>();
  fixture.engine.setScript((_, { body }) =>
    body.includes('"user":"last"') ? [hold(gate.promise), answer('{"late":true}')] : [answer('{}')],
  );
  const wires = await dialMany();
  const last = wires.at(-1) as Wire;
  for (const [i, wire] of wires.entries())
    if (wire !== last) wire.send(fixture.post(bodyOf(i, 10), '/v1/completions'));
  last.send(fixture.post(bodyOf('last', 10), '/v1/completions')).socket.end();
  await Promise.all(wires.slice(0, -1).map((wire) => wire.response()));
  await fixture.until('its request runs', () => fixture.proxy.gateway.inFlight === 1);
  await fixture.clock.move(1_000);
  await last.until((received) => received.includes('102'));
  gate.resolve();
  assert.match((await last.rest()).toString('latin1'), /\{"late":true\}$/);
});
