/**
 * The faults of the soak. Each is injected while the load goes on, is taken back, and checks what it can see itself; what
 * clients see meanwhile is judged by the load, and what was acknowledged by the ledger of keys.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { controlClient } from '../../../src/process/control-client.ts';
import { liveHandles } from '../../../src/process/live-handles.ts';
import { eventually } from '../../helpers/eventually.ts';
import { told } from './key-ledger.ts';
import { chat, type Outcome } from './outcomes.ts';
import {
  type CutBase,
  type CutWay,
  cutBases,
  cutLength,
  cutWays,
  isAnotherResponse,
} from './scripted-engine.ts';
import type { Profile, SoakScene } from './soak-scene.ts';

export interface InjectedFault {
  readonly name: string;
  /** Why it cannot be injected here; undefined if it can. */
  readonly missing?: (scene: SoakScene) => string | undefined;
  readonly inject: (scene: SoakScene) => Promise<void>;
}

const noDisk = (scene: SoakScene): string | undefined =>
  scene.hasDisk ? undefined : 'no disk can be mounted here (root on Linux can)';

/** How long a fault of the disk or a lock lasts: longer than a writer waits for another one. */
const heldMs = (scene: SoakScene): number => (scene.isLong ? 12_000 : 3_000);

export const injectedFaults: readonly InjectedFault[] = [
  { name: 'engine cuts at every byte', inject: engineCuts },
  { name: 'engine falls silent', inject: engineStalls },
  { name: 'engine is away', inject: engineAway },
  { name: 'slow readers', inject: slowReaders },
  { name: 'idle connections', inject: idleConnections },
  { name: 'many streams', inject: manyStreams },
  { name: 'database is locked', inject: lockedDatabase },
  { name: 'disk is full', missing: noDisk, inject: fullDisk },
  { name: 'folder is read-only', missing: noDisk, inject: readOnlyFolder },
  { name: 'database is damaged', inject: damagedDatabase },
  {
    name: 'clock jumps',
    missing: ({ moveClock }) => (moveClock === undefined ? 'libfaketime is not installed' : undefined),
    inject: clockJumps,
  },
  { name: 'too many open files', inject: tooManyFiles },
  { name: 'settings change', inject: settingsChange },
  { name: 'certificate is renewed', inject: renewal },
  { name: 'process is killed', inject: killed },
  { name: 'hand-over', inject: handOver },
  { name: 'upgrade', inject: upgrade },
];

