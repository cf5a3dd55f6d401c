/**
 * Measured programs: each starts as its own process, reports its port, and is ended by its owner.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** Starts the engine, which prints its port as the first line. */
export async function startEngine(): Promise<Running> {
  const script = join(import.meta.dirname, 'engine.ts');
  const [command = '', ...rest] = pinned(core.rest, [process.execPath, script]);
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await firstLine(child);
  return {
    name: 'engine',
    pid: child.pid ?? 0,
    port: Number(line),
    stop: () => end(child),
  };
}

/** Ends a child that this module started, and waits until the child has exited. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'flm-bench-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
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
