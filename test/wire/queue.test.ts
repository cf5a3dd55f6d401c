/**
 * The queue before an engine with one slot: who waits, who is served, and how waiting ends.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { GatewayFixture } from '../helpers/gateway-fixture.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { answer, chunk, hold, lastChunk, type Steps, sseHead } from '../helpers/raw-engine.ts';
import { post, type Wire } from '../helpers/test-gateway.ts';

let stock: Stock;
let fixture: GatewayFixture;
before(() => {
  stock = takeStock();
});
beforeEach(async () => {
  fixture = await GatewayFixture.open({
    engines: [{ slots: 1 }],
    config: { heartbeatMs: 15_000, limits: { maxQueued: 3, maxQueueWaitMs: 120_000 } },
  });
});
afterEach(async () => {
  await fixture.settle();
  await fixture.close();
});
after(() => assertNoLeaks(stock));

const done = 'data: [DONE]\n\n';

/** Requests are answered by what they ask for, and those who ask to be held until they are let go. */
function engineThatHolds(): { letGo(name: string): void; order(): readonly string[] } {
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const order: string[] = [];
  fixture.engine.setScript((_socket, request): Steps => {
    const body = JSON.parse(request.body.toString()) as { readonly user: string; readonly stream?: boolean };
    order.push(body.user);
    const gate = Promise.withResolvers<void>();
    gates.set(body.user, gate);
    const steps =
      body.stream === true ? [sseHead, chunk(done), lastChunk] : [answer(`{"for":"${body.user}"}`)];
    return [hold(gate.promise), ...steps];
  });
  return { letGo: (name) => gates.get(name)?.resolve(), order: () => order };
}

const ask = (user: string, key = fixture.proxy.key, more: object = {}): Promise<Wire> =>
  fixture.send(post('/v1/chat/completions', key, JSON.stringify({ model: 'm', user, ...more })));
const queued = (): number => fixture.proxy.gateway.queues()[0]?.queued ?? 0;
const waits = (count: number): Promise<void> => fixture.until(`${count} wait`, () => queued() === count);

test('a request waits while the slot is taken, and the log says how long', async () => {
  const engine = engineThatHolds();
  const first = await ask('first');
  await fixture.engine.arrived(1);
  const second = await ask('second');
  await waits(1);
  await fixture.clock.move(2_500);
  assert.deepEqual(engine.order(), ['first']);
  engine.letGo('first');
  assert.equal((await first.response()).body.toString(), '{"for":"first"}');
  await fixture.engine.arrived(2);
  engine.letGo('second');
  assert.equal((await second.response()).body.toString(), '{"for":"second"}');
  await fixture.until('both are written down', () => fixture.proxy.lines.length === 2);
  assert.deepEqual(
    fixture.proxy.lines.map((l) => l.queuedMs),
    [null, 2_500],
  );
});

test('a light key is served between the requests of a heavy one', async () => {
  const engine = engineThatHolds();
  const light = fixture.addKey({});
  const wires = [await ask('heavy 1')];
  await fixture.engine.arrived(1);
  for (const [i, name] of ['heavy 2', 'heavy 3'].entries()) {
    wires.push(await ask(name));
    await waits(i + 1);
  }
  wires.push(await ask('light', light));
  await waits(3);
  for (const [i, name] of ['heavy 1', 'light', 'heavy 2', 'heavy 3'].entries()) {
    await fixture.engine.arrived(i + 1);
    engine.letGo(name);
  }
  for (const wire of wires) assert.equal((await wire.response()).status, 200);
  assert.deepEqual(engine.order(), ['heavy 1', 'light', 'heavy 2', 'heavy 3']);
});

test('a client that leaves, leaves the queue, and the engine never hears of it', async () => {
  const engine = engineThatHolds();
  const first = await ask('first');
  await fixture.engine.arrived(1);
  const second = await ask('second');
  await waits(1);
  await fixture.clock.move(700);
  second.close();
  await waits(0);
  engine.letGo('first');
  await first.response();
  assert.deepEqual(engine.order(), ['first']);
  await fixture.until('both are written down', () => fixture.proxy.lines.length === 2);
  const line = fixture.proxy.lines.find((l) => l.ending === 'client-left');
  assert.equal(line?.queuedMs, 700);
  assert.deepEqual([line?.chargedInputTokens, line?.chargedOutputTokens], [0, 0]);
});

