/**
 * Controls proxies inside this process: for `flm proxy run`, for embedding and for tests. It knows only the proxies
 * that it started; for all others it returns `gone`.
 */
import type {
  ProxyController,
  ProxyFactory,
  RunningProxy,
  StartOptions,
  StopReport,
} from '../core/proxy/ports.ts';
import type { ProxyHandle, ProxyStatus } from '../core/proxy/proxy-handle.ts';

const nothingRan: StopReport = { running: 0, cut: 0, tookMs: 0 };

export class InProcessController implements ProxyController {
  readonly #factory: ProxyFactory;
  readonly #running = new Map<string, RunningProxy>();

  constructor(factory: ProxyFactory) {
    this.#factory = factory;
  }

  async start(options: StartOptions, signal: AbortSignal): Promise<ProxyHandle> {
    signal.throwIfAborted();
    const proxy = await this.#factory(options, signal);
    if (signal.aborted) {
      // The proxy started although the start was aborted.
      await proxy.control.stop(0);
      await proxy.closed;
      throw signal.reason;
    }
    this.#running.set(proxy.handle.nonce, proxy);
    void proxy.closed.then(() => this.#running.delete(proxy.handle.nonce));
    return proxy.handle;
  }

  /** If the proxy has already ended, reports that no requests were running. */
  async stop(handle: ProxyHandle, graceMs: number): Promise<StopReport> {
    const proxy = this.#running.get(handle.nonce);
    if (proxy === undefined) return nothingRan;
    const report = await proxy.control.stop(graceMs);
    await proxy.closed;
    return report;
  }

  /** A process cannot replace itself. */
  async handOver(): Promise<'unsupported'> {
    return 'unsupported';
  }

  async release(handle: ProxyHandle, graceMs: number): Promise<void> {
    await this.#running.get(handle.nonce)?.control.release(graceMs);
  }

  async inspect(handle: ProxyHandle): Promise<ProxyStatus | 'gone'> {
    return this.#running.get(handle.nonce)?.control.status() ?? 'gone';
  }
}
