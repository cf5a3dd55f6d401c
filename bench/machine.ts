/**
 * Measuring tools: the CPU time of a process as the kernel counts it, pinning to cores, medians.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release } from 'node:os';
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

/** What `pinned` takes for a command that may use every core. */
export const everyCore = `0-${availableParallelism() - 1}`;

/** Returns a command that runs only on that core. */
export function pinned(on: number | typeof everyCore, command: readonly string[]): readonly string[] {
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

/** Returns the load average of the last minute, with two digits. */
export function loadAverage(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: ArrayLike<number>, part: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** The sum of all and of busy CPU time of a core since the machine started, in ticks. proc(5): user, nice, system, idle, iowait, ... */
export function coreTime(of: number): { readonly all: number; readonly busy: number } {
  const line = new RegExp(`^cpu${of} (.*)$`, 'm').exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? '';
  const fields = line.trim().split(/\s+/).map(Number);
  const all = fields.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0);
  return { all, busy: all - (fields[3] ?? 0) - (fields[4] ?? 0) };
}

/** Returns the memory of a process that is in RAM, in MB. */
export function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;
}

/** A figure of several rounds. */
export interface Summary {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
}

export function summary(values: readonly number[]): Summary {
  return {
    median: median(values),
    low: Math.min(...values),
    high: Math.max(...values),
    rounds: values.length,
  };
}
