/**
 * `npm run bench` measures flm beside nginx in one run and prints a table; bench/README.md says what the figures mean.
 *
 *   --smoke       in less than three minutes, with fewer rounds; fails only if a figure is above 1.5 times its
 *                 goal, because smaller differences are noise on a shared machine. The output still says whether the
 *                 goal is met.
 *   --only=NAME   one of json, burst, spread, wait, keys, tls, start, limits (only when named; needs Redis or Valkey)
 *
 * Exit status 1 when a goal is missed, 77 with --smoke if nginx is not installed.
 */
import process from 'node:process';
import { noRedis, startRedis } from '../test/helpers/redis-server.ts';
import { helpMs, startFlm, startMs } from './flm.ts';
import { scriptCosts } from './limits.ts';
import { checkReplies } from './load.ts';
import { core, cpuTime, describeMachine, median, pinSelf, quantile } from './machine.ts';
import {
  type Cost,
  firstByteMs,
  handshakePlan,
  jsonPlan,
  measure,
  type Plan,
  type Subject,
  streamPlan,
} from './measure.ts';
import { nginxVersion, startNginx } from './nginx.ts';
import { type Running, startEngine } from './processes.ts';

const smoke = process.argv.includes('--smoke');
const only = process.argv.find((arg) => arg.startsWith('--only='))?.slice('--only='.length);
const shape = { events: smoke ? 100 : 200, clients: 200 };
const rounds = smoke ? 5 : 7;
let missed = 0;
/** A run fails when a figure is above this multiple of its goal. */
const slack = smoke ? 1.5 : 1;
const owned: Running[] = [];

const asked = (name: string): boolean => only === undefined || only === name;

/**
 * Measures, and measures once more if the goal is missed, because a busy machine sometimes spoils a run. `once` returns
 * the figure as a fraction of its goal.
 */
async function judge(name: string, goal: string, once: (more: boolean) => Promise<number>): Promise<void> {
  const first = await once(false);
  if (first <= 1) return console.log(`  met: ${name} ${goal}\n`);
  console.log(`  ${name} misses its goal (${goal}); once more with more rounds, as the machine may be busy`);
  const second = await once(true);
  if (second <= 1) return console.log(`  met: ${name} ${goal}, in the second attempt\n`);
  console.log(`  MISSED: ${name} ${goal}, by a factor of ${Math.min(first, second).toFixed(2)}\n`);
  if (Math.min(first, second) > slack) missed += 1;
}

function show(costs: readonly Cost[], unit: string): void {
  const nginx = costs.find((c) => c.name === 'nginx');
  for (const cost of costs) {
    const ratio = nginx === undefined || cost.name === 'engine' ? '' : `${(cost.us / nginx.us).toFixed(2)} x`;
    const columns = [
      cost.name.padEnd(16),
      `${cost.us.toFixed(1)} us/${unit}`.padStart(16),
      `(user ${cost.userUs.toFixed(1)})`.padStart(13),
      ratio.padStart(8),
      `${Math.round(cost.perSecond)}/s`.padStart(10),
      `  rounds ${cost.rounds.map((us) => us.toFixed(1)).join(' ')}`,
    ];
    console.log(`  ${columns.join(' ')}`);
  }
}

/**
 * Compares flm with nginx. For plain connections it also measures the engine directly, which shows the share of engine
 * and load generator.
 */
async function beside(
  name: string,
  unit: string,
  goal: number,
  subjects: readonly Subject[],
  planOf: (more: boolean) => Plan,
): Promise<void> {
  if (!asked(name)) return;
  console.log(`${name}: CPU of the process for each ${unit}`);
  await judge(name, `at most ${goal.toFixed(1)} x nginx`, async (more) => {
    const costs = await measure(subjects, planOf(more));
    show(costs, unit);
    const [flm, nginx] = costs;
    if (flm === undefined) return Number.POSITIVE_INFINITY;
    const last = costs.at(-1);
    if (unit === 'request' && last?.name === 'engine') showHeadroom(flm, last);
    return nginx === undefined || nginx.name !== 'nginx' ? 0 : flm.us / (goal * nginx.us);
  });
}

