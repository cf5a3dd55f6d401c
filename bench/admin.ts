/**
 * Measures the admin API and what an open dashboard costs: `node bench/admin.ts [--quick] [--only=operations|pages|plane]`.
 *
 *   operations   each operation with 10,000 keys, 100,000 rows of usage, 20,000 audit entries and 200 live requests
 *   pages        each page of the dashboard in Chromium with the same data
 *   plane        CPU of the proxy for each request and event while a dashboard is open, beside while none is; both take
 *                turns in one run
 *
 * The figures are reported, and no goal is checked. `--quick` only shows that the benchmark runs.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { AdminApi } from '../src/admin/admin-api.ts';
import { adminBasePath } from '../src/admin/error-response.ts';
import type { AdminCaller } from '../src/admin/operation.ts';
import { adminServices } from '../src/app/admin-services.ts';
import { type Flm, openFlm } from '../src/app/flm.ts';
import type { UsageEntry } from '../src/core/security/ports.ts';
import { Clients } from './load.ts';
import { core, cpuBetween, cpuTime, describeMachine, median, pinned, pinSelf, quantile } from './machine.ts';
import { measurePages } from './pages.ts';
import { flmCommand, type RunningFlm, startFlm } from './peers/flm.ts';
import { end, startEngine } from './processes.ts';

const quick = process.argv.includes('--quick');
const only = process.argv.find((arg) => arg.startsWith('--only='))?.slice('--only='.length);
const asked = (part: string): boolean => only === undefined || only === part;
const keyCount = quick ? 100 : 10_000;
const usageRows = quick ? 1_000 : 100_000;
const auditRows = quick ? 100 : 20_000;
const times = quick ? 2 : 40;
const rounds = quick ? 1 : 7;
const hourMs = 3_600_000;

const caller: AdminCaller = { actor: 'ui:bench', scopes: ['admin'], address: undefined };

interface Opened {
  readonly flm: Flm;
  readonly api: AdminApi;
  close(): Promise<void>;
}

async function openApi(home: string): Promise<Opened> {
  const flm = await openFlm({ environment: { ...process.env, FLM_HOME: home }, entry: flmCommand });
  const ending = new AbortController();
  const api = new AdminApi({
    services: adminServices(flm, ending.signal),
    clock: flm.machine.clock,
    onError: (error) => console.error(error),
  });
  const close = async (): Promise<void> => {
    ending.abort();
    await flm.close();
  };
  return { flm, api, close };
}

// --- what is measured

interface Call {
  readonly name: string;
  readonly method: string;
  readonly target: string;
  readonly body?: unknown;
}

function get(target: string): Call {
  return { name: `GET ${target}`, method: 'GET', target };
}

async function callsOf({ flm }: Opened): Promise<readonly Call[]> {
  const records = await flm.security.records();
  const ids = records.map(({ id }) => id);
  const [first = '', middle = '', second = ''] = [ids[0], ids[ids.length >> 1], ids[1]];
  const nowMs = Date.now();
  const since = (days: number): string => `from=${new Date(nowMs - days * 24 * hourMs).toISOString()}`;
  return [
    get('/keys?limit=100'),
    get('/keys?limit=500&sort=last-used&order=desc'),
    get('/keys?search=zz9&limit=100'),
    get(`/keys?limit=100&cursor=${middle}`),
    get('/keys/export'),
    get(`/keys/${middle}`),
    get(`/keys/${first}/use`),
    { name: 'POST /keys', method: 'POST', target: '/keys', body: {} },
    { name: 'PATCH /keys/ID', method: 'PATCH', target: `/keys/${second}`, body: { note: 'changed' } },
    { name: 'POST /keys/ID/pause', method: 'POST', target: `/keys/${second}/pause` },
    { name: 'POST /keys/ID/resume', method: 'POST', target: `/keys/${second}/resume` },
    get('/policy'),
    get('/engines'),
    get('/models'),
    get('/proxies'),
    get('/proxies/default/logs?limit=200'),
    get('/warnings'),
    get('/requests'),
    get('/requests/recent'),
    get(`/usage?step=hour&by=key&${since(1)}`),
    get(`/usage?step=hour&by=model&by=engine&${since(7)}`),
    get(`/usage?step=day&by=key&groups=100&${since(30)}`),
    get(`/usage?step=day&by=key&groups=200&${since(90)}`),
    get(`/usage?step=month&by=model&${since(366)}`),
    get(`/usage?step=total&by=key&by=model&by=engine&by=ending&${since(366)}`),
    get(`/usage?step=hour&key=${first}&${since(90)}`),
    get('/retention'),
    get('/audit?limit=100'),
    get('/audit?limit=100&action=key'),
    get('/shares'),
  ];
}

async function time(
  api: AdminApi,
  call: Call,
  i: number,
): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const { method, target } = call;
  const asked = call.name === 'POST /keys' ? { label: `made-${process.pid}-${i}` } : call.body;
  const body = asked === undefined ? '' : JSON.stringify(asked);
  const before = process.cpuUsage();
  const begunMs = performance.now();
  const { status, body: answer } = await api.handle({
    method,
    target: adminBasePath + target,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(body),
    caller,
  });
  const ms = performance.now() - begunMs;
  const { user, system } = process.cpuUsage(before);
  if (status >= 300) throw new Error(`${call.name}: ${status} ${String(answer).slice(0, 300)}`);
  return { ms, cpuMs: (user + system) / 1_000 };
}

/** The CPU time is that of this process, SQLite included. Unlike the time, it depends little on other programs. */
async function measureOperations(opened: Opened): Promise<void> {
  const line = (name: string, ...cells: readonly string[]): void =>
    console.log(`${name.padEnd(66)} ${cells.map((cell) => cell.padStart(9)).join(' ')}`);
  line('operation', 'CPU p50', 'p50', 'p95');
  for (const call of await callsOf(opened)) {
    const taken: { readonly ms: number; readonly cpuMs: number }[] = [];
    for (let i = -2; i < times; i++) {
      const measured = await time(opened.api, call, i);
      if (i >= 0) taken.push(measured);
      // Other work of a server comes in between.
      await pause(1);
    }
    const text = (value: number): string => `${value.toFixed(1)} ms`;
    const walls = taken.map(({ ms }) => ms);
    line(
      call.name.replaceAll(/key_\w+/g, 'ID').replaceAll(/[&?]from=[^&]*/g, ''),
      text(median(taken.map(({ cpuMs }) => cpuMs))),
      text(median(walls)),
      text(quantile(walls, 0.95)),
    );
  }
}

