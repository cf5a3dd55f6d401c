/** A disk without space: what was there stays, nothing half is left, and the error says why. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { machineNamed } from '../../test/helpers/certificate-folder.ts';
import { fill, smallDisk } from '../../test/helpers/small-disk.ts';
import { systemClock } from '../core/clock.ts';
import { CertificateStore } from './certificate-store.ts';
import { LocalSource } from './local-source.ts';

test('a store on a read-only disk says so', async (t) => {
  const disk = smallDisk(t);
  if (disk === undefined) return;
  assert.equal(spawnSync('mount', ['-o', 'remount,ro', disk]).status, 0);
  const store = new CertificateStore(join(disk, 'tls'), systemClock);
  await assert.rejects(store.publish('authority', ''), {
    code: 'CERT_STORE_FAILED',
    message: /the disk is read-only/,
  });
});

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
