/**
 * Returns how to start this program again. The launcher, a hand-over and service units use it, so that a detached proxy
 * runs the same installation as the command that started it.
 *
 * An npm package or a clone is a script that Node runs; a single executable holds Node and the program in one file.
 */
import { isSea } from 'node:sea';
import type { Environment } from '../core/environment.ts';
import type { LaunchCommand } from './spawn-child.ts';

export interface ProgramCommand {
  /** Absolute. */
  readonly command: string;
  /** The arguments that precede flm's own arguments. */
  readonly args: readonly string[];
}

/** The facts about the running process; passed in by tests. */
export interface RuntimeFacts {
  /** Node, or the single executable. Read once when the process started, so that a replaced file keeps its path. */
  readonly execPath: string;
  readonly isExecutable: boolean;
}

/** `entry` is the path of the script that started this process: `process.argv[1]`. */
export function thisProgram(
  entry: string,
  { execPath, isExecutable }: RuntimeFacts = { execPath: process.execPath, isExecutable: isSea() },
): ProgramCommand {
  return { command: execPath, args: isExecutable ? [] : [entry] };
}

/** Returns the command of a process that waits for the configuration of a proxy; see `runDetachedChild`. */
export function launchedProxy(entry: string, env: Environment): LaunchCommand {
  const { command, args } = thisProgram(entry);
  return { command, args: [...args, 'proxy', 'run', '--launched'], env };
}
