/** Several nodes share limits over a real server, also while the server is killed, paused, restarted, and loses its data. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Redis } from 'iovalkey';
import { systemClock } from '../../src/core/clock.ts';
import type { TokenCheck } from '../../src/core/security/token-check.ts';
import { answerMs } from '../../src/valkey/redis-link.ts';
import { eventually } from '../helpers/eventually.ts';
import { FleetNode, type FleetNodeOptions, redisLink } from '../helpers/fleet-node.ts';
import { keyWith } from '../helpers/limits-requests.ts';
import { noRedis, type RedisServer, startRedis } from '../helpers/redis-server.ts';

describe('a fleet', { skip: noRedis }, () => {
  let server: RedisServer;
  let nodes: FleetNode[] = [];
  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    nodes = [];
    await server.close();
  });
  const start = async (options: FleetNodeOptions = {}): Promise<FleetNode> => {
    const node = new FleetNode({ link: redisLink(server.port), ...options });
    nodes.push(node);
    await node.limits.start();
    return node;
  };
  const all = async (count: number, options?: FleetNodeOptions): Promise<readonly FleetNode[]> => {
    const made = await Promise.all(Array.from({ length: count }, () => start(options)));
    for (const node of made) await isIn(node, 'shared');
    // Every node has seen the others.
    await eventually(
      () => made.map((node) => node.limits.reading.nodes),
      (seen) => seen.every((n) => n === count),
    );
    return made;
  };
  const isIn = (node: FleetNode, state: string): Promise<string> =>
    eventually(
      () => node.limits.reading.state,
      (seen) => seen === state,
    );
  const granted = (verdicts: readonly boolean[]): number => verdicts.filter(Boolean).length;

  test('requests that come to three nodes at once get no more than the burst together', async () => {
    const three = await all(3);
    const verdicts = await Promise.all(
      three.flatMap((node) => Array.from({ length: 20 }, () => node.rate(1, 10))),
    );
    assert.equal(granted(verdicts), 10);
  });

  test('requests in progress count over all nodes, and each that ends makes room on any node', async () => {
    const [a, b] = (await all(2)) as [FleetNode, FleetNode];
    assert.deepEqual(
      [await a.take(2), await b.take(2), await a.take(2), await b.take(2)],
      [true, true, false, false],
    );
    a.give();
    // The server answers the questions of one node in order: it knows of the end now.
    await a.rate(60, 5);
    assert.deepEqual([await b.take(2), await a.take(2)], [true, false]);
  });

  test('what a node held is free seconds after the node died', async () => {
    const [a, b] = (await all(2)) as [FleetNode, FleetNode];
    assert.ok(await a.take(1));
    assert.equal(await b.take(1), false);
    // A process that dies says nothing.
    a.limits.commit();
    await eventually(() => b.take(1), Boolean, 100);
  });

  test('a node that ends frees what it held at once', async () => {
    const [a, b] = (await all(2)) as [FleetNode, FleetNode];
    assert.ok(await a.take(1));
    const lease = await a.lease();
    const waiting = b.enter();
    await a.close();
    assert.ok(await b.take(1));
    assert.equal((await waiting.outcome).kind, 'lease');
    lease.release('done');
  });

  test('a slot of an engine goes to one node at a time, and to a waiting node next', async () => {
    const [a, b] = (await all(2)) as [FleetNode, FleetNode];
    const first = await a.lease();
    const second = b.enter();
    await eventually(
      () => b.local.admission.queued,
      (n) => n === 1,
    );
    // The server answers the questions of one node in order: b waits there now.
    await b.rate(60, 5);
    const third = a.enter();
    await eventually(
      () => a.local.admission.queued,
      (n) => n === 1,
    );
    await a.rate(60, 5);
    first.release('done');
    const lease = await second.outcome;
    assert.ok(lease.kind === 'lease', 'the other node is served before this one again');
    assert.equal(a.directory.inFlight('e') + b.directory.inFlight('e'), 1);
    lease.release('done');
    const last = await third.outcome;
    assert.ok(last.kind === 'lease');
    last.release('done');
  });

  test('a node that needs no slot any more leaves all of them to the others', async () => {
    const [a, b] = (await all(2, { slots: 4 })) as [FleetNode, FleetNode];
    const leases = await Promise.all(Array.from({ length: 4 }, () => a.lease()));
    for (const lease of leases) lease.release('done');
    const others = await Promise.all(Array.from({ length: 4 }, () => b.lease()));
    for (const lease of others) lease.release('done');
  });

  test('many requests on three nodes never have more slots than the engine, and all are served', async () => {
    const three = await all(3, { slots: 3 });
    let running = 0;
    let most = 0;
    const work = async (node: FleetNode): Promise<void> => {
      const lease = await node.lease();
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      lease.release('done');
    };
    await Promise.all(three.flatMap((node) => Array.from({ length: 60 }, () => work(node))));
    assert.ok(most <= 3, `${most} at once`);
    assert.equal(running, 0);
  });

  test('tokens that one node charges count on every node, by the minute and by the day', async () => {
    const [a, b] = (await all(2)) as [FleetNode, FleetNode];
    const key = keyWith({ tokensPerMinute: 100, tokensPerDay: 150 });
    const check = async (node: FleetNode): Promise<TokenCheck> => node.limits.ports.tokens.check(key);
    assert.equal((await check(a)).denial, undefined);
    a.limits.ports.tokens.settle(key, 120);
    const denied = await eventually(
      () => check(b),
      ({ denial }) => denial !== undefined,
    );
    assert.equal(denied.denial?.params.span, 'minute');
    assert.equal(denied.reading?.remaining, 0);
    b.limits.ports.tokens.settle(key, 40);
    const daily = await eventually(
      () => check(a),
      ({ denial }) => denial?.params.span === 'day',
    );
    assert.equal(daily.denial?.params.limit, 150);
  });

  test('the database may know of tokens that were used before the server counted', async () => {
    const [a] = (await all(1, { today: () => 500 })) as [FleetNode];
    const key = keyWith({ tokensPerDay: 500 });
    assert.equal((await a.limits.ports.tokens.check(key)).denial?.params.span, 'day');
  });

  test('what was used yesterday never counts for today, whichever clock passes midnight first', async () => {
    const midnightMs = 20_000 * 86_400_000;
    const key = keyWith({ tokensPerDay: 500 });
    // Both the server and the nodes are given: all leases last.
    const nodeAt = (nodeMs: number, serverMs: number): Promise<FleetNode> =>
      start({
        link: redisLink(server.port, `local now = ${serverMs}`),
        clock: { ...systemClock, nowMs: () => nodeMs },
        // What the database knows.
        today: () => (nodeMs < midnightMs ? 500 : 0),
      });
    const denied = async (node: FleetNode): Promise<unknown> =>
      (await node.limits.ports.tokens.check(key)).denial?.params.span;
    const [before, after] = [midnightMs - 1_000, midnightMs + 1_000];
    assert.equal(await denied(await nodeAt(before, before)), 'day');
    assert.equal(await denied(await nodeAt(after, before)), undefined, 'the server is behind');
    assert.equal(await denied(await nodeAt(before, after)), 'day', 'the node is behind');
    assert.equal(await denied(await nodeAt(after, after)), undefined, 'both are in the new day');
  });

  test('without the server, nodes together grant no more than the last known balance', async () => {
    const three = await all(3);
    for (const node of three) assert.ok(await node.rate(1, 9));
    await server.kill();
    for (const node of three) await isIn(node, 'away');
    const verdicts = await Promise.all(
      three.flatMap((node) => Array.from({ length: 20 }, () => node.rate(1, 9))),
    );
    assert.ok(granted(verdicts) <= 6, `${granted(verdicts)} of the 6 that were left`);
    assert.ok(granted(verdicts) >= 3, 'each node serves');
  });

  test('a server that comes back empty a hundred times does not refill a bucket', async () => {
    const [a, b] = (await all(2)) as [FleetNode, FleetNode];
    const both = async (): Promise<number> => granted([await a.rate(1, 10), await b.rate(1, 10)]);
    let sum = 0;
    for (let i = 0; i < 8; i++) sum += await both();
    assert.equal(sum, 10);
    for (let i = 0; i < 100; i++) {
      if (i % 2 === 0) await server.kill();
      else await server.start();
      sum += await both();
    }
    assert.ok(sum <= 12, `${sum} requests of a burst of 10`);
    for (const node of [a, b]) await isIn(node, 'shared');
    sum += await both();
    assert.ok(sum <= 12, `${sum} requests of a burst of 10`);
  });

  test('without the server each node has its part of the requests in progress, and tells what it holds afterwards', async () => {
    const [a, b] = (await all(2)) as [FleetNode, FleetNode];
    await server.kill();
    for (const node of [a, b]) await isIn(node, 'away');
    assert.deepEqual([await a.take(4), await a.take(4), await a.take(4)], [true, true, false]);
    assert.ok(await b.take(4));
    await server.start();
    for (const node of [a, b]) await isIn(node, 'shared');
    assert.deepEqual([await b.take(4), await b.take(4), await a.take(4)], [true, false, false]);
    for (let i = 0; i < 2; i++) {
      a.give();
      b.give();
    }
    // Nobody waits for the answer when a request ends.
    await eventually(() => a.take(1), Boolean);
    assert.equal(await b.take(1), false);
  });

  test('tokens that were charged without the server count once it is back', async () => {
    const [a, b] = (await all(2)) as [FleetNode, FleetNode];
    const key = keyWith({ tokensPerDay: 100 });
    a.limits.ports.tokens.settle(key, 30);
    await server.kill();
    await isIn(a, 'away');
    a.limits.ports.tokens.settle(key, 40);
    a.limits.ports.tokens.settle(key, 30);
    assert.notEqual((await a.limits.ports.tokens.check(key)).denial, undefined);
    await server.start();
    for (const node of [a, b]) await isIn(node, 'shared');
    await eventually(
      async () => (await b.limits.ports.tokens.check(key)).denial,
      (denial) => denial !== undefined,
    );
  });

  test('a server that answers nothing is given up, and no request waits longer than a second for it', async () => {
    const [a] = (await all(1, { link: redisLink(server.port, undefined, answerMs) })) as [FleetNode];
    server.pause();
    assert.ok(await a.rate(60, 5));
    assert.equal(a.limits.reading.state, 'away');
    server.resume();
    await isIn(a, 'shared');
  });

  test('where the owner wants it, requests are refused without the server', async () => {
    const [a] = (await all(1, { outage: 'refuse' })) as [FleetNode];
    await server.kill();
    await isIn(a, 'away');
    const verdict = await a.limits.ports.rates.take([{ bucket: 'b', perMinute: 60, burst: 5 }], 0);
    assert.ok(!verdict.granted && verdict.away === true);
    assert.equal(await a.take(5), false);
    const outcome = await a.enter().outcome;
    assert.ok(outcome.kind === 'denied' && outcome.code === 'LIMITER_AWAY');
    const key = keyWith({ tokensPerMinute: 5 });
    assert.equal((await a.limits.ports.tokens.check(key)).denial?.code, 'LIMITER_AWAY');
  });

  test('a server whose data were deleted gets the counts of the nodes again', async () => {
    const [a, b] = (await all(2)) as [FleetNode, FleetNode];
    assert.ok(await a.take(1));
    const client = new Redis(server.port, '127.0.0.1');
    await client.flushall();
    client.disconnect();
    for (const node of [a, b]) await isIn(node, 'returning');
    for (const node of [a, b]) await isIn(node, 'shared');
    assert.equal(await b.take(1), false);
  });

  test('a revocation reaches every node, also one that connects later, until the database has it', async () => {
    const seen: string[] = [];
    const told = (name: string) => ({
      revoked: (id: string, entry: string) => seen.push(`${name} ${id} ${entry}`),
    });
    const a = await start(told('a'));
    const b = await start(told('b'));
    for (const node of [a, b]) await isIn(node, 'shared');
    assert.ok(await a.limits.publishRevocation('key_1', '{"x": 1}'));
    await eventually(
      () => seen.length,
      (n) => n === 2,
    );
    await start(told('c'));
    await eventually(
      () => seen.join(),
      (text) => text.includes('c key_1 {"x": 1}'),
    );
    assert.ok(await b.limits.revocationWritten('key_1'));
    const count = seen.length;
    await isIn(await start(told('d')), 'shared');
    await a.rate(60, 5);
    assert.equal(seen.length, count);
  });

  test('a node whose next process failed after it had joined counts again', async () => {
    const [a, b] = (await all(2)) as [FleetNode, FleetNode];
    assert.ok(await a.take(1));
    a.limits.begin();
    const next = new FleetNode({ link: redisLink(server.port) });
    nodes.push(next);
    next.local.concurrency.holdRequests('a', 1);
    await next.limits.takeOver(a.limits.exportState());
    // This process notices, and does not end the membership of the other one.
    await isIn(a, 'away');
    // The server answers in order: it would have answered an attempt to join before this.
    assert.ok(await a.limits.revocationWritten('none'));
    assert.equal(a.limits.reading.state, 'away');
    assert.ok(await next.rate(60, 5));
    assert.equal(next.limits.reading.state, 'shared');
    next.limits.commit();
    a.limits.cancel();
    await isIn(a, 'shared');
    assert.equal(await b.take(1), false);
    a.give();
    await eventually(() => b.take(1), Boolean);
  });

  test('the next process of a node continues with all that the node holds', async () => {
    const [a, b] = (await all(2)) as [FleetNode, FleetNode];
    assert.ok(await a.take(2));
    assert.ok(await a.rate(1, 2));
    a.limits.begin();
    const state = a.limits.exportState();
    const next = new FleetNode({ link: redisLink(server.port) });
    nodes.push(next);
    next.local.concurrency.holdRequests('a', 1);
    await next.limits.takeOver(state);
    a.limits.commit();
    assert.equal(next.limits.reading.state, 'shared');
    assert.equal(next.limits.reading.nodes, 2);
    assert.deepEqual([await b.take(2), await next.take(2)], [true, false]);
    assert.deepEqual([await next.rate(1, 2), await b.rate(1, 2)], [true, false]);
    next.give();
    assert.ok(await next.take(2));
  });
});
