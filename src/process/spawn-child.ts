/**
 * Spawns a process that is to become a proxy. It runs in /, without NODE_OPTIONS, in its own session. Its output is appended
 * to the log of its profile, or goes to stdout or stderr of this process.
 *
 * `flm proxy start` and `flm up --detach` spawn it before the command itself is loaded (`spawnEarly`): on another core the
 * new process loads its code at the same time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import process from 'node:process';
import { isDeepStrictEqual } from 'node:util';
import type { Environment } from '../core/environment.ts';
import { ProxyError } from '../core/errors.ts';
import { dataFolderAdvice, errnoOf, systemRefusal } from '../core/system-error.ts';

/** A program that calls `runDetachedChild`. */
export interface LaunchCommand {
  /** An absolute path, because the child runs in another folder. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Environment;
}

export interface ChildOptions {
  readonly command: LaunchCommand;
  /** An absolute path, so that the child uses the same data folder. */
  readonly home: string;
  /** Where the child's output goes: to a file, or to stdout (1) or stderr (2) of this process. */
  readonly output: string | 1 | 2;
  /** Descriptors of this process that the child inherits as 4, 5, and so on. */
  readonly descriptors?: readonly number[];
}

export interface SpawnedChild {
  readonly process: ChildProcess;
  readonly logFile: string | undefined;
  /** The size of the log before the child was spawned, in bytes. */
  readonly logStart: number;
}

/** The first passed descriptor in a child. 0 to 2 are the standard streams, 3 is the channel. */
export const firstInheritedFd = 4;

/** glibc would give each thread memory of its own, which stays half empty: 3 MB at rest. The user's value wins. */
const oneArena = { MALLOC_ARENA_MAX: '1' };

let early:
  | { readonly options: ChildOptions; readonly child: SpawnedChild; readonly end: () => void }
  | undefined;

/** Throws a `ProxyError` PROXY_START_FAILED or SYSTEM_REFUSED if the log cannot be opened. */
export function spawnChild({ command, home, output, descriptors = [] }: ChildOptions): SpawnedChild {
  const logFile = typeof output === 'string' ? output : undefined;
  const log = typeof output === 'string' ? openLog(output) : output;
  try {
    const logStart = logFile === undefined ? 0 : fstatSync(log).size;
    const spawned = spawn(command.command, command.args, {
      detached: true,
      windowsHide: true,
      cwd: '/',
      env: { ...oneArena, ...command.env, NODE_OPTIONS: undefined, FLM_HOME: home },
      stdio: ['ignore', log, log, 'ipc', ...descriptors],
    });
    return { process: spawned, logFile, logStart };
  } finally {
    if (logFile !== undefined) closeSync(log);
  }
}

/** Spawns a child for a later `childFor`, and returns it. It ends with this process. Throws like `spawnChild`. */
export function spawnEarly(options: ChildOptions): ChildProcess {
  const child = spawnChild(options);
  // `childFor` spawns another one, and reports its error.
  child.process.on('error', () => {});
  child.process.unref();
  child.process.channel?.unref();
  // It has only loaded code, so it has nothing to clean up.
  const end = (): void => void child.process.kill('SIGKILL');
  process.once('exit', end);
  early = { options, child, end };
  return child.process;
}

/** Returns the early child if it runs and has these options, or else spawns one. Throws like `spawnChild`. */
export function childFor(options: ChildOptions): SpawnedChild {
  if (early === undefined) return spawnChild(options);
  const { child, end, options: guessed } = early;
  early = undefined;
  process.off('exit', end);
  const { connected, exitCode, signalCode } = child.process;
  const runs = connected && exitCode === null && signalCode === null;
  if (runs && isDeepStrictEqual(guessed, options)) {
    child.process.ref();
    child.process.channel?.ref();
    return child;
  }
  end();
  return spawnChild(options);
}

export function startFailed(reason: string): ProxyError {
  return new ProxyError('PROXY_START_FAILED', { params: { reason } });
}

/**
 * The child's own log rotates. Output that bypasses the log still goes into the file that was current when the child
 * started.
 */
function openLog(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw (
      systemRefusal(error, `to open the log ${path}`, dataFolderAdvice) ??
      startFailed(`its log ${path} cannot be opened (${errnoOf(error) ?? 'unknown error'})`)
    );
  }
}
