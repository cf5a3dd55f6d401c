/** Limits that a real server counts keep the promises of the local ones. */
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { Redis } from 'iovalkey';
import type { Candidate } from '../../src/core/engine/directory.ts';
import type { BucketAsk } from '../../src/core/security/rate-limiter.ts';
import { admissionContract, concurrencyContract, rateLimiterContract } from '../contracts/limits-contract.ts';
import { FleetNode, redisLink } from '../helpers/fleet-node.ts';
import { noRedis, type RedisServer, startRedis } from '../helpers/redis-server.ts';
import { RemoteAdmission } from '../helpers/remote-limits.ts';

/** The server's time stands still, and moves only as far as the contract says. */
const testTime = "local now = 1700000000000 + tonumber(redis.call('GET', '{flm}:test-now') or 0)";

describe('limits over a real server', { skip: noRedis }, () => {
  let server: RedisServer;
  let client: Redis;
  const nodes: FleetNode[] = [];
  before(async () => {
    server = await startRedis();
    client = new Redis(server.port, '127.0.0.1');
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    client.disconnect();
    await server.close();
  });
  const open = (slots = 1, maxQueued = 100): FleetNode => {
    const node = new FleetNode({ link: redisLink(server.port), slots, maxQueued });
    nodes.push(node);
    return node;
  };

  /** The leases of all members last, however far the time of the server moves. */
  const moveTime = async (nowMs: number): Promise<void> => {
    const members = await client.zrange('{flm}:members', 0, -1);
    const moved = client.multi().set('{flm}:test-now', String(nowMs));
    for (const member of members) moved.zadd('{flm}:members', '+inf', member);
    await moved.exec();
  };

  let runs = 0;
  rateLimiterContract('rates', () => {
    const node = new FleetNode({ link: redisLink(server.port, testTime) });
    nodes.push(node);
    const started = node.limits.start();
    const { rates } = node.limits.ports;
    // Each test has buckets of its own.
    const run = `${++runs} `;
    const own = (ask: BucketAsk): BucketAsk => ({ ...ask, bucket: run + ask.bucket });
    return {
      async take(asks, nowMs) {
        await started;
        await moveTime(nowMs);
        const verdict = await rates.take(asks.map(own), nowMs);
        assert.equal(node.limits.reading.state, 'shared');
        return verdict;
      },
      async reading(ask, nowMs) {
        await started;
        await moveTime(nowMs);
        return rates.reading(own(ask), nowMs);
      },
    };
  });

  concurrencyContract('requests in progress', () => {
    const node = open();
    const started = node.limits.start();
    const { concurrency } = node.limits.ports;
    return {
      async takeRequest(key, holding) {
        await started;
        assert.equal(node.limits.reading.state, 'shared');
        return concurrency.takeRequest(key, holding);
      },
      giveBackRequest: (holding) => concurrency.giveBackRequest(holding),
    };
  });

  admissionContract('slots', (slots, maxQueued) => {
    const node = open(slots, maxQueued);
    const started = node.limits.start();
    return {
      // Requests enter once the server counts.
      admission: new RemoteAdmission(() => started, node.limits.ports.admission),
      candidates: [node.directory.engine('e') as Candidate],
      running: () => node.directory.inFlight('e'),
      close: () => void node.close(),
    };
  });
});
