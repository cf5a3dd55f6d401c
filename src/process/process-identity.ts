/**
 * Checks whether a process is still the one that wrote a handle. The operating system reuses pids; the pair of pid and
 * start time is unique.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';

/**
 * - `living`: the same process
 * - `gone`: no such process, or another process has the pid
 * - `unsure`: the pid is in use, and the start time is unknown
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
  // The process ended between the two checks, or is a zombie.
  if (start === '' && handle.processStart !== '' && knowsStarts()) return 'gone';
  return 'unsure';
}

/** True if this system reports start times, tested with this process. */
function knowsStarts(): boolean {
  return processStart(process.pid) !== '';
}

function isInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process exists and belongs to another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * proc_pid_stat(5): starttime, in ticks since boot, is field 22; the name in field 2 may contain spaces and
 * parentheses. The boot id is put in front, because ticks restart at each boot.
 */
function linuxStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, threads, startTicks] = [fields[0], fields[17], fields[19]];
    // A zombie has ended. But while other threads of it still run, they hold its sockets.
    if ((state === 'Z' || state === 'X') && Number(threads) <= 1) return '';
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}:${startTicks}`;
  } catch {
    return '';
  }
}

function darwinStart(pid: number): string {
  // `ps` prints the time in the environment's time zone and language; both processes must get the same text.
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
