/**
 * Starts the built flm in front of real engines, and sends raw requests through the proxy or directly to the engine.
 *
 * When a test is over, `makeCli` ends its proxy and removes its home, and this file ends its engines and taps.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { createKey, type ProxyView, startProxy } from '../helpers/start-proxy.ts';
import { openTap, type Tap } from '../helpers/tap.ts';
import { Wire, type WireResponse } from '../helpers/test-gateway.ts';
import {
  findLlamaServer,
  findOllama,
  type LlamaServerOptions,
  type OllamaOptions,
  type RunningEngine,
  startLlamaServer,
  startOllama,
} from './servers.ts';

/** What a test needs; with FLM_TEST_REQUIRED_ENGINES=llamacpp,ollama one that is missing fails instead. */
export const needsLlama = needs('llamacpp', findLlamaServer(), 'install-llama-server.sh');
export const needsOllama = needs('ollama', findOllama(), 'install-ollama.sh');

function needs(kind: string, program: string | undefined, script: string): { readonly skip: string | false } {
  const required = (process.env.FLM_TEST_REQUIRED_ENGINES ?? '').split(',').includes(kind);
  return {
    skip: program === undefined && !required ? `not installed; run test/engines/${script} first` : false,
  };
}

export interface TestedProxy {
  readonly cli: TestCli;
  readonly proxy: ProxyView;
  /** Of scope inference. */
  readonly key: string;
  newKey(label: string, ...flags: readonly string[]): Promise<string>;
  /** Through flm; a POST where there is a body. */
  ask(path: string, body?: unknown, options?: AskOptions): Promise<WireResponse>;
  /** A connection to flm with a request on it that is not waited for. */
  begin(path: string, body: unknown, options?: AskOptions): Promise<Wire>;
  status(): Promise<ProxyView>;
}

export interface AskOptions {
  readonly key?: string;
  readonly method?: string;
  /** Further lines of the head. */
  readonly fields?: readonly string[];
}

/** Starts a proxy in front of these engines and no others. */
export function startProxyFor(t: TestContext, ...engineUrls: readonly string[]): Promise<TestedProxy> {
  return startTestedProxy(
    t,
    engineUrls.flatMap((url) => ['--engine', url]),
  );
}

export async function startTestedProxy(
  t: TestContext,
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<TestedProxy> {
  const cli = makeCli(t, env);
  const newKey = async (label: string, ...rules: readonly string[]): Promise<string> =>
    (await createKey(cli, label, ...rules)).key;
  const key = await newKey('everyday');
  const proxy = await startProxy(cli, ...flags);

  const begin = async (path: string, body: unknown, options: AskOptions = {}): Promise<Wire> => {
    const wire = await Wire.dial(proxy.port);
    t.after(() => wire.close());
    const fields = [`authorization: Bearer ${options.key ?? key}`, ...(options.fields ?? [])];
    return wire.send(requestOf(path, body, { ...options, fields }));
  };
  return {
    cli,
    proxy,
    key,
    newKey,
    begin,
    async ask(path, body, options) {
      const wire = await begin(path, body, options);
      const response = await wire.response();
      wire.close();
      return response;
    },
    async status() {
      const ran = await cli.run('proxy', 'status', '--json');
      const [view] = ran.json<{ proxies: ProxyView[] }>().proxies;
      assert(view !== undefined, `no proxy runs: ${ran.stdout} ${ran.stderr}`);
      return view;
    },
  };
}

/** Past flm: what the engine itself answers. */
export async function askDirectly(
  url: string,
  path: string,
  body?: unknown,
  options: AskOptions = {},
): Promise<WireResponse> {
  const wire = await Wire.dial(portOf(url));
  const response = await wire.send(requestOf(path, body, options)).response();
  wire.close();
  return response;
}

function requestOf(path: string, body: unknown, { method, fields = [] }: AskOptions): Buffer {
  const bytes =
    body === undefined || Buffer.isBuffer(body)
      ? body
      : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const framed =
    bytes === undefined ? [] : ['content-type: application/json', `content-length: ${bytes.length}`];
  const verb = method ?? (bytes === undefined ? 'GET' : 'POST');
  const head = [`${verb} ${path} HTTP/1.1`, 'host: localhost', ...fields, ...framed, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head), bytes ?? Buffer.alloc(0)]);
}

export function portOf(url: string): number {
  return Number(new URL(url).port);
}

// --- engines that end with the test

export async function llamaServer(t: TestContext, options?: LlamaServerOptions): Promise<RunningEngine> {
  const engine = await startLlamaServer(options);
  t.after(() => engine.stop());
  return engine;
}

export async function ollama(t: TestContext, options?: OllamaOptions): Promise<RunningEngine> {
  const engine = await startOllama(options);
  t.after(() => engine.stop());
  return engine;
}

export async function tapOf(t: TestContext, engine: RunningEngine): Promise<Tap> {
  const tap = await openTap(portOf(engine.url));
  t.after(() => tap.close());
  return tap;
}

/** Each so that it embeds as well as it speaks. */
export const bothEngines: readonly (readonly [
  name: string,
  needs: typeof needsLlama,
  start: (t: TestContext) => Promise<RunningEngine>,
])[] = [
  ['llama.cpp', needsLlama, (t) => llamaServer(t, { args: ['--embeddings', '--pooling', 'mean'] })],
  ['Ollama', needsOllama, (t) => ollama(t)],
];

// --- waiting

/** Nobody works for a client any more, as flm sees it. */
export async function idle(flm: TestedProxy): Promise<void> {
  await eventually(
    () => flm.status(),
    (view) => view.inFlight === 0 && view.engines.every((e) => e.inFlight === 0),
  );
}
