/**
 * What the soak runs on: two engines, a data folder on a disk of its own where one can be mounted, and two proxies of the
 * built program with the same data. The proxy `steady` (HTTP, with the admin API) lives from the start to the end; the proxy
 * `changing` (HTTPS) is killed, replaced and gets new certificates.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { makeCli, processesOf, type Ran, type TestCli } from '../../helpers/cli.ts';
import { eventually } from '../../helpers/eventually.ts';
import { fakeTime } from '../../helpers/fake-time.ts';
import { InstalledCopy } from '../../helpers/installed-copy.ts';
import { KeyLedger, told } from './key-ledger.ts';
import { Load } from './load.ts';
import { chat, type Outcome, type SoakTarget } from './outcomes.ts';
import { ScriptedEngine } from './scripted-engine.ts';

export const profiles = ['steady', 'changing'] as const;
export type Profile = (typeof profiles)[number];

interface RunningProxy {
  readonly id: string;
  readonly pid: number;
  readonly profile: string;
  readonly state: string;
  readonly port: number;
  readonly url: string;
  readonly warnings: readonly string[];
  readonly certificate?: { readonly authorityFile?: string };
}

export interface SoakScene {
  readonly cli: TestCli;
  /** The same program with an empty data folder. */
  readonly spare: TestCli;
  readonly home: string;
  readonly folder: string;
  /** The folder of the taps, one for each process. */
  readonly taps: string;
  readonly installed: InstalledCopy;
  readonly good: ScriptedEngine;
  readonly faulty: ScriptedEngine;
  readonly targets: Readonly<Record<Profile, SoakTarget>>;
  readonly loads: Readonly<Record<Profile, Load>>;
  /** A key for faults: what it gets is not judged as a client that behaves. */
  readonly faultKeys: readonly string[];
  readonly countedIds: Readonly<Record<Profile, string>>;
  readonly ledger: KeyLedger;
  readonly violations: readonly string[];
  readonly violation: (text: string) => void;
  readonly errors: Map<string, number>;
  /** False where no disk can be mounted: `home` is a plain folder. */
  readonly hasDisk: boolean;
  /** Moves the clock of all processes by so many seconds; undefined where libfaketime is missing. */
  readonly moveClock: ((seconds: number) => void) | undefined;
  readonly isLong: boolean;
  proxies(): Promise<readonly RunningProxy[]>;
  proxy(profile: Profile): Promise<RunningProxy>;
  start(profile: Profile): Promise<RunningProxy>;
  /** Resolves when no proxy warns of anything new, and every key and budget is as it was acknowledged. */
  settled(): Promise<void>;
}

