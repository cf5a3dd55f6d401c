/**
 * Daily backups: when one is due, and when the last good one is too old. A backup that failed is tried again each hour,
 * and one that was missed, because no proxy ran, is made up for.
 */
import { z } from 'zod';

export const backupScheduleSchema = z.object({
  /** `03:30`, in the local time of the machine. */
  at: z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/),
  /** Null: `backups/` in the data folder. */
  to: z.string().nullable(),
  /** Recipients in the age format. Empty: not encrypted. */
  recipients: z.array(z.string()),
  keep: z.number().int().positive(),
  /** Moments before are not made up for. */
  sinceMs: z.number().int().nonnegative(),
});
export type BackupSchedule = Readonly<z.output<typeof backupScheduleSchema>>;

export const backupStateSchema = z.object({
  triedMs: z.number().int().nonnegative(),
  /** The last good backup; null before the first one. */
  goodMs: z.number().int().nonnegative().nullable(),
  file: z.string().nullable(),
  /** Why the last try failed; null if it did not. */
  problem: z.string().nullable(),
});
export type BackupState = Readonly<z.output<typeof backupStateSchema>>;

const hourMs = 3_600_000;
const intervalMs = 24 * hourMs;

/** The newest moment of the schedule up to now. */
export function lastMomentMs({ at }: Pick<BackupSchedule, 'at'>, nowMs: number): number {
  const [hour = 0, minute = 0] = at.split(':').map(Number);
  const moment = new Date(nowMs);
  moment.setHours(hour, minute, 0, 0);
  // The day before has 23 or 25 hours where clocks change.
  if (moment.getTime() > nowMs) moment.setDate(moment.getDate() - 1);
  return moment.getTime();
}

export function isDue(schedule: BackupSchedule, state: BackupState | undefined, nowMs: number): boolean {
  const momentMs = lastMomentMs(schedule, nowMs);
  if (momentMs <= Math.max(schedule.sinceMs, state?.goodMs ?? 0)) return false;
  // A clock that was set back must not stop the backups.
  return state === undefined || Math.abs(nowMs - state.triedMs) >= hourMs;
}

/** A sentence about backups that fail or do not happen; undefined if all is well. */
export function backupProblem(
  schedule: BackupSchedule,
  state: BackupState | undefined,
  nowMs: number,
): string | undefined {
  const goodMs = state?.goodMs ?? null;
  const good = goodMs === null ? undefined : new Date(goodMs).toISOString();
  const problem = state?.problem?.replace(/\.$/, '');
  if (problem !== undefined)
    return good === undefined
      ? `The scheduled backup failed, and no good one was made yet: ${problem}. Make one by hand with \`flm backup create\`.`
      : `The last scheduled backup failed, and the last good one is of ${good}: ${problem}. Make one by hand with \`flm backup create\`.`;
  if (nowMs - Math.max(goodMs ?? 0, schedule.sinceMs) <= 2 * intervalMs) return undefined;
  return good === undefined
    ? 'No scheduled backup was made yet, because backups are made while a proxy runs; start a proxy, or make one by hand with `flm backup create`.'
    : `No scheduled backup was made since ${good}, because backups are made while a proxy runs; start a proxy, or make one by hand with \`flm backup create\`.`;
}
