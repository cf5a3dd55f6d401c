/** The schedule of backups and what became of it, as two files in the data folder. Each is replaced as a whole. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BackupSchedule,
  type BackupState,
  backupScheduleSchema,
  backupStateSchema,
} from '../../core/backup/backup-schedule.ts';

const scheduleName = 'backup-schedule.json';
const stateName = 'backup-state.json';

/** A damaged file counts as none; a person sets the schedule again. */
export function readSchedule(home: string): BackupSchedule | undefined {
  return backupScheduleSchema.safeParse(readJson(join(home, scheduleName))).data;
}

export function readState(home: string): BackupState | undefined {
  return backupStateSchema.safeParse(readJson(join(home, stateName))).data;
}

/** Undefined ends the backups. Throws errors of the file system unchanged. */
export function writeSchedule(home: string, schedule: BackupSchedule | undefined): void {
  if (schedule === undefined) rmSync(join(home, scheduleName), { force: true });
  else replace(join(home, scheduleName), schedule);
}

export function writeState(home: string, state: BackupState): void {
  replace(join(home, stateName), state);
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function replace(file: string, value: unknown): void {
  const part = `${file}.${process.pid}.part`;
  writeFileSync(part, `${JSON.stringify(value)}\n`, { mode: 0o600, flush: true });
  renameSync(part, file);
}
