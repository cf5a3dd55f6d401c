/**
 * Finds the clients that install.sh installed, and runs programs for the tests of this folder.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { homedir, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';

const folder = join(process.env.FLM_TEST_CACHE ?? join(homedir(), '.cache/flm-test'), 'clients');

/** The folder of agents' programs, and the `skip` of tests that run them. */
export const agentPrograms = join(folder, 'agents/node_modules/.bin');
/** An agent asks servers of its vendor; with loopback alone, all that arrives anywhere arrives at flm. */
export const needsAgents = {
  skip: !existsSync(agentPrograms)
    ? 'not installed; run test/clients/install.sh first'
    : onlyLoopback()
      ? false
      : 'agents run in a network namespace with loopback alone: bash .ci/run clients',
};

export const langchain4jJars = join(folder, 'langchain4j/jars');
export const needsJava = { skip: programInPath('java') ? false : 'there is no java' };
export const needsLangchain4j = {
  skip: needsJava.skip || (existsSync(langchain4jJars) ? false : 'run test/clients/install.sh first'),
};
export const needsHaproxy = { skip: programInPath('haproxy') ? false : 'there is no haproxy' };

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs a program until it ends, or until the test does. */
export async function runProgram(
  t: TestContext,
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<Outcome> {
  const child = startProgram(t, program, args, options);
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (said.stdout += piece));
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (said.stderr += piece));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...said };
}

/** Starts a program without standard input; the end of the test kills the program and what it started. */
export function startProgram(
  t: TestContext,
  program: string,
  args: readonly string[],
  { cwd, env }: RunOptions,
): ChildProcessByStdio<null, Readable, Readable> {
  // A group of its own, for agents leave helpers behind.
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const closed = once(child, 'close');
  t.after(async () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // No process of the group is left.
    }
    child.stdout.resume();
    child.stderr.resume();
    await closed;
  });
  return child;
}

function onlyLoopback(): boolean {
  return Object.values(networkInterfaces()).every((addresses) => addresses?.every((a) => a.internal));
}

export function programInPath(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some((place) => existsSync(join(place, name)));
}
