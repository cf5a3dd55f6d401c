import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BackupSchedule, backupProblem, isDue, lastMomentMs } from './backup-schedule.ts';

const at = (text: string): number => new Date(text).getTime();
const schedule: BackupSchedule = {
  ...{ at: '03:30', to: null, recipients: [], keep: 7 },
  sinceMs: at('2026-11-20T12:00:00'),
};
const good = (text: string) => ({ triedMs: at(text), goodMs: at(text), file: '/b', problem: null });

test('the newest moment is today, or yesterday before it has come', () => {
  assert.equal(lastMomentMs(schedule, at('2026-11-27T03:30:00')), at('2026-11-27T03:30:00'));
  assert.equal(lastMomentMs(schedule, at('2026-11-27T03:29:59')), at('2026-11-26T03:30:00'));
});

test('a backup is due once a day, and a missed one is made up for', () => {
  assert.equal(isDue(schedule, undefined, at('2026-11-20T23:00:00')), false, 'not before the first moment');
  assert.equal(isDue(schedule, undefined, at('2026-11-21T03:31:00')), true);
  assert.equal(isDue(schedule, good('2026-11-26T03:30:05'), at('2026-11-26T23:59:00')), false);
  assert.equal(isDue(schedule, good('2026-11-26T03:30:05'), at('2026-11-27T09:00:00')), true, 'made up for');
});

test('a failed backup is tried again after an hour, also if the clock was set back', () => {
  const failed = { ...good('2026-11-27T03:30:05'), goodMs: null, problem: 'the disk is full' };

  assert.equal(isDue(schedule, failed, at('2026-11-27T04:00:00')), false);
  assert.equal(isDue(schedule, failed, at('2026-11-27T04:31:00')), true);
  assert.equal(isDue(schedule, failed, at('2026-11-26T04:31:00')), true);
});

test('a failure is reported at once, and silence after two days', () => {
  const state = good('2026-11-25T03:30:05');

  assert.equal(backupProblem(schedule, state, at('2026-11-27T03:00:00')), undefined);
  assert.match(backupProblem(schedule, state, at('2026-11-27T04:00:00')) ?? '', /made since 2026/);
  assert.match(backupProblem(schedule, undefined, at('2026-11-23T12:00:00')) ?? '', /made yet/);
  const failed = { ...state, problem: 'the disk is full' };
  assert.match(
    backupProblem(schedule, failed, at('2026-11-25T05:00:00')) ?? '',
    /of 2026.*: the disk is full\./,
  );
});
