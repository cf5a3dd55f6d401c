import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import { type ChildOptions, childFor, type SpawnedChild, spawnEarly } from './spawn-child.ts';

/** A child that lives until its channel closes. */
const waits = "process.on('message', () => {})";

function optionsOf(t: TestContext, program = waits): ChildOptions {
  const home = mkdtempSync(join(tmpdir(), 'flm-spawn-child-'));
  t.after(() => rmSync(home, { recursive: true }));
  const command = { command: process.execPath, args: ['-e', program], env: { PATH: '' } };
  return { command, home, output: join(home, 'a.log') };
}

async function end({ process: child }: SpawnedChild): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function runs(pid: number | undefined): boolean {
  assert(pid !== undefined);
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a start uses the child that was spawned early for the same options, once', async (t) => {
  const options = optionsOf(t);
  const early = spawnEarly(options);

  const first = childFor({ ...options, command: { ...options.command, env: { PATH: '' } } });
  const second = childFor(options);

  assert.equal(first.process, early);
  assert.notEqual(second.process.pid, early.pid);
  await Promise.all([end(first), end(second)]);
});

test('a child that was spawned early for another log or environment is ended', async (t) => {
  const options = optionsOf(t);
  for (const other of [
    { ...options, output: join(options.home, 'b.log') },
    { ...options, command: { ...options.command, env: { PATH: '', NOTIFY: '1' } } },
  ]) {
    const early = spawnEarly(options);
    const exit = once(early, 'exit');

    const child = childFor(other);

    assert.notEqual(child.process.pid, early.pid);
    assert.deepEqual(await exit, [null, 'SIGKILL']);
    await end(child);
  }
});

test('a start spawns a child itself where the early one has ended or was not spawned', async (t) => {
  const options = optionsOf(t);
  const early = spawnEarly({ ...options, command: { ...options.command, args: ['-e', ''] } });
  await once(early, 'exit');
  const ended = childFor({ ...options, command: { ...options.command, args: ['-e', ''] } });
  await once(ended.process, 'exit');
  const missing = { ...options, command: { ...options.command, command: join(options.home, 'no-program') } };
  await once(spawnEarly(missing), 'error');

  const child = childFor(options);

  assert.notEqual(ended.process, early);
  assert(runs(child.process.pid));
  await end(child);
});
