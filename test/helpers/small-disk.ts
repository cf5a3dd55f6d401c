/** A disk of 256 kB or another size, if one can be mounted. Unmounted after the test. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';

/** Undefined if the test was skipped. */
export function smallDisk(t: TestContext, size = '256k'): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'flm-disk-'));
  // Unmounts the disk first, because a folder with a mounted disk cannot be removed.
  t.after(() => {
    spawnSync('umount', [folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  if (process.platform !== 'linux') return void t.skip('needs tmpfs');
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', folder]);
  if (mounted.status !== 0) return void t.skip('may not mount a tmpfs here');
  chmodSync(folder, 0o700);
  return folder;
}

/** Fills the disk completely. Returns the file that fills it. */
export function fill(folder: string): string {
  const filler = join(folder, 'filler');
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
  return filler;
}
