/**
 * A backup that was unpacked into a private folder, migrated to the schema of this flm and checked: both databases are
 * sound, and every key can be read. A certificate that cannot be used is only reported, because the machine may have had
 * it like that.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgeKeys } from '../../archive/age.ts';
import { type BackupLock, lockOf, unpackBackup } from '../../archive/unpack.ts';
import type { BackupManifest } from '../../core/backup/backup-manifest.ts';
import { BackupError, StoreError } from '../../core/errors.ts';
import type { ContentCounts } from '../../store/store-copy.ts';
import { readPair } from '../../tls/certificate-pair.ts';
import type { Machine } from '../machine.ts';
import { openAt } from './backup-content.ts';
import { makeStaging, randomId, type Staging } from './staging.ts';

export interface OpenOptions {
  readonly machine: Machine;
  readonly file: string;
  readonly keys: AgeKeys;
  readonly signal: AbortSignal;
}

export interface OpenedBackup extends Staging {
  readonly manifest: BackupManifest;
  readonly lock: BackupLock;
  readonly counts: ContentCounts;
  /** The certificates of the machine, and shared ones. */
  readonly certificates: readonly BackupCertificate[];
}

export interface BackupCertificate {
  readonly name: string;
  /** Why it cannot be used; completes "it ...". */
  readonly problem?: string;
}

/** Throws a `BackupError`; then nothing is left. */
export async function openBackup({ machine, file, keys, signal }: OpenOptions): Promise<OpenedBackup> {
  const lock = await lockOf(file);
  const staging = makeStaging(machine.paths.home, randomId(machine.secrets), machine.clock.nowMs());
  const { folder } = staging;
  try {
    const manifest = await unpackBackup({ file, keys, folder, signal });
    const counts = await checkDatabases(folder, machine, file, manifest);
    const certificates = ['tls', 'shared'].flatMap((kind) => certificatesIn(join(folder, kind)));
    return { ...staging, manifest, lock, counts, certificates };
  } catch (error) {
    staging[Symbol.dispose]();
    throw error;
  }
}

async function checkDatabases(
  folder: string,
  machine: Machine,
  file: string,
  { flm }: BackupManifest,
): Promise<ContentCounts> {
  try {
    const store = openAt(folder, machine);
    try {
      const [fault] = store.faults();
      if (fault !== undefined) throw damaged(file, `its database is damaged (${fault})`);
      await store.security.listKeys();
      await store.security.loadPolicy();
      await store.engines.listEngines();
      return await store.copied.counts();
    } finally {
      store.close();
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code === 'STORE_NEWER')
      throw new BackupError('BACKUP_NEWER', { params: { file, flm }, cause: error });
    if (error.code !== 'STORE_CORRUPT') throw error;
    throw damaged(file, 'its database is damaged', error);
  }
}

function certificatesIn(folder: string): readonly BackupCertificate[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.pem'));
  } catch {
    // The backup has none.
    return [];
  }
  return names.sort().map((file) => {
    const pair = readPair(readFileSync(join(folder, file), 'latin1'));
    const name = file.slice(0, -'.pem'.length);
    return typeof pair === 'string' ? { name, problem: pair } : { name };
  });
}

function damaged(file: string, reason: string, cause?: unknown): BackupError {
  return new BackupError('BACKUP_UNREADABLE', { params: { file, reason }, cause });
}
