/** The work of `flm backup` for the command line, in the data folder of this machine and as its owner. */
import { resolve } from 'node:path';
import type { AgeKeys, AgeLock } from '../../archive/age.ts';
import type { BackupSchedule } from '../../core/backup/backup-schedule.ts';
import type { Environment } from '../../core/environment.ts';
import { BackupError } from '../../core/errors.ts';
import { errnoReason } from '../../core/system-error.ts';
import { privateFolder } from '../../files/private-folder.ts';
import type { ContentCounts } from '../../store/store-copy.ts';
import type { Machine } from '../machine.ts';
import { ownMachine } from '../own-machine.ts';
import { type CreatedBackup, createBackup, type ListedBackup, listBackups } from './create-backup.ts';
import { type BackupCertificate, openBackup } from './opened-backup.ts';
import { type RestoredBackup, restoreBackup } from './restore-backup.ts';
import { readSchedule, readState, writeSchedule } from './schedule-files.ts';
import { createScheduled, scheduleProblem } from './scheduled-create.ts';
import { backupFolder } from './staging.ts';

export type { CreatedBackup, ListedBackup } from './create-backup.ts';
export type { RestoredBackup } from './restore-backup.ts';

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
  /** The head of each chain of the audit, as `flm audit verify --head` takes it. */
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

export interface RestoreRequest {
  readonly file: string;
  readonly keys: AgeKeys;
  readonly reviveKeys: boolean;
  readonly signal: AbortSignal;
}

/** Throws a `BackupError` or a `StoreError`; then nothing was changed. */
export function restoreIn(environment: Environment, request: RestoreRequest): Promise<RestoredBackup> {
  return restoreBackup({ machine: ownMachine(environment).machine, ...request });
}

/** Undefined if none is due. Throws like `createIn`. */
export function createScheduledIn(
  environment: Environment,
  signal: AbortSignal,
): Promise<CreatedBackup | undefined> {
  return createScheduled(ownMachine(environment).machine, signal);
}

export type WantedSchedule = Omit<BackupSchedule, 'sinceMs'>;

export interface ScheduleView {
  readonly schedule: WantedSchedule | null;
  readonly lastGoodAt: string | null;
  readonly lastFile: string | null;
  /** What is wrong with the scheduled backups; null if nothing is. */
  readonly problem: string | null;
}

export function scheduleIn(environment: Environment): ScheduleView {
  return viewOf(ownMachine(environment).machine);
}

/** Undefined ends the backups. */
export function setScheduleIn(environment: Environment, wanted: WantedSchedule | undefined): ScheduleView {
  const { machine } = ownMachine(environment);
  const sinceMs = machine.clock.nowMs();
  writeSchedule(machine.paths.home, wanted === undefined ? undefined : { ...wanted, sinceMs });
  return viewOf(machine);
}

function viewOf({ paths, clock }: Machine): ScheduleView {
  const [schedule, state] = [readSchedule(paths.home), readState(paths.home)];
  return {
    schedule: schedule === undefined ? null : wantedOf(schedule),
    lastGoodAt: state?.goodMs == null ? null : new Date(state.goodMs).toISOString(),
    lastFile: state?.file ?? null,
    problem: scheduleProblem(paths.home, clock.nowMs()) ?? null,
  };
}

function wantedOf({ at, to, recipients, keep }: BackupSchedule): WantedSchedule {
  return { at, to, recipients, keep };
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
