/**
 * The log file is rotated and private. When the disk is slow or full, lines are dropped and the proxy does not wait.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { assertNoLeaks, type Stock, takeStock } from '../../test/helpers/leaks.ts';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import { LogFile, type LogFileOptions } from './log-file.ts';

let stock: Stock;
before(() => {
  stock = takeStock();
});
after(() => assertNoLeaks(stock));

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'flm-log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function opened(path: string, more: Partial<LogFileOptions> = {}): LogFile {
  return new LogFile({ path, clock: new MovedClock(), ...more });
}

const read = (path: string): string => readFileSync(path, 'utf8');

test('lines are appended in order to a file that only its user may read', async (t) => {
  const path = join(temporaryFolder(t), 'x.log');
  writeFileSync(path, 'before\n', { mode: 0o600 });
  const log = opened(path);
  for (let i = 0; i < 1_000; i += 1) log.write(`line ${i}\n`);
  await log.close();
  const lines = Array.from({ length: 1_000 }, (_, i) => `line ${i}\n`);
  assert.equal(read(path), `before\n${lines.join('')}`);
  rmSync(path);
  const fresh = opened(path);
  fresh.write('first\n');
  await fresh.close();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a log that is closed takes nothing more', async (t) => {
  const path = join(temporaryFolder(t), 'x.log');
  const log = opened(path);
  log.write('a\n');
  await log.close();
  log.write('b\n');
  await log.close();
  assert.equal(read(path), 'a\n');
});

test('the file is rotated before it grows past its limit, and the oldest goes', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'x.log');
  for (let i = 0; i < 8; i += 1) {
    // Each is its own write to the disk, because waiting lines are written together.
    const log = opened(path, { maxBytes: 10, keep: 3 });
    log.write(`line ${i}\n`);
    await log.close();
  }
  assert.deepEqual(readdirSync(folder).sort(), ['x.log', 'x.log.1', 'x.log.2', 'x.log.3']);
  assert.equal(read(path), 'line 7\n');
  assert.equal(read(`${path}.1`), 'line 6\n');
  assert.equal(read(`${path}.3`), 'line 4\n');
});

test('two proxies of one profile rotate one log and lose no line', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'x.log');
  const options = { maxBytes: 40, keep: 50 };
  const [one, two] = [opened(path, options), opened(path, options)];
  for (let i = 0; i < 50; i += 1) {
    one.write(`one ${i}\n`);
    await new Promise(setImmediate);
    two.write(`two ${i}\n`);
    await new Promise(setImmediate);
  }
  await Promise.all([one.close(), two.close()]);
  const lines = readdirSync(folder).flatMap((name) => read(join(folder, name)).trimEnd().split('\n'));
  assert.equal(new Set(lines).size, 100);
});

test('two proxies that rotate one log at once keep as many lines as one that rotates alone', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'x.log');
  const line = `${'x'.repeat(49)}\n`;
  const maxBytes = 10 * line.length;
  const logs = Array.from({ length: 4 }, () => opened(path, { maxBytes, keep: 5 }));
  for (let i = 0; i < 100; i += 1) {
    for (const log of logs) log.write(line);
    while (logs.some((log) => log.isBusy)) await new Promise(setImmediate);
  }
  await Promise.all(logs.map((log) => log.close()));
  // A process that writes during a rotation appends its line to the full file.
  for (let age = 1; age <= 5; age += 1) assert.ok(statSync(`${path}.${age}`).size > maxBytes - line.length);
  assert.equal(existsSync(`${path}.rotating`), false);
});

test('a rotation that a killed process did not end does not stop rotations for ever', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'x.log');
  mkdirSync(`${path}.rotating`);
  const clock = new MovedClock(Date.now());
  for (let i = 0; i < 3; i += 1) {
    const log = opened(path, { maxBytes: 10, clock });
    log.write(`line ${i}\n`);
    await log.close();
  }
  assert.deepEqual(readdirSync(folder).sort(), ['x.log', 'x.log.rotating']);
  clock.jump(11_000);
  for (let i = 3; i < 5; i += 1) {
    const log = opened(path, { maxBytes: 10, clock });
    log.write(`line ${i}\n`);
    await log.close();
  }
  assert.deepEqual(readdirSync(folder).sort(), ['x.log', 'x.log.1']);
  assert.equal(read(path), 'line 4\n');
});

test('a file that somebody moved or removed is closed', async (t) => {
  const path = join(temporaryFolder(t), 'x.log');
  const log = opened(path);
  const written = async (line: string): Promise<void> => {
    log.write(line);
    while (!existsSync(path) || !read(path).includes(line)) await new Promise(setImmediate);
  };
  await written('a\n');
  renameSync(path, `${path}.old`);
  await written('b\n');
  rmSync(path);
  await written('c\n');
  await log.close();
  assert.equal(read(`${path}.old`), 'a\n');
  assert.equal(read(path), 'c\n');
});

test('what others append to the file counts for its size', async (t) => {
  const path = join(temporaryFolder(t), 'x.log');
  const log = opened(path, { maxBytes: 20 });
  appendFileSync(path, 'a stack of twenty!!\n');
  log.write('b\n');
  await log.close();
  assert.equal(read(path), 'b\n');
  assert.equal(read(`${path}.1`), 'a stack of twenty!!\n');
});

test('more lines than may wait are lost, and counted', async (t) => {
  const path = join(temporaryFolder(t), 'x.log');
  const log = opened(path, { maxWaitingBytes: 10 });
  for (let i = 0; i < 10; i += 1) log.write('12345\n');
  while (!existsSync(path) || statSync(path).size < 12) await new Promise(setImmediate);
  log.write('last\n');
  await log.close();
  const lines = read(path).trimEnd().split('\n');
  const notice = lines.find((line) => line.includes('were lost')) ?? '';
  assert.equal(lines.filter((line) => line === '12345').length + JSON.parse(notice).lost, 10);
  assert.match(notice, /too slow/);
  assert.equal(lines.at(-1), 'last');
});

test('a folder that does not exist costs lines and nothing else', async (t) => {
  const folder = join(temporaryFolder(t), 'later');
  const path = join(folder, 'x.log');
  const log = opened(path);
  log.write('a\n');
  log.write('b\n');
  await new Promise((resolve) => setImmediate(resolve));
  await log.close();
  assert.equal(existsSync(folder), false);
  mkdirSync(folder);
  const again = opened(path);
  again.write('c\n');
  await again.close();
  assert.equal(read(path), 'c\n');
});

test('on a full disk lines are lost, and the log says how many once there is space', async (t) => {
  const folder = temporaryFolder(t);
  if (process.platform !== 'linux') return t.skip('needs tmpfs');
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', folder]);
  if (mounted.status !== 0) return t.skip('may not mount a tmpfs here');
  try {
    chmodSync(folder, 0o700);
    const path = join(folder, 'x.log');
    const log = opened(path);
    const settled = async (): Promise<void> => {
      while (log.isBusy) await new Promise(setImmediate);
    };
    log.write('before\n');
    await settled();
    const filler = join(folder, 'filler');
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(filler, Buffer.alloc(bavail * bsize));
    // The last page of the log still has space: the first of these lines is cut there.
    const long = `${'x'.repeat(5_000)}\n`;
    for (let i = 0; i < 3; i += 1) {
      log.write(long);
      await settled();
    }
    rmSync(filler);
    log.write('after\n');
    await settled();
    log.write('later\n');
    await log.close();
    const lines = read(path).trimEnd().split('\n');
    assert.equal(lines[0], 'before');
    assert.match(lines[1] ?? '', /^x+$/);
    assert.equal(JSON.parse(lines[2] ?? '').lost, 3);
    assert.match(lines[2] ?? '', /3 lines of the log were lost: ENOSPC/);
    assert.deepEqual(lines.slice(3), ['after', 'later']);
  } finally {
    spawnSync('umount', [folder]);
  }
});

test('a disk that does not finish a write is given up when the time for the end is over', async (t) => {
  if (process.platform === 'win32') return t.skip('needs a named pipe');
  const path = join(temporaryFolder(t), 'x.log');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const log = opened(path, { closeMs: 20 });
  log.write('a\n');
  assert.equal(await log.close(), false);
  // Opening the FIFO waits for a reader; this reader ends that wait.
  assert.equal(await readFile(path, 'utf8'), 'a\n');
});

test('a file that is open already is appended to, not rotated, and left open', async (t) => {
  const path = join(temporaryFolder(t), 'x.log');
  const fd = openSync(path, 'a', 0o600);
  t.after(() => closeSync(fd));
  const log = new LogFile({ fd, clock: new MovedClock(), maxBytes: 10 });
  for (let i = 0; i < 10; i += 1) log.write('12345\n');
  assert.equal(await log.close(), true);
  assert.equal(read(path), '12345\n'.repeat(10));
  assert.equal(writeSync(fd, 'more\n'), 5);
});

test('lines that a busy disk lost are told of although no line follows', async (t) => {
  const path = join(temporaryFolder(t), 'x.log');
  const log = opened(path, { maxWaitingBytes: 10 });
  for (let i = 0; i < 10; i += 1) log.write('12345\n');
  assert.equal(await log.close(), true);
  assert.match(read(path), /"msg":"8 lines of the log were lost: the disk is too slow"/);
  assert.equal(log.lostLines, 8);
});
