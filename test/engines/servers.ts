/**
 * Real engines for tests: llama.cpp's server and Ollama, with the tiny model of ../helpers/tiny-gguf.ts and no other.
 *
 * An engine that was started answers, on a loopback port of its own; nothing of it touches what a developer has (models,
 * settings, a running Ollama), for its home and temporary files are in a folder of its own. The caller that starts it stops it:
 * `stop()` ends the process with all its children and removes the folder. Should the test process die first, the
 * kernel ends the engine (on Linux).
 *
 * The programs come from install-llama-server.sh and install-ollama.sh beside this file, or from where
 * FLM_TEST_LLAMA_SERVER and FLM_TEST_OLLAMA point.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../helpers/free-ports.ts';
import { writeTinyGguf } from '../helpers/tiny-gguf.ts';

export interface RunningEngine {
  readonly kind: 'llamacpp' | 'ollama';
  /** Without a slash at the end. */
  readonly url: string;
  /** The name that its lists show. */
  readonly model: string;
  /** Everything it wrote so far, standard error included. */
  log(): string;
  /** As a crash would; `stop` is still to be called. */
  kill(): void;
  stop(): Promise<void>;
}

export interface LlamaServerOptions {
  /** After the default ones, so that these win: `['-c', '4096']`. */
  readonly args?: readonly string[];
  readonly alias?: string;
  /** In tokens; -c cannot ask for more. */
  readonly trainedContext?: number;
  /** For an engine that comes back where another one was; else a free one. */
  readonly port?: number;
}

export interface OllamaOptions {
  /** Settings such as OLLAMA_NUM_PARALLEL. */
  readonly env?: Readonly<Record<string, string>>;
  readonly trainedContext?: number;
  readonly port?: number;
}

/** A program, and how to see that it is ready. */
interface Launch {
  readonly program: string;
  readonly args: (port: number) => readonly string[];
  readonly env: (port: number) => Readonly<Record<string, string>>;
  readonly healthPath: string;
  /** Its home; removed when it has stopped, and when it does not start. */
  readonly folder: string;
  readonly port: number | undefined;
}

type Started = Pick<RunningEngine, 'url' | 'log' | 'kill' | 'stop'>;

/** Both are ready within a second; a machine that compiles at the same time needs more. */
const startLimitMs = 60_000;
/** Asked to end while it streams, llama.cpp's server (b11434) waits until the last client has left. */
const stopLimitMs = 2_000;
const pollMs = 25;
/** A free port may be taken by another test before the engine has it. */
const portTries = 3;

export function findLlamaServer(): string | undefined {
  return find(process.env.FLM_TEST_LLAMA_SERVER, 'llama/llama-server');
}

export function findOllama(): string | undefined {
  return find(process.env.FLM_TEST_OLLAMA, 'ollama/ollama');
}

export async function startLlamaServer(options: LlamaServerOptions = {}): Promise<RunningEngine> {
  const { args = [], alias = 'tiny', trainedContext, port } = options;
  const program = found(findLlamaServer(), 'install-llama-server.sh');
  const { folder, modelFile } = makeHome(trainedContext);
  const started = await start({
    program,
    args: (port) => [
      ...['--model', modelFile, '--alias', alias, '--host', '127.0.0.1', '--port', String(port)],
      // Two requests at once, half of the context each. Context shift lets an answer go on without end; without it, it
      // would be cut when the context is full. A prompt that does not fit is refused in either case.
      ...['-c', '1024', '-np', '2', '--context-shift', '--jinja', '--offline'],
      // Threads wait for each other by spinning, which takes seconds where a core is busy with something else.
      ...['--threads', '1', ...args],
    ],
    env: () => ({}),
    // 503 until the model is loaded.
    healthPath: '/health',
    folder,
    port,
  });
  return { kind: 'llamacpp', model: alias, ...started };
}

export async function startOllama(options: OllamaOptions = {}): Promise<RunningEngine> {
  const { env = {}, trainedContext, port } = options;
  const program = found(findOllama(), 'install-ollama.sh');
  const { folder, modelFile } = makeHome(trainedContext);
  const started = await start({
    program,
    args: () => ['serve'],
    env: (port) => ({
      OLLAMA_HOST: `127.0.0.1:${port}`,
      OLLAMA_MODELS: join(folder, 'models'),
      OLLAMA_NO_CLOUD: '1',
      // A client that leaves a stream may take a slot with it for ever (0.17.4: the answer waits for a reader).
      OLLAMA_NUM_PARALLEL: '4',
      ...env,
    }),
    healthPath: '/api/version',
    folder,
    port,
  });
  try {
    await createOllamaModel(started.url, modelFile);
  } catch (cause) {
    await started.stop();
    throw new Error(`Ollama did not take the tiny model.\n${started.log()}`, { cause });
  }
  return { kind: 'ollama', model: 'tiny:latest', ...started };
}

