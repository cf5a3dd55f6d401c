import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { certificateFolder } from '../../test/helpers/certificate-folder.ts';
import { assertNoLeaks, takeStock } from '../../test/helpers/leaks.ts';
import { testCertificate } from '../../test/helpers/test-certificate.ts';
import { systemClock } from '../core/clock.ts';
import { CertificateStore } from './certificate-store.ts';

const stock = takeStock();
after(() => assertNoLeaks(stock));

const pair = () => {
  const { key, cert } = testCertificate('localhost');
  return { key, chain: cert };
};
const never = new AbortController().signal;

test('a pair is read as it was written, in a file and a folder of its user alone', async (t) => {
  const { folder, store } = certificateFolder(t);
  const written = pair();

  await store.write('leaf-default', written);

  const read = await store.read('leaf-default');
  assert.equal(read.state, 'sound');
  assert.equal(read.state === 'sound' && read.pair.chain, written.chain);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(join(folder, 'leaf-default.pem')).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder), ['leaf-default.pem']);
});

test('what was not written is missing', async (t) => {
  assert.deepEqual(await certificateFolder(t).store.read('leaf-default'), { state: 'missing' });
});

const damages: readonly [string, (text: string) => string, RegExp][] = [
  ['cut in the middle', (text) => text.slice(0, text.length / 2), /does not hold|cannot be read/],
  ['empty', () => '', /does not hold/],
  [
    'of another key',
    (text) => text.replace(/-----BEGIN PRIVATE[\s\S]*?END PRIVATE KEY-----\n/, pair().key),
    /does not belong/,
  ],
  [
    'with a byte changed',
    (text) => text.replace(/CERTIFICATE-----\nMII./, 'CERTIFICATE-----\nAAAA'),
    /cannot be read/,
  ],
];
for (const [how, damage, reason] of damages) {
  test(`a file that is ${how} is damaged`, async (t) => {
    const { folder, store } = certificateFolder(t);
    await store.write('leaf', pair());
    const path = join(folder, 'leaf.pem');
    writeFileSync(path, damage(readFileSync(path, 'latin1')));

    const read = await store.read('leaf');

    assert.equal(read.state, 'damaged');
    assert.match(read.state === 'damaged' ? read.reason : '', reason);
  });
}

test('a key that others could read is not used', async (t) => {
  const { folder, store } = certificateFolder(t);
  await store.write('leaf', pair());
  chmodSync(join(folder, 'leaf.pem'), 0o640);

  assert.deepEqual(await store.read('leaf'), {
    state: 'damaged',
    reason: 'can be read by others (mode 640)',
  });
});

test('a folder that others may enter is refused', async (t) => {
  const { folder, store } = certificateFolder(t);
  mkdirSync(folder, { mode: 0o755 });

  await assert.rejects(store.write('leaf', pair()), { code: 'CERT_STORE_FAILED' });
  assert.deepEqual(readdirSync(folder), []);
});

test('one holds the lock, the next waits for it', async (t) => {
  const { store } = certificateFolder(t);
  const order: string[] = [];
  let release = (): void => {};

  const first = store.locked('leaf', 10_000, never, async () => {
    order.push('first in');
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    order.push('first out');
  });
  while (order.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const second = store.locked('leaf', 10_000, never, async () => void order.push('second in'));
  release();
  await Promise.all([first, second]);

  assert.deepEqual(order, ['first in', 'first out', 'second in']);
});

test('a lock that is not let go in time is an error, and other locks are free', async (t) => {
  const { store } = certificateFolder(t);

  await store.locked('leaf', 0, never, async () => {
    await assert.rejects(
      store.locked('leaf', 0, never, async () => {}),
      { code: 'CERT_LOCKED' },
    );
    assert.equal(await store.locked('other', 0, never, async () => 'free'), 'free');
  });
});

test('who asks for a lock of its own process in vain leaves it locked for other processes', async (t) => {
  const { folder, store } = certificateFolder(t);
  await store.locked('leaf', 0, never, async () => {
    await assert.rejects(store.locked('leaf', 0, never, async () => {}));
    const probe = `
      const { DatabaseSync } = require('node:sqlite');
      new DatabaseSync(process.argv[1], { timeout: 0 }).exec('BEGIN EXCLUSIVE');`;
    const { stderr } = spawnSync(process.execPath, ['-e', probe, join(folder, 'leaf.lock')], {
      encoding: 'utf8',
    });
    assert.match(stderr, /database is locked/);
  });
});

test('the lock of a process that was killed is free at once', async (t) => {
  const { folder, store } = certificateFolder(t);
  const program = `
    const { CertificateStore } = await import(${JSON.stringify(import.meta.resolve('./certificate-store.ts'))});
    const { systemClock } = await import(${JSON.stringify(import.meta.resolve('../core/clock.ts'))});
    const store = new CertificateStore(${JSON.stringify(folder)}, systemClock);
    await store.locked('leaf', 0, new AbortController().signal, () => {
      console.log('held');
      return new Promise(() => setInterval(() => {}, 1000));
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  await assert.rejects(
    store.locked('leaf', 0, never, async () => {}),
    { code: 'CERT_LOCKED' },
  );

  child.kill('SIGKILL');
  await once(child, 'close');

  assert.equal(await store.locked('leaf', 0, never, async () => 'free'), 'free');
});

test('a process that is killed while it writes leaves the old pair or the new one, never half of one', async (t) => {
  const { folder, store } = certificateFolder(t);
  const [old, next] = [pair(), pair()];
  await store.write('leaf', old);
  const program = `
    const { CertificateStore } = await import(${JSON.stringify(import.meta.resolve('./certificate-store.ts'))});
    const { systemClock } = await import(${JSON.stringify(import.meta.resolve('../core/clock.ts'))});
    const store = new CertificateStore(${JSON.stringify(folder)}, systemClock);
    const pairs = ${JSON.stringify([old, next])};
    console.log('writing');
    for (let i = 0; ; i++) await store.write('leaf', pairs[i % 2]);`;
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    // Reading while it writes meets a whole pair each time; how often differs from round to round.
    for (let i = 0; i <= round * 3; i++) assert.equal((await store.read('leaf')).state, 'sound');
    child.kill('SIGKILL');
    await once(child, 'close');

    const read = await store.read('leaf');
    assert.equal(read.state, 'sound');
    assert.ok(read.state === 'sound' && [old.chain, next.chain].includes(read.pair.chain));
  }
});

test('what killed writers left is removed by a later write', async (t) => {
  const { folder, store } = certificateFolder(t);
  await store.write('leaf', pair());
  const part = join(folder, '.0123.part');
  writeFileSync(part, 'half');
  const hourAgo = new Date(Date.now() - 3_600_000);
  utimesSync(part, hourAgo, hourAgo);

  await store.write('leaf', pair());

  assert.deepEqual(readdirSync(folder), ['leaf.pem']);
});

test('writes of the same moment do not remove what the others are making, whatever the clock says', async (t) => {
  const { folder } = certificateFolder(t);
  const later = { ...systemClock, nowMs: () => Date.now() + 3_600_000 };
  const store = new CertificateStore(folder, later);
  const one = pair();

  for (let round = 0; round < 30; round++)
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => store.write(name, one)));

  assert.deepEqual(readdirSync(folder).sort(), ['a.pem', 'b.pem', 'c.pem', 'd.pem']);
});
