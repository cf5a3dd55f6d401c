/**
 * Checks whether a process is still the one that wrote a handle. The system gives a pid to other processes later; the
 * pair of pid and start time stays unique.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';

/**
 * - `living`: the very process
 * - `gone`: no such process, or the pid belongs to another
 * - `unsure`: the pid is in use, and the system does not tell since when
 */
export type ProcessState = 'living' | 'gone' | 'unsure';

/** The start time of that process as text for comparison; '' if there is no such process or the time is unknown. */
export function processStart(pid: number): string {
  if (process.platform === 'linux') return linuxStart(pid);
  if (process.platform === 'darwin') return darwinStart(pid);
  return '';
}

export function processState(handle: Pick<ProxyHandle, 'pid' | 'processStart'>): ProcessState {
  if (!isInUse(handle.pid)) return 'gone';
  const start = processStart(handle.pid);
  if (start !== '' && handle.processStart !== '') return start === handle.processStart ? 'living' : 'gone';
  // It ended between the two looks, or it is a zombie.
  if (start === '' && handle.processStart !== '' && knowsStarts()) return 'gone';
  return 'unsure';
}

/** True if this system reports start times: then it reports that of this process. */
function knowsStarts(): boolean {
  return processStart(process.pid) !== '';
}

function isInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: there is one, of another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * proc_pid_stat(5): starttime, in ticks since boot, is field 22; the name in field 2 may hold blanks and brackets. The
 * boot id stands before it, since ticks begin again with each boot.
 */
function linuxStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, threads, startTicks] = [fields[0], fields[17], fields[19]];
    // A zombie that waits for its parent has ended; but while it has other threads they still hold its sockets.
    if ((state === 'Z' || state === 'X') && Number(threads) <= 1) return '';
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}:${startTicks}`;
  } catch {
    return '';
  }
}

function darwinStart(pid: number): string {
  // The time is printed in the zone and the language of the environment; both sides must print the same.
  const env = { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' };
  const { stdout, status } = spawnSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
    env,
    encoding: 'utf8',
    timeout: 2_000,
  });
  if (status !== 0) return '';
  const [, state = '', start = ''] = /^\s*(\S+)\s+(.*\S)\s*$/.exec(stdout) ?? [];
  return state.startsWith('Z') ? '' : start;
}