/** So many at once, until all are done. */
async function together(count: number, width: number, one: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

function keyFor(scene: SoakScene, n: number): string {
  return scene.faultKeys[n % scene.faultKeys.length] ?? assert.fail('no keys');
}

async function cutAt(scene: SoakScene, n: number, base: CutBase, at: number, way: CutWay): Promise<void> {
  const script = `cut ${base} ${at} ${way}`;
  const outcome = await chat(scene.targets.steady, { key: keyFor(scene, n), model: 'faulty', script });
  scene.loads.steady.count(outcome);
  if (outcome.kind === 'unreachable' || (outcome.kind === 'refused' && outcome.status < 500))
    scene.violation(`${script}: ${told(outcome)}`);
}

async function engineCuts(scene: SoakScene): Promise<void> {
  const cuts = cutBases.flatMap((base) =>
    cutWays
      .filter((way) => way !== 'stall')
      .flatMap((way) =>
        Array.from({ length: cutLength(base) }, (_, at) => ({ base, at, way })).filter(
          ({ at }) => !isAnotherResponse(base, at, way),
        ),
      ),
  );
  await together(cuts.length, 8, async (n) => {
    const { base, at, way } = cuts[n] ?? assert.fail();
    await cutAt(scene, n, base, at, way);
  });
}

async function engineStalls(scene: SoakScene): Promise<void> {
  const places = cutBases.flatMap((base) =>
    Array.from({ length: Math.floor(cutLength(base) / 10) }, (_, n) => ({ base, at: 10 * n })),
  );
  await Promise.all(places.map(({ base, at }, n) => cutAt(scene, n, base, at, 'stall')));
}

async function engineAway(scene: SoakScene): Promise<void> {
  const ask = (n: number): Promise<Outcome> =>
    chat(scene.targets.steady, { key: keyFor(scene, n), model: 'faulty', script: 'json' });
  await scene.faulty.close();
  await together(20, 4, async (n) => {
    const outcome = await ask(n);
    scene.loads.steady.count(outcome);
    if (outcome.kind !== 'refused' || outcome.status < 500)
      scene.violation(`an engine that is away: ${told(outcome)}`);
  });
  await scene.faulty.listen();
  await eventually(
    () => ask(0),
    ({ kind }) => kind === 'whole',
    250,
  );
}

async function slowReaders(scene: SoakScene): Promise<void> {
  await together(20, 20, async (n) => {
    const sinceMs = performance.now();
    const script = { key: keyFor(scene, n), model: 'good', script: 'bulk 100', readEveryMs: 20 };
    const outcome = await chat(scene.targets.steady, script);
    scene.loads.steady.judge(outcome, sinceMs, 'a slow reader of a megabyte');
  });
}

async function idleConnections(scene: SoakScene): Promise<void> {
  const { pid } = await scene.proxy('steady');
  // flm takes half as many connections as files may be open: each may need one to an engine.
  const count = Math.min(scene.isLong ? 10_000 : 1_000, Math.floor(softLimitOf(pid) / 2) - 200);
  const port = Number(new URL(scene.targets.steady.url).port);
  const sockets: Socket[] = [];
  let closed = 0;
  // In groups: the queue of a listener is 511 long.
  for (let i = 0; i < count; i += 200) {
    const group = Array.from({ length: Math.min(200, count - i) }, (_, n) => {
      const socket = connect({ port, host: '127.0.0.1', localAddress: `127.55.${1 + (n % 100)}.1` });
      socket.on('error', () => {}).on('close', () => (closed += 1));
      // A connection without a request is given up sooner than one that has been used.
      socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
      return socket;
    });
    await Promise.all(group.map((socket) => once(socket, 'data')));
    sockets.push(...group);
  }
  await setTimeout(scene.isLong ? 5_000 : 500);
  if (closed > 0) scene.violation(`${closed} of ${count} idle connections were closed`);
  for (const socket of sockets) socket.destroy();
}

async function manyStreams(scene: SoakScene): Promise<void> {
  const count = scene.isLong ? 5_000 : 500;
  const pace = scene.isLong ? 2_000 : 200;
  await together(count, count, async (n) => {
    const sinceMs = performance.now();
    const script = { key: keyFor(scene, n), model: 'good', script: `stream 6 ${pace}` };
    const outcome = await chat(scene.targets.steady, script);
    scene.loads.steady.judge(outcome, sinceMs, `one of ${count} streams`);
  });
}

/** Changes while a fault lasts: they succeed, or fail with a code. */
async function changes(scene: SoakScene): Promise<void> {
  await Promise.all([scene.ledger.change('api'), scene.ledger.change('command'), setTimeout(heldMs(scene))]);
}

async function lockedDatabase(scene: SoakScene): Promise<void> {
  for (const name of ['usage.db', 'flm.db']) {
    const lock = new DatabaseSync(join(scene.home, name), { timeout: 5_000 });
    try {
      lock.exec('BEGIN EXCLUSIVE');
      await changes(scene);
    } finally {
      lock.close();
    }
  }
}

async function fullDisk(scene: SoakScene): Promise<void> {
  const filler = join(scene.home, 'filler');
  try {
    fillDisk(filler);
    await changes(scene);
  } finally {
    rmSync(filler);
  }
}

/** Writes until the disk takes no more. Others write to the same disk, so what is free before says little. */
function fillDisk(file: string): void {
  const piece = Buffer.alloc(1024 * 1024);
  const target = openSync(file, 'w');
  try {
    for (;;) writeSync(target, piece);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(target);
  }
}

async function readOnlyFolder(scene: SoakScene): Promise<void> {
  const mount = (...args: readonly string[]): void =>
    assert.equal(spawnSync('mount', args).status, 0, `mount ${args.join(' ')}`);
  mount('--bind', scene.home, scene.home);
  try {
    mount('-o', 'remount,bind,ro', scene.home);
    await changes(scene);
  } finally {
    assert.equal(spawnSync('umount', ['-l', scene.home]).status, 0);
  }
}

/** The data of a backup, restored elsewhere, damaged, and restored again. */
async function damagedDatabase(scene: SoakScene): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'flm-soak-backup-'));
  const { spare } = scene;
  try {
    const acknowledged = scene.ledger.snapshot();
    const made = await scene.cli.run('backup', 'create', '--plaintext', '--to', folder, '--json');
    assert.equal(made.code, 0, made.stderr);
    const { file } = made.json<{ file: string }>();
    for (let i = 0; i < 2; i++) {
      // A database that cannot be read does not say which keys were revoked since the backup.
      const revive = i === 0 ? [] : ['--revive-keys'];
      const restored = await spare.run('backup', 'restore', file, '--yes', ...revive);
      assert.equal(restored.code, 0, restored.stderr);
      const { keys } = (await spare.run('key', 'list', '--json')).json<{
        keys: readonly { id: string; revokedAt: string | null }[];
      }>();
      for (const { id, revoked } of acknowledged) {
        const found = keys.find((key) => key.id === id);
        // It may have been revoked or deleted since.
        if (found !== undefined && revoked && found.revokedAt === null)
          scene.violation(`${id} was revoked and is live after a restore`);
      }
      truncateSync(join(spare.home, 'flm.db'), 3 * 4_096);
      const refused = await spare.run('key', 'list');
      if (refused.code !== 2 || !/^Error: \S.*damaged/m.test(refused.stderr))
        scene.violation(`a damaged database: exit ${refused.code}: ${refused.stderr}`);
    }
  } finally {
    for (const place of [folder, spare.home]) rmSync(place, { recursive: true, force: true });
  }
}

