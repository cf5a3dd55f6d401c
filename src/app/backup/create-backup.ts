/**
 * `flm backup create`: writes one file with everything, and removes the oldest backups of this machine beyond the number
 * that is kept. A backup that fails removes nothing.
 */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { AgeLock } from '../../archive/age.ts';
import { memberOf, packBackup } from '../../archive/pack.ts';
import {
  type BackupManifest,
  backupFormat,
  backupName,
  parseBackupName,
} from '../../core/backup/backup-manifest.ts';
import { BackupError, FlmError } from '../../core/errors.ts';
import { errnoReason } from '../../core/system-error.ts';
import { takeFileLock } from '../../files/file-lock.ts';
import { privateFolder } from '../../files/private-folder.ts';
import type { ContentCounts } from '../../store/store-copy.ts';
import type { Machine } from '../machine.ts';
import { gatherContent } from './backup-content.ts';
import { backupFolder, makeStaging, randomId } from './staging.ts';

export interface CreateOptions {
  readonly machine: Machine;
  /** Absent: `backups/` in the data folder. */
  readonly to: string | undefined;
  /** Absent: not encrypted. */
  readonly lock: AgeLock | undefined;
  /** How many backups stay in the folder, with this one. */
  readonly keep: number;
  readonly signal: AbortSignal;
}

export interface CreatedBackup {
  readonly file: string;
  readonly bytes: number;
  readonly createdAt: string;
  readonly encrypted: boolean;
  readonly counts: ContentCounts;
  /** Older backups that were removed. */
  readonly removed: readonly string[];
}

/** Throws BACKUP_FAILED, BACKUP_RUNNING, HOME_UNSAFE, or a `StoreError` about the database. */
export async function createBackup(options: CreateOptions): Promise<CreatedBackup> {
  const { machine, to, lock, keep, signal } = options;
  const { clock, hostname, secrets } = machine;
  const { home } = machine.paths;
  const own = backupFolder(home);
  privateFolder(own);
  // Two at once would need the space twice, and remove each other's backups.
  using running = takeFileLock(join(own, '.lock'));
  if (running === undefined) throw new BackupError('BACKUP_RUNNING', { params: { home } });
  const folder = to ?? own;
  const { file, createdAtMs } = freeName(folder, hostname, clock.nowMs(), lock !== undefined);
  try {
    // A folder that does not exist is reported before the work.
    statSync(folder);
    using staging = makeStaging(home, randomId(secrets), clock.nowMs());
    const { names, ...facts } = await gatherContent(machine, staging.folder, signal);
    const files = [];
    for (const name of names) files.push(await memberOf(staging.folder, name));
    const manifest: BackupManifest = {
      format: backupFormat,
      createdAt: new Date(createdAtMs).toISOString(),
      host: hostname,
      flm: machine.version,
      store: machine.stores().database === undefined ? 'sqlite' : 'postgres',
      ...facts,
      files,
    };
    const id = randomId(secrets);
    const bytes = await packBackup({ file, manifest, folder: staging.folder, lock, id, signal });
    const { createdAt } = manifest;
    const { counts } = facts;
    const removed = removeOldest(folder, hostname, keep);
    return { file, bytes, createdAt, encrypted: lock !== undefined, counts, removed };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FlmError) throw error;
    throw new BackupError('BACKUP_FAILED', { params: { file, reason: errnoReason(error) }, cause: error });
  }
}

/** Two backups of one second have different names. */
function freeName(
  folder: string,
  hostname: string,
  nowMs: number,
  encrypted: boolean,
): { readonly file: string; readonly createdAtMs: number } {
  for (let createdAtMs = nowMs; ; createdAtMs += 1_000) {
    const file = join(folder, backupName(hostname, createdAtMs, encrypted));
    if (!existsSync(file)) return { file, createdAtMs };
  }
}

export interface ListedBackup {
  readonly file: string;
  readonly bytes: number;
  readonly createdAt: string;
  readonly encrypted: boolean;
}

/** The backups of this machine in a folder, the newest first. Throws errors of the file system unchanged. */
export function listBackups(folder: string, hostname: string): readonly ListedBackup[] {
  return readdirSync(folder)
    .flatMap((name) => {
      const found = parseBackupName(name, hostname);
      const file = join(folder, name);
      const facts = found === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
      if (found === undefined || facts?.isFile() !== true) return [];
      const { atMs, encrypted } = found;
      return [{ file, bytes: facts.size, createdAt: new Date(atMs).toISOString(), encrypted }];
    })
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt));
}

function removeOldest(folder: string, hostname: string, keep: number): readonly string[] {
  const old = listBackups(folder, hostname).slice(keep);
  for (const { file } of old) rmSync(file, { force: true });
  return old.map(({ file }) => file);
}
