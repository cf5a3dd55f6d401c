/** Pid and start time together show whether a process is still the one that wrote a handle. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { until } from '../../test/contracts/controller-contract.ts';
import { processStart, processState } from './process-identity.ts';

const knows = process.platform === 'linux' || process.platform === 'darwin';
const skip = knows ? false : 'start times are not known here';

test('this process is itself, and stays it', { skip }, () => {
  const start = processStart(process.pid);
  assert.notEqual(start, '');
  assert.equal(processStart(process.pid), start);
  assert.equal(processState({ pid: process.pid, processStart: start }), 'living');
});

test('a pid with another start is somebody else', { skip }, () => {
  assert.equal(processState({ pid: process.pid, processStart: 'another boot:1' }), 'gone');
});

test('where the handle knows no start, nobody can be sure', () => {
  assert.equal(processState({ pid: process.pid, processStart: '' }), 'unsure');
});

test('a process that ended is gone, also while its parent has not asked for it', { skip }, async () => {
  // The shell becomes a parent that never waits for its child.
  const shell = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [text] = (await once(shell.stdout.setEncoding('utf8'), 'data')) as [string];
  const pid = Number(text);
  const handle = { pid, processStart: processStart(pid) };
  assert.equal(processState(handle), 'living');
  process.kill(pid, 'SIGKILL');
  await until(() => processState(handle) === 'gone');
  shell.kill('SIGKILL');
  await once(shell, 'close');
  assert.equal(processState(handle), 'gone');
});