// --- the filled home

const models = ['llama3:8b', 'qwen3:8b', 'gpt-oss:20b', 'mistral:7b', 'phi4'];
const engines = ['ollama-11434', 'vllm-8000'];

/** Spread over 90 days and all keys; each entry is a row of its own. */
async function fill(home: string): Promise<void> {
  const { flm, close } = await openApi(home);
  const ids = (await flm.security.records()).map(({ id, familyId }) => ({ keyId: id, familyId }));
  const nowMs = Date.now();
  let random = 1;
  const next = (below: number): number => {
    random = (random * 48_271) % 2_147_483_647;
    return random % below;
  };
  const entries = Array.from({ length: usageRows }, (_, i): UsageEntry => {
    const { keyId, familyId } = ids[(i * 7) % ids.length] ?? { keyId: 'none', familyId: 'none' };
    return {
      keyId,
      familyId,
      model: models[next(models.length)] ?? '',
      engine: engines[next(engines.length)] ?? '',
      inputTokens: next(4_000),
      outputTokens: next(2_000),
      estimated: false,
      cachedTokens: next(1_000),
      promptTokens: 4_000,
      atMs: nowMs - Math.floor((i / usageRows) * 89 * 24) * hourMs,
      address: '192.0.2.7',
      ending: next(20) === 0 ? 'client-left' : 'done',
      answered: true,
      firstByteMs: next(3_000),
      durationMs: next(30_000),
    };
  });
  for (let from = 0; from < entries.length; from += 10_000)
    await flm.usage.addUsage(entries.slice(from, from + 10_000));
  await close();
  const db = new DatabaseSync(join(home, 'flm.db'));
  db.exec('BEGIN');
  const audit = db.prepare(
    'INSERT INTO audit (at, actor, action, subject, before, after) VALUES (?, ?, ?, ?, NULL, ?)',
  );
  for (let i = 0; i < auditRows; i++)
    audit.run(
      nowMs - i * 60_000,
      'cli:ann',
      i % 3 === 0 ? 'key.create' : 'policy.set',
      ids[i % ids.length]?.keyId ?? '',
      '{"label":"x"}',
    );
  db.exec('COMMIT');
  db.close();
  const usage = new DatabaseSync(join(home, 'usage.db'));
  console.log(
    `${ids.length} keys, ${String(usage.prepare('SELECT count(*) AS n FROM usage_hour').get()?.n)} rows of usage, ${auditRows} audit entries`,
  );
  usage.close();
}

// --- 200 live requests