async function createOllamaModel(url: string, modelFile: string): Promise<void> {
  const signal = AbortSignal.timeout(startLimitMs);
  const content = readFileSync(modelFile);
  const digest = `sha256:${hash('sha256', content)}`;
  const parameters = { num_thread: 1 };
  const manifest = { model: 'tiny', files: { 'tiny.gguf': digest }, parameters, stream: false };
  for (const [path, body] of [
    [`/api/blobs/${digest}`, content],
    ['/api/create', JSON.stringify(manifest)],
  ] as const) {
    const { status, text } = await ask(url + path, signal, body);
    if (status >= 300) throw new Error(`POST ${path} was answered ${status} ${text}`);
  }
}

async function start(launch: Launch): Promise<Started> {
  for (let tries = 1; ; tries++) {
    const engine = new EngineProcess(launch, launch.port ?? (await freePort()));
    try {
      await engine.ready(launch.healthPath);
      const { url } = engine;
      return { url, log: () => engine.log, kill: () => engine.kill(), stop: () => engine.stop() };
    } catch (cause) {
      await engine.end();
      const isPortTaken = /address already in use|couldn't bind/i.test(engine.log);
      if (isPortTaken && tries < portTries) continue;
      rmSync(launch.folder, { recursive: true });
      throw new Error(`${launch.program} did not start.\n${engine.log}`, { cause });
    }
  }
}

class EngineProcess {
  readonly url: string;
  readonly pid: number;
  log = '';
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #folder: string;
  readonly #exited = new AbortController();
  readonly #closed: Promise<void>;
  #stopped: Promise<void> | undefined;

  constructor({ program, args, env, folder }: Launch, port: number) {
    // With the parent gone nobody would stop it. setpriv becomes the program, so the child's pid is the engine's.
    const guard = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'TERM'] : [];
    const [command = program, ...rest] = [...guard, program, ...args(port)];
    const child = spawn(command, rest, {
      cwd: folder,
      // Nothing of a developer's: both engines read many settings from the environment.
      env: { PATH: process.env.PATH, HOME: folder, TMPDIR: folder, ...env(port) },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Leads a group of its own, because Ollama's runners survive an Ollama that is killed.
      detached: true,
    });
    const write = (text: string): void => {
      this.log += text;
    };
    child.stdout.setEncoding('utf8').on('data', write);
    child.stderr.setEncoding('utf8').on('data', write);
    child.on('exit', (code, signal) => this.#exited.abort(new Error(`It ended with ${code ?? signal}.`)));
    child.on('error', (error) => this.#exited.abort(error));
    this.#closed = new Promise((resolve) => child.on('close', () => resolve()));
    this.#child = child;
    this.#folder = folder;
    this.pid = child.pid ?? -1;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Resolves when it is healthy; throws when it ends before or takes too long. */
  async ready(healthPath: string): Promise<void> {
    const signal = AbortSignal.any([this.#exited.signal, AbortSignal.timeout(startLimitMs)]);
    for (;;) {
      const status = await ask(this.url + healthPath, signal).then(
        (answer) => answer.status,
        () => 0,
      );
      signal.throwIfAborted();
      if (status === 200) return;
      await delay(pollMs);
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  stop(): Promise<void> {
    // Ollama may still write there while it ends.
    this.#stopped ??= this.end().then(() => rmSync(this.#folder, { recursive: true }));
    return this.#stopped;
  }

  /** Ends the process and all its children. */
  async end(): Promise<void> {
    if (!this.#exited.signal.aborted) {
      this.#child.kill('SIGTERM');
      const limit = setTimeout(() => this.#killGroup(), stopLimitMs);
      await once(this.#exited.signal, 'abort');
      clearTimeout(limit);
    }
    this.#killGroup();
    await this.#closed;
  }

  #killGroup(): void {
    if (this.pid === -1) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // Nobody is left in the group.
    }
  }
}

function makeHome(trainedContext: number | undefined): {
  readonly folder: string;
  readonly modelFile: string;
} {
  const folder = mkdtempSync(join(tmpdir(), 'flm-engine-'));
  const modelFile = join(folder, 'tiny.gguf');
  writeTinyGguf(modelFile, trainedContext);
  return { folder, modelFile };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One request on a connection of its own, so that none is left idle; POST if it has a body. */
async function ask(url: string, signal: AbortSignal, body?: string | Buffer): Promise<Answer> {
  const asked = request(url, { agent: false, method: body === undefined ? 'GET' : 'POST', signal });
  asked.end(body);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += piece;
  return { status: response.statusCode ?? 0, text };
}

function find(fromEnvironment: string | undefined, inCache: string): string | undefined {
  const cache = process.env.FLM_TEST_CACHE ?? join(homedir(), '.cache/flm-test');
  return [fromEnvironment, join(cache, inCache)].find((path) => path !== undefined && existsSync(path));
}

function found(program: string | undefined, script: string): string {
  if (program !== undefined) return program;
  throw new Error(`The engine is not installed: run test/engines/${script} first.`);
}
