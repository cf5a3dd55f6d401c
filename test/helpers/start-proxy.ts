/**
 * Starts the built proxy and creates keys through the command line: most tests of the whole program begin with this.
 *
 * The helper of the command line (`makeCli`) ends every proxy when its test is over.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { flmEntry, type TestCli } from './cli.ts';

/** An engine in the document of `proxy start --json` and `proxy status --json`. */
export interface EngineView {
  readonly id: string;
  readonly kind: string;
  readonly url: string;
  readonly state: string;
  readonly inFlight: number;
  readonly models: readonly { readonly id: string; readonly contextLength?: number }[];
  readonly exposedOn?: string;
}

/** A proxy in these documents, as far as tests read it. */
export interface ProxyView {
  readonly id: string;
  readonly pid: number;
  readonly state: string;
  readonly port: number;
  readonly url: string;
  readonly baseUrl: string;
  readonly mode: string;
  readonly inFlight: number;
  readonly engines: readonly EngineView[];
  readonly warnings: readonly string[];
}

/** Starts a proxy in the background on a port that the system gives, and returns its document. */
export async function startProxy<T = ProxyView>(cli: TestCli, ...flags: readonly string[]): Promise<T> {
  const started = await cli.run('proxy', 'start', '--port', '0', '--json', ...flags);
  assert.equal(started.code, 0, started.stderr);
  return started.json<T>();
}

/** Creates a key; without rules it has the scope inference and nothing that limits it. */
export async function createKey(
  cli: TestCli,
  label: string,
  ...rules: readonly string[]
): Promise<{ readonly id: string; readonly key: string }> {
  const created = await cli.run('key', 'create', label, ...rules, '--json');
  assert.equal(created.code, 0, created.stderr);
  return created.json<{ id: string; key: string }>();
}

export interface LoadedProxy {
  readonly port: number;
  readonly child: ChildProcess;
}

/** Runs a proxy in the foreground with options of Node, for example a module that is loaded first; the test ends it. */
export async function runProxyWith(
  t: TestContext,
  cli: TestCli,
  {
    nodeOptions,
    env,
    flags,
  }: {
    readonly nodeOptions: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly flags: readonly string[];
  },
): Promise<LoadedProxy> {
  const child = spawn(
    process.execPath,
    [...nodeOptions, flmEntry, 'proxy', 'run', '--json', '--port', '0', ...flags],
    {
      cwd: cli.folder,
      env: { PATH: '', HOME: cli.folder, FLM_HOME: cli.home, FLM_SETUP: 'off', FLM_DETECT_PORTS: '', ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  t.after(async () => {
    const closed = once(child, 'close');
    if (child.kill('SIGKILL')) await closed;
  });
  return { child, port: await portOf(child.stdout) };
}

/** Resolves with the port in the document of `proxy run --json`; later output is discarded. */
function portOf(output: NodeJS.ReadableStream): Promise<number> {
  let text = '';
  return new Promise((resolve, reject) => {
    output.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const found = /http:\/\/127\.0\.0\.1:(\d+)\/v1/.exec(text);
      if (found === null) return;
      output.removeAllListeners('data').resume();
      resolve(Number(found[1]));
    });
    output.on('end', () => reject(new Error(`the proxy ended: ${text}`)));
  });
}
