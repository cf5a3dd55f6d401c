import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { UpgradeError } from '../../core/errors.ts';
import { processStart } from '../../process/process-identity.ts';
import { lockUpgrade } from './upgrade-lock.ts';

function programIn(t: TestContext): { folder: string; target: string; lock: string } {
  const folder = mkdtempSync(join(tmpdir(), 'flm-upgrade-lock-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, target: join(folder, 'flm'), lock: join(folder, '.flm.upgrade-lock') };
}

const holder = (pid: number, start: string): string => `${JSON.stringify({ pid, processStart: start })}\n`;

test('one upgrade holds the lock of an executable until it unlocks it', (t) => {
  const { folder, target, lock } = programIn(t);
  const unlock = lockUpgrade(target);
  assert.throws(
    () => lockUpgrade(target),
    (error: unknown) =>
      error instanceof UpgradeError && error.code === 'UPGRADE_RUNNING' && error.hint.includes(lock),
  );
  const unlockOther = lockUpgrade(join(folder, 'another'));
  unlockOther();
  unlock();
  assert.deepEqual(readdirSync(folder), []);
  lockUpgrade(target)();
  assert.deepEqual(readdirSync(folder), []);
});

test('the lock of a process that has ended is taken over, also if its pid is in use again', (t) => {
  const { folder, target, lock } = programIn(t);
  // The largest pid of Linux is 2^22.
  const abandoned = [holder(99_999_999, ''), holder(process.pid, 'another boot:1'), '', '{"pid":'];
  for (const text of abandoned) {
    writeFileSync(lock, text);
    const unlock = lockUpgrade(target);
    assert.equal(readFileSync(lock, 'utf8'), holder(process.pid, processStart(process.pid)));
    unlock();
    assert.deepEqual(readdirSync(folder), []);
  }
});

test('while another process takes an abandoned lock over, an upgrade leaves the lock as it is', (t) => {
  const { target, lock } = programIn(t);
  writeFileSync(lock, holder(99_999_999, ''));
  writeFileSync(`${lock}.takeover`, holder(process.ppid, ''));
  assert.throws(() => lockUpgrade(target), { code: 'UPGRADE_RUNNING' });
  assert.equal(readFileSync(lock, 'utf8'), holder(99_999_999, ''));
});

test('a folder that cannot be written is named', () => {
  assert.throws(() => lockUpgrade('/nowhere/flm'), /\/nowhere\/flm/);
});
