/** Makes the backup that is due by the schedule, and records what became of it. */
import { backupProblem, isDue } from '../../core/backup/backup-schedule.ts';
import { BackupError, FlmError } from '../../core/errors.ts';
import type { Machine } from '../machine.ts';
import { type CreatedBackup, createBackup } from './create-backup.ts';
import { readSchedule, readState, writeState } from './schedule-files.ts';

/** Undefined if none is due, or another process makes it. Throws like `createBackup`. */
export async function createScheduled(
  machine: Machine,
  signal: AbortSignal,
): Promise<CreatedBackup | undefined> {
  const { home } = machine.paths;
  const [schedule, before] = [readSchedule(home), readState(home)];
  const triedMs = machine.clock.nowMs();
  if (schedule === undefined || !isDue(schedule, before, triedMs)) return undefined;
  const { to, recipients, keep } = schedule;
  const lock = recipients.length === 0 ? undefined : { recipients };
  try {
    const made = await createBackup({ machine, to: to ?? undefined, lock, keep, signal });
    writeState(home, { triedMs, goodMs: triedMs, file: made.file, problem: null });
    return made;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BackupError && error.code === 'BACKUP_RUNNING') return undefined;
    const problem = error instanceof FlmError ? error.message : String(error);
    writeState(home, { triedMs, goodMs: before?.goodMs ?? null, file: before?.file ?? null, problem });
    throw error;
  }
}

/** A sentence about backups that fail or are not made; undefined if there is no schedule, or all is well. */
export function scheduleProblem(home: string, nowMs: number): string | undefined {
  const schedule = readSchedule(home);
  return schedule === undefined ? undefined : backupProblem(schedule, readState(home), nowMs);
}
