/**
 * The server that counts limits for all nodes: how long one question keeps it busy, by the number of nodes that hold
 * requests of the same key.
 */
import { systemClock } from '../src/core/clock.ts';
import { RedisLink } from '../src/valkey/redis-link.ts';
import type { Argument, Reply } from '../src/valkey/server-link.ts';

export interface ScriptCost {
  readonly nodes: number;
  /** Of the server, for a question about a rate, requests in progress, tokens and a slot, and what a request returns. */
  readonly usPerRequest: number;
}

const questions = 20_000;
const atOnce = 200;

/** `busyUs` returns the CPU time of the server so far. */
export async function scriptCosts(port: number, busyUs: () => number): Promise<readonly ScriptCost[]> {
  const costs: ScriptCost[] = [];
  for (const nodes of [1, 10, 100]) {
    const link = new RedisLink({
      address: {
        host: '127.0.0.1',
        port,
        socket: undefined,
        user: undefined,
        password: undefined,
        security: 'none',
        database: 0,
      },
      clock: systemClock,
    });
    await new Promise<void>((resolve) =>
      link.open(`bench-${nodes}`, { up: resolve, down: () => {}, message: () => {} }),
    );
    const members: string[] = [];
    for (let i = 0; i < nodes; i++)
      members.push(await memberOf(link, `node-${nodes}-${i}`, [1, `family ${nodes}`, 1, 0]));
    const me = members[0] ?? '';
    const before = busyUs();
    for (let done = 0; done < questions; done += atOnce)
      await Promise.all(Array.from({ length: atOnce }, () => request(link, me, `family ${nodes}`)));
    costs.push({ nodes, usPerRequest: (busyUs() - before) / questions });
    for (const member of members) await link.call('bye', [member]);
    link.close();
  }
  return costs;
}

async function memberOf(link: RedisLink, base: string, held: readonly Argument[]): Promise<string> {
  const [, member] = await link.call('hello', [base, 600_000, 'bench', ...held]);
  return String(member);
}

async function request(link: RedisLink, me: string, family: string): Promise<Reply> {
  const asking = link.call('ask', [
    me,
    ...[1, family, 60_000_000, 1_000_000],
    ...[family, 1_000_000],
    ...[family, 60_000_000, '', 0],
    ...[0, 0],
  ]);
  void link.call('charge', [me, 'bench', 0, family, 0, 1, '']);
  void link.call('hold', [me, `c:${family}`, -1]);
  return await asking;
}