/** An hour on and back, within one day of UTC: budgets of a day begin again at its end. */
async function clockJumps(scene: SoakScene): Promise<void> {
  const hour = new Date().getUTCHours() < 22 ? 3_600 : -3_600;
  scene.moveClock?.(hour);
  await changes(scene);
  scene.moveClock?.(0);
  await changes(scene);
}

async function tooManyFiles(scene: SoakScene): Promise<void> {
  const { pid } = await scene.proxy('steady');
  const before = softLimitOf(pid);
  const open = readdirSync(`/proc/${pid}/fd`).length;
  const over = scene.loads.steady.outage();
  const port = Number(new URL(scene.targets.steady.url).port);
  setSoftLimit(pid, open + 20);
  const sockets = Array.from({ length: 200 }, () => {
    const socket = connect({ port, host: '127.0.0.1' });
    return socket.on('error', () => {}).resume();
  });
  try {
    await setTimeout(scene.isLong ? 5_000 : 1_000);
  } finally {
    for (const socket of sockets) socket.destroy();
    setSoftLimit(pid, before);
  }
  const ask = (): Promise<Outcome> =>
    chat(scene.targets.steady, { key: keyFor(scene, 0), model: 'good', script: 'json' });
  await eventually(ask, ({ kind }) => kind === 'whole', 100);
  over();
}

function softLimitOf(pid: number): number {
  const found = /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'));
  return Number(found?.[1]);
}

function setSoftLimit(pid: number, limit: number): void {
  const ran = spawnSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`], { encoding: 'utf8' });
  assert.equal(ran.status, 0, ran.stderr);
}

async function settingsChange(scene: SoakScene): Promise<void> {
  const ok = async (...args: readonly string[]): Promise<void> => {
    const ran = await scene.cli.run(...args);
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`);
  };
  await ok('policy', 'set', '--rpm', '100000');
  await ok('model', 'alias', 'other', 'good');
  const { kind } = await chat(scene.targets.steady, {
    key: keyFor(scene, 0),
    model: 'other',
    script: 'json',
  });
  if (kind !== 'whole') scene.violation(`an alias that was acknowledged: ${kind}`);
  await reload(scene, 'steady');
  await reload(scene, 'changing');
}

async function reload(scene: SoakScene, profile: Profile): Promise<void> {
  const handles = await liveHandles(join(scene.home, 'run'));
  const handle = handles.find((h) => h.profile === profile && !h.draining && h.starting !== true);
  assert.ok(handle !== undefined, `${profile} serves`);
  assert.equal(await controlClient(handle).reload(), 'reloaded');
}

async function renewal(scene: SoakScene): Promise<void> {
  const folder = join(scene.home, 'tls');
  for (const name of readdirSync(folder)) if (/^(leaf|named)-.*\.pem$/.test(name)) rmSync(join(folder, name));
  await reload(scene, 'changing');
}

async function killed(scene: SoakScene): Promise<void> {
  const load = scene.loads.changing;
  const { pid } = await scene.proxy('changing');
  const over = load.outage();
  load.killed();
  process.kill(pid, 'SIGKILL');
  await scene.start('changing');
  over();
}

async function handOver(scene: SoakScene): Promise<void> {
  const ran = await scene.cli.run('proxy', 'restart', 'changing', '--json');
  assert.equal(ran.code, 0, ran.stderr);
}

async function upgrade(scene: SoakScene): Promise<void> {
  scene.installed.installNewer();
  await handOver(scene);
}