/** Room for the connections and streams of the soak, and a short `idleTimeoutMs`, so that a stall ends in seconds. */
const limits = {
  FLM_PROXY_LIMITS_MAX_CONNECTIONS: '16000',
  FLM_PROXY_LIMITS_MAX_CONNECTIONS_PER_ADDRESS: '16000',
  FLM_PROXY_LIMITS_MAX_STREAMS: '16000',
  FLM_PROXY_LIMITS_IDLE_TIMEOUT_MS: '4000',
  FLM_PROXY_LIMITS_FIRST_BYTE_TIMEOUT_MS: '4000',
};
const maxViolations = 100;
export async function startSoakScene(
  t: TestContext,
  {
    isLong,
    paceMs,
    during,
    violationsFile,
  }: {
    readonly isLong: boolean;
    readonly paceMs: number;
    /** The fault that is injected now. */
    readonly during: () => string | null;
    /** A run that is cut short leaves its violations here. */
    readonly violationsFile: string;
  },
): Promise<SoakScene> {
  const { home, hasDisk } = soakDisk(t, isLong ? '256m' : '48m');
  const folder = mkdtempSync(join(tmpdir(), 'flm-soak-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const taps = join(folder, 'taps');
  mkdirSync(taps);
  const installed = new InstalledCopy(join(folder, 'flm'));
  const entry = join(folder, 'soaked-flm.mjs');
  writeFileSync(
    entry,
    [join(import.meta.dirname, 'soak-tap.ts'), installed.entry]
      .map((file) => `await import(${JSON.stringify(file)});\n`)
      .join(''),
  );
  const clock = fakeTime(join(folder, 'clock'));
  const cli = makeCli(
    t,
    {
      FLM_HOME: home,
      FLM_SOAK_TAPS: taps,
      ...limits,
      ...clock?.env,
    },
    entry,
  );
  const [good, faulty] = [await ScriptedEngine.start('good'), await ScriptedEngine.start('faulty')];
  t.after(() => Promise.all([good.close(), faulty.close()]));
  const violations: string[] = [];
  const violation = (text: string): void => {
    if (violations.length >= maxViolations) return;
    violations.push(`${new Date().toISOString()} (${during() ?? 'calm'}) ${text}`);
    appendFileSync(violationsFile, `${violations.at(-1)}\n`);
  };
  const errors = new Map<string, number>();

  const ok = async (...args: readonly string[]): Promise<Ran> => {
    const ran = await cli.run(...args);
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`);
    return ran;
  };
  const keyOf = async (label: string, ...more: readonly string[]) =>
    (await ok('key', 'create', label, ...more, '--json')).json<{ id: string; key: string }>();
  const counted = { steady: await keyOf('counted-steady'), changing: await keyOf('counted-changing') };
  const streams = await keyOf('streams');
  const spent = await keyOf('spent', '--tokens-per-day', '10');
  const adminKey = await keyOf('admin', '--scope', 'admin');
  const faultKeys = (await Promise.all([1, 2, 3, 4].map((n) => keyOf(`faults-${n}`)))).map(({ key }) => key);

  const flags: Readonly<Record<Profile, readonly string[]>> = {
    steady: ['--admin'],
    changing: ['--mode', 'dev-selfsigned', '--bind', '127.0.0.1'],
  };
  const targets: Partial<Record<Profile, SoakTarget>> = {};
  const ports: Partial<Record<Profile, number>> = {};
  const start = async (profile: Profile): Promise<RunningProxy> => {
    const port = String(ports[profile] ?? 0);
    return (await ok('proxy', 'start', profile, '--port', port, '--json')).json<RunningProxy>();
  };
  for (const profile of profiles) {
    await ok('profile', 'save', profile, '--engine', good.url, '--engine', faulty.url, ...flags[profile]);
    const { port, url, certificate } = await start(profile);
    ports[profile] = port;
    const authority = certificate?.authorityFile;
    targets[profile] = { url, ...(authority === undefined ? {} : { ca: readFileSync(authority, 'utf8') }) };
  }
  const { steady, changing } = targets;
  assert.ok(steady !== undefined && changing !== undefined);

  const spentOn = new Date().toISOString().slice(0, 10);
  /** The budget of a day that is used up stays so until the day is over, on every proxy. */
  const checkBudget = async (isFirst: boolean): Promise<void> => {
    const ask = (target: SoakTarget): Promise<Outcome> =>
      chat(target, { key: spent.key, model: 'good', script: 'json' });
    const isRefused = (outcome: Outcome): boolean => outcome.kind === 'refused' && outcome.status === 429;
    for (const target of [steady, changing]) {
      // Another proxy learns of tokens within two seconds.
      const outcome = isFirst ? await eventually(() => ask(target), isRefused, 250) : await ask(target);
      if (!isRefused(outcome) && spentOn === new Date().toISOString().slice(0, 10))
        violation(`${target.url}: a budget that was used up: ${told(outcome)}`);
    }
  };
  await checkBudget(true);

  const loadOf = (name: Profile, target: SoakTarget): Load =>
    new Load({
      name,
      target,
      countedKey: counted[name].key,
      streamKey: streams.key,
      engine: { url: good.url },
      violation,
      paceMs,
    });
  const loads = { steady: loadOf('steady', steady), changing: loadOf('changing', changing) };
  const ledger = new KeyLedger({
    adminKey: adminKey.key,
    admin: steady,
    cli: (...args) => cli.run(...args),
    violation,
    isExcused: (sinceMs) => loads.steady.isExcused(sinceMs),
    error: (code) => errors.set(code, (errors.get(code) ?? 0) + 1),
  });
  const proxies = async (): Promise<readonly RunningProxy[]> =>
    (await ok('proxy', 'status', '--json'))
      .json<{ proxies: readonly RunningProxy[] }>()
      .proxies.filter(({ state }) => state === 'running');
  const usual = new Set((await proxies()).flatMap(({ warnings }) => warnings));
  return {
    cli,
    spare: makeCli(t, {}, installed.entry),
    home,
    folder,
    taps,
    installed,
    good,
    faulty,
    targets: { steady, changing },
    loads,
    faultKeys,
    countedIds: { steady: counted.steady.id, changing: counted.changing.id },
    ledger,
    violations,
    violation,
    errors,
    hasDisk,
    moveClock: clock?.move,
    isLong,
    proxies,
    start,
    proxy: async (profile) => {
      const found = (await proxies()).find((p) => p.profile === profile);
      assert.ok(found !== undefined, `the proxy ${profile} does not run`);
      return found;
    },
    settled: async () => {
      await eventually(
        async () => (await proxies()).map(({ profile, warnings }) => ({ profile, warnings })),
        (seen) =>
          seen.length === profiles.length &&
          seen.every(({ warnings }) => warnings.every((warning) => usual.has(warning))),
        500,
      ).catch((error: unknown) =>
        violation(`the proxies do not come back to what they were: ${String(error)}`),
      );
      await ledger.checkAll([steady, changing]);
      await checkBudget(false);
    },
  };
}

/** A folder for FLM_HOME, on a disk of its own if one can be mounted. */
function soakDisk(t: TestContext, size: string): { readonly home: string; readonly hasDisk: boolean } {
  const home = mkdtempSync(join(tmpdir(), 'flm-disk-'));
  const mounted =
    process.platform === 'linux' &&
    spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', home]).status === 0;
  if (mounted) spawnSync('mount', ['--make-private', home]);
  chmodSync(home, 0o700);
  t.after(() => {
    for (const pid of processesOf(home)) process.kill(pid, 'SIGKILL');
    // Once more for a mount that a fault put above the first one.
    for (let i = 0; i < 2; i++) if (mounted) spawnSync('umount', ['-l', home]);
    rmSync(home, { recursive: true, force: true });
  });
  return { home, hasDisk: mounted };
}
