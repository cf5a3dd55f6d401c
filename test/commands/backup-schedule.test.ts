/** Daily backups: what a running proxy makes, and how a person learns that none is made. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ScheduledBackups } from '../../src/app/backup/scheduled-backups.ts';
import { assertMistake, flmEntry, makeCli, type TestCli } from '../helpers/cli.ts';
import { startProxy } from '../helpers/start-proxy.ts';

interface ScheduleView {
  readonly schedule: { readonly at: string; readonly recipients: readonly string[] } | null;
  readonly lastGoodAt: string | null;
  readonly lastFile: string | null;
  readonly problem: string | null;
}

async function ok(cli: TestCli, ...args: readonly string[]) {
  const ran = await cli.run(...args);
  assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`);
  return ran;
}

async function shown(cli: TestCli): Promise<ScheduleView> {
  return (await ok(cli, 'backup', 'schedule', 'show', '--json')).json<ScheduleView>();
}

/** A schedule whose first moment has passed. */
function writeSchedule(cli: TestCli, to: string | null): void {
  const schedule = { at: '00:00', to, recipients: [], keep: 7, sinceMs: 0 };
  writeFileSync(join(cli.home, 'backup-schedule.json'), JSON.stringify(schedule));
}

/** What a proxy runs, with a clock that the test moves. */
function scheduled(t: TestContext, cli: TestCli) {
  const events: string[] = [];
  let tick = (): void => {};
  let logged = (): void => {};
  const backups = new ScheduledBackups({
    home: cli.home,
    program: { command: process.execPath, args: [flmEntry] },
    environment: { FLM_SETUP: 'off', HOME: cli.folder, PATH: cli.programs },
    clock: {
      nowMs: () => Date.now(),
      every(_ms, f) {
        tick = f;
        return () => {};
      },
    },
    logger: {
      event(level, message) {
        events.push(`${level} ${message}`);
        logged();
      },
    },
  });
  t.after(() => backups.close());
  return {
    events,
    /** A minute passes, and the backup that is due has ended. */
    minute: () =>
      new Promise<void>((resolve) => {
        logged = resolve;
        tick();
      }),
    tick: () => tick(),
  };
}

test('a schedule is set, shown and ended, and needs a choice about encryption', async (t) => {
  const cli = makeCli(t);
  assertMistake(await cli.run('backup', 'schedule', 'daily'), /--recipient age1.* or --plaintext/);
  assertMistake(await cli.run('backup', 'schedule', 'daily', '--plaintext', '--at', '24:00'), /--at takes/);
  const identity = join(cli.folder, 'identity');
  const made = await ok(cli, 'backup', 'key', 'create', identity, '--json');
  const { recipient } = made.json<{ recipient: string }>();

  await ok(cli, 'backup', 'schedule', 'daily', '--at', '04:15', '--recipient', recipient);

  assert.deepEqual((await shown(cli)).schedule, { at: '04:15', to: null, recipients: [recipient], keep: 7 });
  assert.match((await ok(cli, 'backup', 'schedule', 'show')).stdout, /every day at +04:15/);
  await ok(cli, 'backup', 'schedule', 'off');
  assert.equal((await shown(cli)).schedule, null);
});

test('a proxy makes the backup that is due, once, and records it', async (t) => {
  const cli = makeCli(t);
  await ok(cli, 'key', 'create', 'anna');
  writeSchedule(cli, null);
  const { events, minute, tick } = scheduled(t, cli);

  await minute();

  const { lastFile, problem } = await shown(cli);
  assert.deepEqual(events, ['info backup made']);
  assert.equal(problem, null);
  await ok(cli, 'backup', 'verify', lastFile ?? '');
  tick();
  const again = await ok(cli, 'backup', 'create', '--scheduled', '--json');
  assert.equal(again.json(), null, 'none is due');
  assert.deepEqual(events.length, 1);
});

test('a backup that fails is a warning in status and doctor until the next good one', async (t) => {
  const cli = makeCli(t);
  await startProxy(cli, '--demo');
  const to = join(cli.folder, 'disk');
  writeSchedule(cli, to);
  const { events, minute } = scheduled(t, cli);

  await minute();

  assert.deepEqual(events, ['error backup failed']);
  const { problem } = await shown(cli);
  assert.match(problem ?? '', /failed, and no good one was made yet: The backup .* was not written/);
  assert.match((await ok(cli, 'status')).stdout, /backup failed/);
  const doctor = await cli.run('doctor', '--json');
  assert.ok(
    doctor.json<{ findings: { code: string }[] }>().findings.some(({ code }) => code === 'BACKUP_OVERDUE'),
  );
  // An hour later it is tried again.
  mkdirSync(to);
  rmSync(join(cli.home, 'backup-state.json'));
  await minute();
  assert.equal((await shown(cli)).problem, null);
  assert.equal(readdirSync(to).length, 1);
});
