/**
 * Measuring tools: the CPU time of a process as the kernel counts it, pinning to cores, medians.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import process from 'node:process';

/**
 * Returns the CPU time of all threads of a process since its start, in microseconds. The kernel counts in hundredths of
 * a second.
 */
export interface CpuTime {
  readonly userUs: number;
  readonly systemUs: number;
}

const tickUs = 10_000;

/** proc(5): fields 14 and 15, counted after the name, which may contain any character. */
export function cpuTime(pid: number): CpuTime {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { userUs: Number(fields[11]) * tickUs, systemUs: Number(fields[12]) * tickUs };
}

export function cpuBetween(before: CpuTime, after: CpuTime): CpuTime {
  return { userUs: after.userUs - before.userUs, systemUs: after.systemUs - before.systemUs };
}

const pins = availableParallelism() >= 2 && spawnSync('taskset', ['--version']).status === 0;

/**
 * One core for the measured process, another for all other processes. Without `taskset` or a second core, all share.
 */
export const core = { proxy: 0, rest: 1 } as const;

/** Returns a command that runs only on that core. */
export function pinned(on: number, command: readonly string[]): readonly string[] {
  return pins ? ['taskset', '-c', String(on), ...command] : command;
}

/** Pins this process, including its running threads. */
export function pinSelf(on: number): void {
  if (pins) spawnSync('taskset', ['-acp', String(on), String(process.pid)]);
}

export function describeMachine(): string {
  const all = cpus();
  const first = all[0]?.model.trim() ?? 'unknown CPU';
  return `${first}, ${all.length} cores, Linux ${release()}, Node ${process.version}, ${pins ? 'pinned' : 'NOT pinned'}`;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}