/** A slow engine or load generator would hide the cost of a proxy, or make the proxy wait. */
function showHeadroom(flm: Cost, engine: Cost): void {
  const load = 1e6 / engine.perSecond - engine.us;
  console.log(
    `  alone on a core the engine could answer ${Math.round(1e6 / engine.us)}/s and the load ask ${Math.round(1e6 / load)}/s: ` +
      `${(flm.us / engine.us).toFixed(1)} and ${(flm.us / load).toFixed(1)} times as fast as flm`,
  );
}

async function firstToken(): Promise<void> {
  if (!asked('wait')) return;
  console.log('wait: for the first token of a stream, beside a direct connection');
  await judge('wait', 'less than 1 ms added', async (more) => {
    const waits = await firstByteMs(
      [direct, ...peers].map((s) => s.target),
      more && !smoke ? 1000 : 300,
    );
    const of = (name: string, part: number): number => quantile(waits.get(name) ?? [], part);
    for (const name of waits.keys())
      console.log(
        `  ${name.padEnd(16)} median ${of(name, 0.5).toFixed(2)} ms, p99 ${of(name, 0.99).toFixed(2)} ms`,
      );
    return of(flmTarget.target.name, 0.5) - of('engine', 0.5);
  });
}

async function manyKeys(): Promise<void> {
  if (!asked('keys')) return;
  console.log('keys: CPU for each request with 10,000 keys beside 10');
  const few = await start(await startFlm(engine.port, 10));
  // The same number of keys is in use, so the difference is the cost of the unused keys.
  const all = await startFlm(engine.port, 10_000);
  const many = await start({ ...all, keys: all.keys.filter((_, i) => i % 1000 === 500) });
  await judge('keys', 'within 5 %', async (more) => {
    const costs = await measure([few, many], jsonPlan(more && !smoke ? 15 : 9, smoke ? 10_000 : 20_000));
    show(costs, 'request');
    const [a, b] = costs;
    return a === undefined || b === undefined ? Number.POSITIVE_INFINITY : b.us / (1.05 * a.us);
  });
}

async function starts(): Promise<void> {
  if (!asked('start')) return;
  console.log('start: until a command is done');
  await judge(
    'start',
    '`proxy start` has its first answer below 0.5 s, `--help` below 0.15 s',
    async (more) => {
      const times = more ? 15 : 7;
      const help = Array.from({ length: times + 1 }, () => helpMs()).slice(1);
      const first: number[] = [];
      for (let i = 0; i < times; i++) first.push(await startMs(engine.port));
      console.log(
        `  flm proxy start ${median(first).toFixed(0)} ms, flm --help ${median(help).toFixed(0)} ms (medians of ${times})`,
      );
      return Math.max(median(first) / 500, median(help) / 150);
    },
  );
}

/** The same certificate, suites and session tickets on both sides. */
async function overTls(): Promise<void> {
  if (!asked('tls')) return;
  const running = await startFlm(engine.port, 64, 'dev-selfsigned');
  const subjects = [await start(running)];
  if (version !== undefined && running.pair !== undefined) {
    const nginx = await startNginx(engine.port, running.keys, running.pair);
    subjects.push(await start({ ...running, ...nginx }));
  }
  for (const resumed of [false, true]) {
    console.log(
      `tls: CPU of the process for each ${resumed ? 'resumed' : 'full'} handshake (TLS 1.3), no goal`,
    );
    show(await measure(subjects, handshakePlan(rounds, smoke ? 200 : 1_000, resumed)), 'handshake');
    console.log('');
  }
  await beside('tls', 'request', 2, subjects, (more) => jsonPlan(more ? 9 : rounds, smoke ? 10_000 : 30_000));
  await beside('tls', 'event', 2, subjects, (more) =>
    streamPlan(more ? 9 : rounds, shape.clients, { events: shape.events, burst: true }),
  );
}

