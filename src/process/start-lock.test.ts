import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startLock } from './start-lock.ts';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'flm-start-lock-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a second start of a profile gets no lock until the first one has ended; another profile has its own', async (t) => {
  const folder = temporaryFolder(t);
  const first = await startLock(folder, 'a');
  assert.ok(first !== undefined);
  assert.equal(await startLock(folder, 'a'), undefined);
  const other = await startLock(folder, 'b');
  assert.ok(other !== undefined);
  first[Symbol.dispose]();
  const second = await startLock(folder, 'a');
  assert.ok(second !== undefined);
  second[Symbol.dispose]();
  other[Symbol.dispose]();
});

test('the lock of a killed process blocks no later start', async (t) => {
  const folder = temporaryFolder(t);
  const module = JSON.stringify(new URL('./start-lock.ts', import.meta.url).href);
  const code = `
    import { startLock } from ${module};
    globalThis.lock = await startLock(${JSON.stringify(folder)}, 'a');
    process.stdout.write('locked');
    setInterval(() => {}, 1_000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  t.after(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  await once(child.stdout, 'data');
  assert.equal(await startLock(folder, 'a'), undefined);
  child.kill('SIGKILL');
  await closed;
  const lock = await startLock(folder, 'a');
  assert.ok(lock !== undefined);
  lock[Symbol.dispose]();
});

test('a start goes on without a lock where no lock file can be made', async (t) => {
  assert.ok((await startLock(join(temporaryFolder(t), 'missing'), 'a')) !== undefined);
});
