/** Runs the programs that make a release, and names the one that failed. */
import { spawnSync } from 'node:child_process';
import { utimesSync } from 'node:fs';
import process from 'node:process';

/** Throws if the program cannot run or fails. The program's own message is on stderr. */
export function run(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): void {
  const { status, error } = spawnSync(program, args, {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...cleanEnvironment(), ...env },
  });
  if (error !== undefined) throw new Error(`${program} cannot run: ${error.message}`);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed; its own message is above.`);
}

/** Returns what the program printed on stdout, without the last line break. */
export function output(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 ** 2,
    env: { ...cleanEnvironment(), ...env },
  });
  if (error !== undefined) throw new Error(`${program} cannot run: ${error.message}`);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
  return stdout.trim();
}

/** True if a program of this name is in PATH. */
export function hasProgram(name: string): boolean {
  return spawnSync('which', [name]).status === 0;
}

/** Gives files the time of the release, so that archives of them have equal bytes each time. */
export function datedFiles(epochSeconds: number, paths: readonly string[]): void {
  for (const path of paths) utimesSync(path, epochSeconds, epochSeconds);
}

/** The npm that started this script sets variables that must not affect the npm runs of this script. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(config|package|lifecycle)_/i.test(name)),
  );
}
