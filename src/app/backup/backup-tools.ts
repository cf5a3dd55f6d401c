/** The work of `flm backup` for the command line, in the data folder of this machine and as its owner. */
import { resolve } from 'node:path';
import type { AgeKeys, AgeLock } from '../../archive/age.ts';
import type { Environment } from '../../core/environment.ts';
import { BackupError } from '../../core/errors.ts';
import { errnoReason } from '../../core/system-error.ts';
import { privateFolder } from '../../files/private-folder.ts';
import type { ContentCounts } from '../../store/store-copy.ts';
import { ownMachine } from '../own-machine.ts';
import { type CreatedBackup, createBackup, type ListedBackup, listBackups } from './create-backup.ts';
import { type BackupCertificate, openBackup } from './opened-backup.ts';
import { backupFolder } from './staging.ts';

export type { CreatedBackup, ListedBackup } from './create-backup.ts';

/** Backups that stay in a folder. */
export const keptByDefault = 7;

export interface CreateRequest {
  readonly to: string | undefined;
  readonly lock: AgeLock | undefined;
  readonly keep: number;
  readonly signal: AbortSignal;
}

/** What is in a backup. */
export interface VerifiedBackup {
  readonly file: string;
  readonly createdAt: string;
  readonly host: string;
  /** The version of flm that made it. */
  readonly flm: string;
  readonly store: 'sqlite' | 'postgres';
  readonly encrypted: boolean;
  readonly counts: ContentCounts;
  readonly certificates: readonly BackupCertificate[];
  /** The head of each chain of the audit, as `flm audit verify` takes it. */
  readonly auditHeads: readonly string[];
}

/** Throws a `BackupError`, HOME_UNSAFE or a `StoreError`. */
export function createIn(environment: Environment, request: CreateRequest): Promise<CreatedBackup> {
  return createBackup({ machine: ownMachine(environment).machine, ...request });
}

/** Unpacks, migrates and reads the backup. Throws a `BackupError`. */
export async function verifyIn(
  environment: Environment,
  file: string,
  keys: AgeKeys,
  signal: AbortSignal,
): Promise<VerifiedBackup> {
  const { machine } = ownMachine(environment);
  using opened = await openBackup({ machine, file: resolve(file), keys, signal });
  const { manifest, counts, certificates, lock } = opened;
  const { createdAt, host, flm, store, auditHeads } = manifest;
  return {
    ...{ file: resolve(file), createdAt, host, flm, store, encrypted: lock !== 'none' },
    ...{ counts, certificates, auditHeads },
  };
}

export interface BackupList {
  readonly folder: string;
  readonly backups: readonly ListedBackup[];
}

/** Throws BACKUP_UNREADABLE if the folder cannot be read. */
export function listIn(environment: Environment, folder: string | undefined): BackupList {
  const { machine } = ownMachine(environment);
  const own = backupFolder(machine.paths.home);
  if (folder === undefined) privateFolder(own);
  const read = folder === undefined ? own : resolve(folder);
  try {
    return { folder: read, backups: listBackups(read, machine.hostname) };
  } catch (cause) {
    throw new BackupError('BACKUP_UNREADABLE', {
      params: { file: read, reason: errnoReason(cause) },
      cause,
    });
  }
}
