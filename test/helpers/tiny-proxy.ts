/**
 * A proxy that is small enough to be read: a real listener, a real control socket, a real handle in a store, and no
 * engine. The name of its profile selects its behaviour at the start.
 *
 *   POST /slow  answers `first` at once and `last` when the body of the request has ended
 *   GET  /      answers `ok`
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { ProxyError } from '../../src/core/errors.ts';
import type {
  ProxyControl,
  ProxyFactory,
  ProxyRepository,
  RunningProxy,
  StartOptions,
  StopReport,
} from '../../src/core/proxy/ports.ts';
import { bindAddresses, configuredPort } from '../../src/core/proxy/proxy-config.ts';
import { type ProxyHandle, proxyUrl, type RequestLine } from '../../src/core/proxy/proxy-handle.ts';
import type { RequestsUpdate } from '../../src/core/proxy/running-request.ts';
import { type ControlServer, serveControl } from '../../src/process/control-server.ts';
import type { HomePaths } from '../../src/process/paths.ts';
import { processStart } from '../../src/process/process-identity.ts';

export interface TinyProxyOptions {
  readonly paths: HomePaths;
  readonly handles: ProxyRepository;
}

/** The file that a start of that profile writes in the middle of the start. */
export function markerOf(paths: HomePaths, profile: string): string {
  return join(paths.home, `marker-${profile}`);
}

export function tinyProxyFactory({ paths, handles }: TinyProxyOptions): ProxyFactory {
  return async (options, signal) => {
    const listener = await listening(options);
    try {
      writeFileSync(markerOf(paths, options.profile), '');
      await misbehave(options.profile, signal);
      signal.throwIfAborted();
      const proxy = new TinyProxy(listener, options, paths, handles);
      await proxy.open();
      // The process is open but no longer answers.
      if (options.profile === 'deaf') await new Promise(() => setInterval(() => {}, 1_000));
      return proxy;
    } catch (error) {
      listener.close();
      throw error;
    }
  };
}

/** Profiles that fail: each in its own way. */
async function misbehave(profile: string, signal: AbortSignal): Promise<void> {
  if (profile === 'stuck') {
    await once(signal, 'abort');
    throw signal.reason;
  }
  if (profile === 'broken') throw new Error('the frobnicator is missing');
  if (profile === 'dying') process.exit(7);
  if (profile === 'crashing') {
    await new Promise(() => {
      process.nextTick(() => {
        throw new TypeError('the crankshaft is not a function');
      });
    });
  }
}

async function listening({ config }: StartOptions): Promise<Server> {
  const server = createServer({ keepAliveTimeout: 1_000 });
  const [address = '127.0.0.1'] = bindAddresses(config);
  const port = configuredPort(config);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        'code' in error && error.code === 'EADDRINUSE'
          ? new ProxyError('PROXY_PORT_IN_USE', { params: { port, address } })
          : error,
      );
    });
    server.listen({ host: address, port, exclusive: true }, resolve);
  });
  return server;
}

class TinyProxy implements RunningProxy, ProxyControl {
  readonly handle: ProxyHandle;
  readonly control: ProxyControl = this;
  readonly stopping: Promise<number>;
  readonly closed: Promise<StopReport>;
  readonly #listener: Server;
  readonly #options: StartOptions;
  readonly #handles: ProxyRepository;
  readonly #answers = new Set<ServerResponse>();
  #socket: ControlServer | undefined;
  #allAnswered = (): void => {};
  #stopping: Promise<StopReport> | undefined;
  #beginStop!: (graceMs: number) => void;
  #resolveClosed!: (report: StopReport) => void;

  constructor(listener: Server, options: StartOptions, paths: HomePaths, handles: ProxyRepository) {
    this.#listener = listener;
    this.#options = options;
    this.#handles = handles;
    const { port, address } = listener.address() as AddressInfo;
    const id = `px_${randomBytes(4).toString('hex')}`;
    this.handle = {
      id,
      pid: process.pid,
      port,
      mode: 'local-http',
      addresses: [address],
      startedAtMs: Date.now(),
      profile: options.profile,
      nonce: randomBytes(16).toString('hex'),
      processStart: processStart(process.pid),
      controlPath: paths.controlPath(id),
      draining: false,
    };
    this.stopping = new Promise((resolve) => {
      this.#beginStop = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    listener.on('request', (request, response) => {
      this.#answers.add(response);
      response.on('close', () => {
        this.#answers.delete(response);
        if (this.#answers.size === 0) this.#allAnswered();
      });
      if (request.url !== '/slow') return void response.end('ok');
      response.write('first ');
      request.resume().on('end', () => response.end('last'));
    });
  }

  async open(): Promise<void> {
    const { controlPath, nonce } = this.handle;
    // The handle comes first, because a process that cleans up after this one finds the socket through the handle.
    await this.#handles.saveHandle(this.handle);
    this.#socket = await serveControl(this, { path: controlPath, nonce });
  }

  status() {
    return {
      handle: this.handle,
      config: this.#options.config,
      overrides: this.#options.overrides,
      url: proxyUrl(this.handle),
      version: '0.0.0',
      uptimeSeconds: 0,
      inFlight: this.#answers.size,
      queued: 0,
      connections: 0,
      requestsTotal: 0,
      keys: 0,
      engines: [],
      queues: [],
      models: 0,
      reach: 'this machine',
      networkUrls: [],
      warnings: [],
    };
  }

  async release(graceMs: number): Promise<void> {
    void this.stop(graceMs);
  }

  stop(graceMs: number): Promise<StopReport> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<StopReport> {
    this.#beginStop(graceMs);
    const running = this.#answers.size;
    this.#listener.close();
    if (running > 0) {
      await new Promise<void>((resolve) => {
        this.#allAnswered = resolve;
        systemClock.after(graceMs, resolve);
      });
    }
    const cut = this.#answers.size;
    this.#listener.closeAllConnections();
    await this.#handles.deleteHandle(this.handle.id, this.handle.nonce);
    const report = { running, cut, tookMs: 0 };
    // Requests on the control socket are answered before the socket closes.
    setImmediate(() => {
      void this.#socket?.close().then(() => this.#resolveClosed(report));
    });
    return report;
  }

  beforeHandOver(): void {}

  onHandOver(): void {}

  async handOver(): Promise<never> {
    throw new Error('the tiny proxy hands nothing over');
  }
  async reload(): Promise<void> {}
  async metrics(): Promise<string> {
    return '# no metrics\n';
  }
  async *tail(): AsyncGenerator<RequestLine> {}
  explain(): undefined {}
  requests(): readonly [] {
    return [];
  }
  recentRequests(): readonly [] {
    return [];
  }
  async *watchRequests(): AsyncGenerator<RequestsUpdate> {}
  cancelRequest(): undefined {}
  temporaryKey() {
    return { id: 'key_t', key: 'flm_t', expiresAtMs: 0 };
  }
  keyUse(): undefined {}
  async revokeKey(): Promise<undefined> {}
}
