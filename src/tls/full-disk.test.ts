/** A disk without space: what was there stays, nothing half is left, and the error says why. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { machineNamed } from '../../test/helpers/certificate-folder.ts';
import { systemClock } from '../core/clock.ts';
import { CertificateStore } from './certificate-store.ts';
import { LocalSource } from './local-source.ts';

function smallDisk(t: TestContext): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'flm-disk-'));
  // The disk first, for a folder that one is mounted on cannot be removed.
  t.after(() => {
    spawnSync('umount', [folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  if (process.platform !== 'linux') return void t.skip('needs tmpfs');
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'tmpfs', folder]);
  if (mounted.status !== 0) return void t.skip('may not mount a tmpfs here');
  chmodSync(folder, 0o700);
  return folder;
}

function fill(folder: string): string {
  const filler = join(folder, 'filler');
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
  return filler;
}

test('a certificate that cannot be saved is an error that says why, and the next try succeeds', async (t) => {
  const folder = smallDisk(t);
  if (folder === undefined) return;
  const store = new CertificateStore(folder, systemClock);
  let machine = machineNamed();
  const open = () =>
    LocalSource.open(
      { store, clock: systemClock, machine: () => machine, sans: [], profile: 'default', tell: () => {} },
      new AbortController().signal,
    );
  const source = await open();
  t.after(() => source.close());
  const before = source.current().chain;
  const filler = fill(folder);
  const files = readdirSync(folder);

  machine = machineNamed({ addresses: ['10.0.0.7'] });
  await source.look();

  assert.match(source.facts().problem ?? '', /cannot be read or written: the disk is full/);
  assert.equal(source.current().chain, before);
  assert.deepEqual(readdirSync(folder), files);
  await assert.rejects(open(), { code: 'CERT_STORE_FAILED' });
  rmSync(filler);
  await source.look();
  assert.ok(source.facts().names.includes('10.0.0.7'));
});
