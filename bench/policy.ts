/**
 * Measures the cost of auth and policy for a request with 10,000 keys, 1,000 address rules and all limits: `node
 * bench/policy.ts [--quick]`. Runs the pipeline steps without a socket: client address, origin, key, addresses, rates,
 * scope, model, budgets, concurrency and slot. CPU times are the best of several rounds, because other programs can
 * only increase them. Exit status 1 if the goal is missed. `--quick` only shows that the benchmark runs.
 */
import { hash } from 'node:crypto';
import process from 'node:process';
import { type Clock, systemClock } from '../src/core/clock.ts';
import { type Candidate, candidatesOf, type EngineDirectory } from '../src/core/engine/directory.ts';
import { denyRoute } from '../src/core/security/access.ts';
import { parseAddress } from '../src/core/security/address-rules.ts';
import type { EnforcedKey, KeyView } from '../src/core/security/api-key.ts';
import { FairAdmission } from '../src/core/security/fair-admission.ts';
import { KeyHoldings } from '../src/core/security/key-holdings.ts';
import { LoginThrottle } from '../src/core/security/login-throttle.ts';
import { GcraLimiter } from '../src/core/security/rate-limiter.ts';
import { parsePolicy } from '../src/core/security/security-policy.ts';
import { SnapshotHolder } from '../src/core/security/snapshot.ts';
import { TokenBudgets } from '../src/core/security/token-budgets.ts';
import { makeAuth } from '../src/gateway/auth.ts';
import { findClientAddress } from '../src/gateway/client-address.ts';
import { readOrigin } from '../src/gateway/cors.ts';
import { Exchange, type RequestBody, type ResponseWriter } from '../src/gateway/exchange.ts';
import { ForeignTokens } from '../src/gateway/foreign-tokens.ts';
import { makeTakeStream, takeRequest } from '../src/gateway/key-shares.ts';
import { noPages, OpenPages } from '../src/gateway/open-pages.ts';
import { makePolicy } from '../src/gateway/policy.ts';
import { RequestHeaders } from '../src/gateway/request-headers.ts';

const quick = process.argv.includes('--quick');
const goalUs = 5;
const keys = 10_000;
const rules = 1_000;
const plenty = 1_000_000;
const rounds = quick ? 1 : 15;
const sweeps = quick ? 1 : 5;

const secretOf = (i: number): string => `flm_${String(i).padStart(49, '0')}`;

function keyOf(i: number): EnforcedKey {
  return {
    id: `key_${i}`,
    familyId: `key_${i}`,
    label: `key ${i}`,
    digest: hash('sha256', secretOf(i), 'hex'),
    scopes: ['inference'],
    models: ['llama*', 'qwen3:*', 'm'],
    engines: ['e'],
    endpoints: ['chat.completions', 'models.list'],
    addresses: ['10.0.0.0/8', '192.168.0.0/16', 'fd00::/8'],
    limits: {
      requestsPerMinute: plenty,
      burst: plenty,
      tokensPerMinute: 1_000_000_000,
      tokensPerDay: 1_000_000_000_000,
      concurrency: 100,
    },
    expiresAtMs: Date.now() + 86_400_000,
    revokedAtMs: null,
    pausedAtMs: null,
  };
}

/** Half of the rules deny, half allow; a client matches one of the last. */
const policy = parsePolicy({
  denyIps: Array.from({ length: rules / 2 }, (_, i) => `172.${16 + (i >> 8)}.${i & 255}.0/25`),
  allowIps: [
    '10.0.0.0/8',
    ...Array.from({ length: rules / 2 - 1 }, (_, i) => `192.${i >> 8}.${i & 255}.0/25`),
  ],
  trustedProxies: ['127.0.0.1', '10.255.0.0/16'],
  allowOrigins: ['https://app.example.org', 'https://*.example.com'],
  requestsPerMinute: plenty,
  requestsPerMinutePerKey: plenty,
  requestsPerMinutePerAddress: plenty,
});
const snapshots = new SnapshotHolder(policy);
snapshots.apply({
  keys: { replaceAll: true, upserted: Array.from({ length: keys }, (_, i) => keyOf(i)), removedIds: [] },
});

