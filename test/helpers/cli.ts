/**
 * The built `flm` of this repository in its own data folder. It finds nothing of the machine (no engine, no installed
 * program, no variable). At the end of the test all started processes, including detached proxies, are ended and the
 * folder is removed.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

export const flmEntry = join(import.meta.dirname, '../../bin/flm.mjs');

/** One command that has ended. */
export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  /** Null where a signal ended it. */
  readonly code: number | null;
  /** The one JSON document on stdout. */
  json<T = unknown>(): T;
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  stdout(): string;
  stderr(): string;
  /** Resolves with the first match; rejects where the command ends without one. */
  saw(pattern: RegExp, where?: 'stdout' | 'stderr'): Promise<RegExpExecArray>;
}

export interface TestCli {
  /** FLM_HOME. */
  readonly home: string;
  /** A folder for files of the test. Removed together with the data folder. */
  readonly folder: string;
  /** Programs that `flm` finds on the machine are here. */
  readonly programs: string;
  run(...args: readonly string[]): Promise<Ran>;
  /** Runs it with standard output to a file, whose content is not read. */
  runInto(file: string, ...args: readonly string[]): Promise<Ran>;
  /** Runs it with a file as standard input. */
  runFrom(file: string, ...args: readonly string[]): Promise<Ran>;
  /** Runs it with text on standard input. */
  pipe(input: string, ...args: readonly string[]): Promise<Ran>;
  start(...args: readonly string[]): Running;
  /**
   * Runs it in its own terminal, with all output on stdout: text written to stdin is typed. Only if `noTerminal` is
   * false.
   */
  startInTerminal(...args: readonly string[]): Running;
}

/** Why no terminal can be made here, else false: the `skip` of a test. */
export const noTerminal =
  process.platform === 'linux' && existsSync('/usr/bin/script')
    ? false
    : "util-linux's script makes the terminal";

/** `env` adds variables; undefined removes a variable. `entry` is another copy of the program. */
export function makeCli(
  t: TestContext,
  env: Readonly<Record<string, string | undefined>> = {},
  entry = flmEntry,
): TestCli {
  const folder = mkdtempSync(join(tmpdir(), 'flm-cli-'));
  const home = join(folder, 'home');
  const programs = join(folder, 'programs');
  mkdirSync(programs);
  const children = new Set<ChildProcess>();
  const full = {
    HOME: folder,
    PATH: programs,
    TMPDIR: tmpdir(),
    FLM_HOME: home,
    FLM_DETECT_PORTS: '',
    FLM_SETUP: 'off',
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    ...env,
  };

  const launch = (
    program: string,
    args: readonly string[],
    more: NodeJS.ProcessEnv = {},
    stdout: number | 'pipe' = 'pipe',
    stdin: number | 'pipe' = 'pipe',
  ): Running => {
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...full, ...more },
      stdio: [stdin, stdout, 'pipe'],
    });
    children.add(child);
    return watch(child);
  };
  const start = (...args: readonly string[]): Running => launch(process.execPath, [entry, ...args]);
  const startInTerminal = (...args: readonly string[]): Running => {
    const words = [process.execPath, entry, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
    // -e: with the exit status of the command.
    return launch('/usr/bin/script', ['-qefc', words.join(' '), '/dev/null'], {
      SHELL: '/bin/sh',
      TERM: 'xterm',
    });
  };
  const runInto = async (file: string, ...args: readonly string[]): Promise<Ran> => {
    const output = openSync(file, 'w');
    try {
      return await launch(process.execPath, [entry, ...args], {}, output).ended;
    } finally {
      closeSync(output);
    }
  };
  const runFrom = async (file: string, ...args: readonly string[]): Promise<Ran> => {
    const input = openSync(file, 'r');
    try {
      return await launch(process.execPath, [entry, ...args], {}, 'pipe', input).ended;
    } finally {
      closeSync(input);
    }
  };
  const pipe = (input: string, ...args: readonly string[]): Promise<Ran> => {
    const { child, ended } = start(...args);
    // A command that does not read it has ended by then.
    child.stdin?.on('error', () => {}).end(input);
    return ended;
  };

  t.after(async () => {
    await Promise.all([...children].map(end));
    if (hasProc) await killProcessesOf(home);
    else if (existsSync(join(home, 'flm.db'))) await pipe('', 'proxy', 'stop', '--all', '--grace', '0');
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    home,
    folder,
    programs,
    start,
    startInTerminal,
    pipe,
    runInto,
    runFrom,
    run: (...args) => pipe('', ...args),
  };
}

/** Asserts an error that the user can fix: one sentence, a hint, nothing on stdout, and no stack trace. */
export function assertMistake(ran: Ran, sentence: RegExp): void {
  assert.equal(ran.code, 1, ran.stderr);
  assert.equal(ran.stdout, '');
  // A slow command prints what it waits for, and on a busy machine any command may be slow.
  const lines = ran.stderr
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('Waiting for '));
  assert.match(lines[0] ?? '', /^Error: \S/);
  assert.ok(lines.length >= 2, `a hint follows: ${ran.stderr}`);
  assert.match(ran.stderr, sentence);
  assert.doesNotMatch(ran.stderr, /^\s+at |node:internal|file:\/\//m);
}

function watch(child: ChildProcess): Running {
  const text = { stdout: '', stderr: '' };
  const look = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (piece: string) => {
      text[name] += piece;
      for (const f of look) f();
    });
  }
  let over = false;
  const ended = once(child, 'close').then(([code]): Ran => {
    over = true;
    for (const f of look) f();
    const { stdout, stderr } = text;
    return { stdout, stderr, code: code as number | null, json: <T>() => JSON.parse(stdout) as T };
  });
  return {
    child,
    ended,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    saw: (pattern, where = 'stdout') =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const match = pattern.exec(text[where]);
          if (match !== null) resolve(match);
          else if (over) reject(new Error(`it ended without ${pattern}:\n${text.stdout}\n${text.stderr}`));
          else return;
          look.delete(check);
        };
        look.add(check);
        check();
      }),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

const hasProc = existsSync('/proc/self/environ');

/** Ends detached proxies, faster than a `flm proxy stop` for each test. */
async function killProcessesOf(home: string): Promise<void> {
  for (let pids = processesOf(home); pids.length > 0; pids = processesOf(home)) {
    for (const pid of pids) killIfThere(pid);
    await delay(10);
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Pids of the processes whose FLM_HOME is that folder; Linux only. */
export function processesOf(home: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/environ`, 'utf8').split('\0').includes(`FLM_HOME=${home}`);
      } catch {
        // The process has ended, or belongs to another user.
        return false;
      }
    })
    .map(Number);
}