test('a key that is revoked leaves the queue', async () => {
  const engine = engineThatHolds();
  const key = fixture.addKey({});
  const first = await ask('first');
  await fixture.engine.arrived(1);
  const second = await ask('second', key);
  await waits(1);
  fixture.proxy.revoke(key);
  assert.equal((await second.response()).status, 401);
  assert.equal(queued(), 0);
  engine.letGo('first');
  await first.response();
  assert.deepEqual(engine.order(), ['first']);
});

test('a full queue refuses with the place, the expected wait, and when to come back', async () => {
  const engine = engineThatHolds();
  const wires = [await ask('0')];
  await fixture.engine.arrived(1);
  for (let i = 1; i <= 3; i++) {
    wires.push(await ask(String(i)));
    await waits(i);
  }
  const refused = await (await ask('4')).response();
  assert.equal(refused.status, 429);
  assert.equal(refused.field('x-flm-queue-position'), '4');
  assert.equal(refused.field('x-flm-queue-wait-ms'), '20000');
  assert.equal(refused.field('retry-after'), '20');
  assert.match(refused.body.toString(), /"code":"rate_limit_exceeded"/);
  for (let i = 0; i <= 3; i++) {
    await fixture.engine.arrived(i + 1);
    engine.letGo(String(i));
  }
  for (const wire of wires) assert.equal((await wire.response()).status, 200);
});

test('waiting ends after the time that is allowed', async () => {
  const engine = engineThatHolds();
  const first = await ask('first');
  await fixture.engine.arrived(1);
  const second = await ask('second');
  await waits(1);
  await fixture.clock.move(120_000);
  const refused = await second.response();
  assert.deepEqual([refused.status, refused.field('x-flm-queue-position')], [429, '1']);
  engine.letGo('first');
  await first.response();
  const line = fixture.proxy.lines.find((l) => l.status === 429);
  assert.deepEqual([line?.rule, line?.queuedMs], ['maxQueueWaitMs', 120_000]);
});

test('a streamed request that waits gets heartbeats, and then its stream', async () => {
  const engine = engineThatHolds();
  const first = await ask('first');
  await fixture.engine.arrived(1);
  const second = await ask('second', fixture.proxy.key, { stream: true });
  await waits(1);
  await fixture.clock.move(46_000);
  const early = await second.until((bytes) => bytes.includes(':hb'));
  assert.match(early.toString(), /^HTTP\/1\.1 200 .*text\/event-stream/s);
  engine.letGo('first');
  await first.response();
  await fixture.engine.arrived(2);
  engine.letGo('second');
  const { body, whole } = await second.response();
  assert.match(body.toString(), /^(:hb\n\n)+data: \[DONE\]\n\n$/);
  assert.ok(whole);
});

test('a streamed request that waits in vain gets the error in its stream', async () => {
  const engine = engineThatHolds();
  const first = await ask('first');
  await fixture.engine.arrived(1);
  const second = await ask('second', fixture.proxy.key, { stream: true });
  await waits(1);
  await fixture.clock.move(120_000);
  const { body, whole } = await second.response();
  assert.match(body.toString(), /^(:hb\n\n)+data: \{"error":\{.*"rate_limit_exceeded".*\}\}\n\n$/);
  assert.ok(whole);
  engine.letGo('first');
  await first.response();
});

test('a stop ends what waits and lets what runs finish', async () => {
  const engine = engineThatHolds();
  const first = await ask('first');
  await fixture.engine.arrived(1);
  const second = await ask('second');
  await waits(1);
  const stopped = fixture.proxy.gateway.stop(5_000);
  await fixture.clock.move(5_001);
  assert.equal((await second.response()).status, 503);
  engine.letGo('first');
  await first.rest();
  await stopped;
  assert.deepEqual(engine.order(), ['first']);
});
