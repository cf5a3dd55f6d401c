/**
 * A private folder in the data folder for the files of one backup, verification or restore. The next one removes what a
 * killed process left.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SecretTools } from '../../core/security/key-secret.ts';
import { takeFileLock } from '../../files/file-lock.ts';
import { privateFolder } from '../../files/private-folder.ts';

const prefix = '.staging-';
/** A process that has just made its folder may not have locked it yet. */
const leftAfterMs = 60_000;

export interface Staging extends Disposable {
  /** Empty. */
  readonly folder: string;
}

export function backupFolder(home: string): string {
  return join(home, 'backups');
}

export function randomId(secrets: Pick<SecretTools, 'randomBytes'>): string {
  return Buffer.from(secrets.randomBytes(6)).toString('hex');
}

export function makeStaging(home: string, id: string, nowMs: number): Staging {
  const parent = backupFolder(home);
  privateFolder(parent);
  sweep(parent, nowMs);
  const own = join(parent, `${prefix}${id}`);
  privateFolder(own);
  const lock = takeFileLock(join(own, 'lock'));
  const folder = join(own, 'data');
  privateFolder(folder);
  return {
    folder,
    [Symbol.dispose]() {
      lock?.[Symbol.dispose]();
      rmSync(own, { recursive: true, force: true });
    },
  };
}

function sweep(parent: string, nowMs: number): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const own = join(parent, name);
    const madeMs = statSync(own, { throwIfNoEntry: false })?.mtimeMs;
    if (madeMs === undefined || nowMs - madeMs < leftAfterMs) continue;
    using lock = takeFileLock(join(own, 'lock'));
    if (lock !== undefined) rmSync(own, { recursive: true, force: true });
  }
}