/** One request for each key, from its own address or through a trusted proxy. */
function requestOf(i: number, forwarded: boolean): Exchange {
  const text = `10.${i % 200}.${(i >> 6) & 255}.${i & 255}`;
  const address = parseAddress(forwarded ? '127.0.0.1' : text);
  if (address === undefined) throw new Error(`${text} is no address`);
  const fields = [
    ...['authorization', `Bearer ${secretOf(i)}`, 'origin', 'https://web.example.com'],
    ...(forwarded ? ['x-forwarded-for', `203.0.113.9, ${text}`] : []),
  ];
  const path = '/v1/chat/completions';
  return new Exchange({
    id: 'req_1',
    peer: {
      address,
      secure: false,
      goodHost: undefined,
      lastKey: undefined,
      lastSnapshot: undefined,
    },
    head: {
      method: 'POST',
      target: path,
      version: '1.1',
      looseLine: false,
      fields: RequestHeaders.of(fields),
    },
    snapshot: snapshots.current(),
    // No measured step sends a response or reads a body.
    reply: {} as ResponseWriter,
    body: {} as RequestBody,
    startedAtMs: 0,
  });
}

/** The clock runs fast, so that rates are checked and never exhausted. */
const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * 100 };
const auth = makeAuth({
  clock,
  throttle: new LoginThrottle(),
  foreign: new ForeignTokens(),
  temporary: { find: () => undefined },
  pages: new OpenPages(noPages, false),
  onRefused: () => {},
});
const holdings = new KeyHoldings({ maxStreams: 2048, maxBufferedBytes: 1 << 29, maxBodyBytes: 1 << 26 });
const takeStream = makeTakeStream(holdings);
const allowed = makePolicy({ clock, limiter: new GcraLimiter(), remote: false });
const tokens = new TokenBudgets(clock, { today: () => 1_000 });
const candidate = { engine: { ref: { id: 'e' } }, model: undefined, state: 'running', slots: 64 };
const directory = {
  engine: () => candidate,
  engines: () => [],
  ranksLast: () => false,
  begin: () => {},
  report: () => {},
  onChange: () => () => {},
};
const admission = new FairAdmission(directory as unknown as EngineDirectory, clock, {
  maxQueued: 256,
  maxQueueWaitMs: 120_000,
});
const candidates = candidatesOf([candidate as unknown as Candidate]);
const settled = (): void => {};

function decide(x: Exchange): void {
  findClientAddress(x);
  readOrigin(x);
  const refusal = auth(x) ?? allowed(x) ?? takeStream(x);
  const taken = refusal ?? takeRequest(x, holdings);
  if (taken instanceof Promise) throw new Error('a local limiter never waits');
  const key = x.key as KeyView;
  const denial =
    taken ??
    denyRoute(key, 'chat.completions', 'inference') ??
    (key.mayUseModel('m') && key.mayUseEngine('e') ? undefined : { code: 'MODEL_UNKNOWN' });
  tokens.reading(key);
  if (denial !== undefined || tokens.deny(key) !== undefined) throw new Error(`refused: ${denial?.code}`);
  const lease = admission.enter({ key, candidates, generates: true }, settled);
  if (lease.kind !== 'lease') throw new Error('no slot was free');
  lease.release('done');
  tokens.settle(key, 10);
  if (x.holding === undefined) return;
  holdings.giveBackRequest(x.holding);
  holdings.giveBackStream(x.holding);
}

/** Returns the CPU time of this thread per request in microseconds, the best of all rounds. */
function bestUs(requests: readonly Exchange[]): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = process.threadCpuUsage();
    for (let sweep = 0; sweep < sweeps; sweep++) for (const x of requests) decide(x);
    const { user, system } = process.threadCpuUsage(before);
    best = Math.min(best, (user + system) / sweeps / requests.length);
  }
  return best;
}

const direct = Array.from({ length: keys }, (_, i) => requestOf(i, false));
const forwarded = Array.from({ length: keys }, (_, i) => requestOf(i, true));
const alone = bestUs(direct);
const behind = bestUs(forwarded);
console.log(
  `Node ${process.version}, ${keys} keys, ${rules} address rules, all limits on; best of ${rounds}`,
);
const tell = (name: string, us: number): void =>
  console.log(`${name.padEnd(50)} ${us.toFixed(2)} us a request`);
tell('of a client that comes by itself', alone);
tell('with the address from a proxy in front', behind);
const missed = !quick && alone >= goalUs;
console.log(`${missed ? 'MISSED' : 'goal'} for clients that come by themselves: below ${goalUs} us`);
process.exitCode = missed ? 1 : 0;