interface Live {
  readonly port: number;
  open(proxy: RunningFlm): Promise<void>;
  stop(): Promise<void>;
}

async function startLive(): Promise<Live> {
  const [command = '', ...rest] = pinned(core.rest, [process.execPath, join(import.meta.dirname, 'live.ts')]);
  const child: ChildProcess = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.stdout === null || child.stdin === null) throw new Error('no pipes');
  const lines = createInterface({ input: child.stdout });
  const line = async (): Promise<string> => String((await once(lines, 'line'))[0]);
  const { stdin } = child;
  return {
    port: Number(await line()),
    async open({ port, keys }) {
      const opened = line();
      stdin.write(`${port} ${keys.slice(0, 50).join(' ')}\n`);
      await opened;
    },
    stop: () => end(child),
  };
}

// --- an open dashboard

/** The page with the most traffic: live requests, and the lists beside them again and again. */
function openDashboard({ api }: Opened): { close(): Promise<void> } {
  const closing = new AbortController();
  const { signal } = closing;
  const ask = (target: string) =>
    api.handle({
      method: 'GET',
      target: adminBasePath + target,
      headers: {},
      body: Buffer.alloc(0),
      caller,
      signal,
    });
  const watch = async (): Promise<void> => {
    const { body } = await ask('/requests/events');
    if (typeof body === 'string') throw new Error(body);
    for await (const _ of body) if (signal.aborted) return;
  };
  const poll = async (): Promise<void> => {
    while (!signal.aborted) {
      for (const target of ['/proxies', '/engines', '/warnings']) await ask(target);
      await pause(3_000, undefined, { signal }).catch(() => {});
    }
  };
  const running = [watch(), poll()];
  return {
    async close() {
      closing.abort();
      await Promise.all(running);
    },
  };
}

async function measurePlane(): Promise<void> {
  await using owned = new AsyncDisposableStack();
  const engine = await startEngine();
  owned.defer(() => engine.stop());
  const proxy = await startFlm(engine.port, keyCount);
  owned.defer(() => proxy.stop());
  const opened = await openApi(proxy.home);
  owned.defer(() => opened.close());
  const target = { name: 'flm', port: proxy.port, keys: proxy.keys.slice(0, 200) };
  const clients = await Clients.open(target, 200);
  owned.defer(() => clients.close());
  const requests = quick ? 500 : 20_000;
  const shape = { events: quick ? 20 : 300, pace: 'spread' } as const;
  const loads = [
    ['request', requests, () => clients.json(requests)],
    ['event', 200 * (shape.events + 1), () => clients.streams(shape)],
  ] as const;
  for (const [, , run] of loads) await run();
  console.log(`\nCPU of the proxy, ${rounds} rounds, medians`);
  for (const [unit, units, run] of loads) {
    const found: Record<'closed' | 'open', number[]> = { closed: [], open: [] };
    for (let i = 0; i < rounds; i++) {
      const order = i % 2 === 0 ? (['closed', 'open'] as const) : (['open', 'closed'] as const);
      for (const state of order) {
        const dashboard = state === 'open' ? openDashboard(opened) : undefined;
        const before = cpuTime(proxy.pid);
        await run();
        const { userUs, systemUs } = cpuBetween(before, cpuTime(proxy.pid));
        await dashboard?.close();
        found[state].push((userUs + systemUs) / units);
      }
    }
    const [closed, open] = [median(found.closed), median(found.open)];
    // Both states of a round meet nearly the same other load of the machine.
    const ratio = median(found.open.map((us, i) => us / (found.closed[i] ?? us)));
    console.log(
      `  ${unit.padEnd(8)} closed ${closed.toFixed(2)} us, open ${open.toFixed(2)} us, ratio within a round ${ratio.toFixed(3)}` +
        `   closed ${found.closed.map((us) => us.toFixed(1)).join(' ')}   open ${found.open.map((us) => us.toFixed(1)).join(' ')}`,
    );
  }
}

async function measureFilled(): Promise<void> {
  await using owned = new AsyncDisposableStack();
  const live = await startLive();
  owned.defer(() => live.stop());
  const proxy = await startFlm(live.port, keyCount);
  owned.defer(() => proxy.stop());
  await fill(proxy.home);
  await live.open(proxy);
  const opened = await openApi(proxy.home);
  owned.defer(() => opened.close());
  if (asked('operations')) await measureOperations(opened);
  if (asked('pages')) await measurePages(proxy.home, quick ? 2 : 10);
}

pinSelf(core.rest);
console.log(describeMachine());
if (asked('operations') || asked('pages')) await measureFilled();
if (asked('plane')) await measurePlane();