/** A server that counts limits for all nodes, beside limits of the process. Only when named. */
async function remoteLimits(): Promise<void> {
  if (only !== 'limits') return;
  if (noRedis !== false) return console.log(`SKIPPED: ${noRedis}`);
  await using server = await startRedis();
  console.log(
    'limits: CPU of the proxy for each request, with a server that counts limits beside its own counts, no goal',
  );
  const remote = await startFlm(engine.port, 64, 'local-http', { FLM_VALKEY_URL: server.url });
  const subjects = [flmTarget, await start({ ...remote, name: 'flm, FLM_VALKEY_URL' })];
  show(await measure(subjects, jsonPlan(rounds, smoke ? 10_000 : 30_000)), 'request');
  const waits = await firstByteMs(
    [direct, ...subjects].map((s) => s.target),
    smoke ? 200 : 1000,
  );
  for (const [name, all] of waits)
    console.log(
      `  first byte, ${name.padEnd(20)} median ${quantile(all, 0.5).toFixed(2)} ms, p99 ${quantile(all, 0.99).toFixed(2)} ms`,
    );
  const busyUs = (): number => {
    const { userUs, systemUs } = cpuTime(server.pid);
    return userUs + systemUs;
  };
  for (const { nodes, usPerRequest } of await scriptCosts(server.port, busyUs))
    console.log(
      `  the server is busy for ${usPerRequest.toFixed(1)} us with a request if ${nodes} nodes hold requests of its key`,
    );
}

async function start(
  running: Running & { readonly keys: readonly string[]; readonly authority?: string },
): Promise<Subject> {
  owned.push(running);
  const { name, port, keys, authority } = running;
  const subject = {
    target: { name, port, keys, ...(authority === undefined ? {} : { authority }) },
    pid: running.pid,
  };
  await checkReplies(subject.target);
  return subject;
}

const version = nginxVersion();
if (version === undefined) {
  console.log('SKIPPED: nginx is not installed, so there is nothing to compare with');
  if (smoke) process.exit(77);
}
pinSelf(core.rest);
console.log(`${describeMachine()}, nginx ${version ?? '-'}\n`);
const engine = await startEngine();
owned.push(engine);
const direct: Subject = { target: { name: 'engine', port: engine.port, keys: ['none'] }, pid: engine.pid };
const flm = await startFlm(engine.port, 64);
const flmTarget = await start(flm);
const peers: Subject[] = [flmTarget];
if (version !== undefined) {
  const nginx = await startNginx(engine.port, flm.keys);
  peers.push(await start({ ...nginx, keys: flm.keys }));
}
// A signal that ends the benchmark also ends the processes that it started.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.all(owned.map((running) => running.stop())).finally(() => process.exit(1));
  });
}
try {
  const all = [...peers, direct];
  await beside('json', 'request', 2, all, (more) => jsonPlan(more ? 9 : rounds, smoke ? 15_000 : 40_000));
  await beside('burst', 'event', 1.5, all, (more) =>
    streamPlan(more ? 9 : rounds, shape.clients, { events: shape.events, burst: true }),
  );
  if (!smoke) {
    await beside('spread', 'event', 1.5, all, (more) =>
      streamPlan(more ? 9 : rounds, shape.clients, { events: shape.events, burst: false }),
    );
  }
  await firstToken();
  await manyKeys();
  await overTls();
  if (!smoke) await starts();
  await remoteLimits();
} finally {
  for (const running of owned.reverse()) await running.stop();
}
console.log(missed === 0 ? 'no figure fails this run' : `${missed} figures fail this run`);
process.exitCode = missed === 0 ? 0 : 1;
