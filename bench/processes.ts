/**
 * Measured programs: each starts as its own process, and is ended by its owner.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { core, pinned } from './machine.ts';

/** A listening program whose CPU time is measured. */
export interface Running {
  readonly name: string;
  /** The id of the process that handles requests. */
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

export interface RunningEngine extends Running {
  readonly ports: readonly number[];
}

/** Starts one process that answers like `ports` engines, each with `models` models. */
export async function startEngine(ports = 1, models = 1): Promise<RunningEngine> {
  const script = join(import.meta.dirname, 'engine.ts');
  const [command = '', ...rest] = pinned(core.rest, [
    process.execPath,
    script,
    String(ports),
    String(models),
  ]);
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const open = (await firstLine(child)).split(' ').map(Number);
  return {
    name: 'engine',
    pid: child.pid ?? 0,
    port: open[0] ?? 0,
    ports: open,
    stop: () => end(child),
  };
}

/** Ends a child that this module started, and waits until the child has exited. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await gone;
  clearTimeout(late);
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'flm-bench-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Returns the path of a program: from the variable `FLM_BENCH_NAME` if it is set, otherwise from PATH. */
export function findProgram(name: string): string | undefined {
  const told = process.env[`FLM_BENCH_${name.toUpperCase().replaceAll('-', '_')}`];
  if (told !== undefined) return existsSync(told) ? told : undefined;
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output to read');
  const lines = createInterface({ input: child.stdout });
  const failed = once(child, 'exit').then(() => {
    throw new Error('a program of the benchmark ended early');
  });
  const [line] = (await Promise.race([once(lines, 'line'), failed])) as [string];
  failed.catch(() => {});
  return line;
}
