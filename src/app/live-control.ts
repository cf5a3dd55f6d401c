/**
 * Implements the control socket's operations of a running proxy, and its shutdown.
 *
 *   starting --started--> running --release--> draining (port free) --last answer, or grace over--> ended
 *       |                  |  `------stop------>'                                                      ^
 *       |                  '--handOver--> handed over (a successor has the port) --last connection closed'
 *       `--stop, release: the start is aborted, and undoes itself--> ended
 */
import type { Clock } from '../core/clock.ts';
import { ProxyError } from '../core/errors.ts';
import type {
  HandOverRequest,
  InheritedSocket,
  KeyUse,
  LiveRevocation,
  ProxyControl,
  RecordedRefusal,
  StopReport,
  TemporaryKey,
} from '../core/proxy/ports.ts';
import { bindAddresses, configuredPort, type ProxyConfig } from '../core/proxy/proxy-config.ts';
import type { ProxyHandle, ProxyStatus, RequestLine } from '../core/proxy/proxy-handle.ts';
import type { RequestsUpdate, RunningRequest } from '../core/proxy/running-request.ts';
import type { Logger } from '../observe/logger.ts';
import type { RecentRequests } from '../observe/recent-requests.ts';
import type { Refusals } from '../observe/refusals.ts';
import { watchRequests } from '../observe/request-watch.ts';
import type { TailHub } from '../observe/tail.ts';
import { controlClient } from '../process/control-client.ts';
import type { AdminThread } from './admin/admin-thread.ts';
import { publishRevocation } from './fleet-limits.ts';
import { type HandOverSignals, handOver, type Replaceable } from './hand-over.ts';
import type { HandOverParts } from './hand-over-parts.ts';
import { type StatusSources, statusOf } from './live-status.ts';
import type { ProxyLog } from './proxy-parts.ts';
import type { TemporaryKeyRing } from './temporary-keys.ts';

export interface LiveControlDeps extends StatusSources {
  readonly handle: ProxyHandle;
  readonly admin: Pick<AdminThread, 'retire'>;
  readonly tail: TailHub;
  readonly refusals: Refusals;
  readonly recent: RecentRequests;
  readonly temporaryKeys: TemporaryKeyRing;
  readonly log: ProxyLog;
  readonly logger: Logger;
  /** Listening sockets that another process opened and may keep open. */
  readonly sockets: readonly InheritedSocket[];
  readonly handOverParts: HandOverParts;
  /** Closes everything except the gateway, which is already stopped. Never rejects. */
  readonly finish: () => Promise<void>;
  /** Aborts a start that has not finished. */
  readonly abortStart: () => void;
}

const idleLookMs = 100;

export class LiveControl implements ProxyControl {
  readonly closed: Promise<StopReport>;
  /** See `RunningProxy`. */
  readonly stopping: Promise<number>;
  readonly #deps: LiveControlDeps;
  #handle: ProxyHandle;
  #stopping: Promise<StopReport> | undefined;
  /** The running hand-over. */
  #handingOver: { readonly aborter: AbortController; readonly over: Promise<ProxyHandle> } | undefined;
  /** The id of the successor that serves now. */
  #successor: string | undefined;
  #beforeHandOver: (successor: ProxyHandle) => Promise<void> = () => Promise.resolve();
  readonly #handOverListeners: ((successor: ProxyHandle | undefined) => void)[] = [];
  #close: (report: StopReport) => void = () => {};
  #beginStop: (graceMs: number) => void = () => {};

  constructor(deps: LiveControlDeps) {
    this.#deps = deps;
    this.#handle = deps.handle;
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
    this.stopping = new Promise((resolve) => {
      this.#beginStop = resolve;
    });
  }

  get handle(): ProxyHandle {
    return this.#handle;
  }

  /** Marks the proxy as ready. Rejects if the store cannot save the handle. */
  async started(): Promise<void> {
    const { starting: _, ...handle } = this.#handle;
    this.#handle = handle;
    await this.#deps.store.saveHandle(handle);
  }

  status(): ProxyStatus {
    return statusOf(this.#deps, this.#handle, this.#successor);
  }

  stop(graceMs: number): Promise<StopReport> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async release(graceMs: number): Promise<void> {
    this.#deps.gateway.release();
    await this.#markDraining();
    // `closed` reports the end.
    void this.stop(graceMs);
  }

  async handOver(request: HandOverRequest, caller: AbortSignal): Promise<ProxyHandle> {
    const { replaceable } = this.#deps;
    const { id, profile, pid } = this.#handle;
    if (this.#handingOver !== undefined) throw new ProxyError('PROXY_RESTARTING', { params: { id } });
    if (this.#handle.draining || this.#stopping !== undefined)
      throw new ProxyError('PROXY_DRAINING', { params: { id } });
    if (replaceable.by === 'nobody') {
      const { supervisor } = replaceable;
      throw supervisor === undefined
        ? new ProxyError('PROXY_IN_FOREGROUND', { params: { id, pid } })
        : new ProxyError('PROXY_SUPERVISED', {
            params: { id, supervisor: supervisor.name, command: supervisor.command },
          });
    }
    if (this.#handle.starting === true) throw new ProxyError('PROXY_STARTING', { params: { id, profile } });
    refuseOverlap(this.#handle, request.options.config);
    const aborter = new AbortController();
    const over = this.#handOver(request, replaceable, { caller, stopped: aborter.signal });
    this.#handingOver = { aborter, over };
    let successor: ProxyHandle | undefined;
    try {
      successor = await over;
      return successor;
    } finally {
      this.#handingOver = undefined;
      for (const f of this.#handOverListeners) f(successor);
    }
  }

  async reload(): Promise<void> {
    await Promise.all([this.#deps.store.refresh(), this.#deps.certificates?.look()]);
  }

  metrics(): Promise<string> {
    return this.#deps.metrics.text();
  }

  tail(signal: AbortSignal): AsyncIterable<RequestLine> {
    return this.#deps.tail.lines(signal);
  }

  explain(requestId: string): RecordedRefusal | undefined {
    return this.#deps.refusals.find(requestId);
  }

  requests(): readonly RunningRequest[] {
    return this.#deps.gateway.requests();
  }

  recentRequests(keyId?: string): readonly RequestLine[] {
    return this.#deps.recent.list(keyId);
  }

  watchRequests(signal: AbortSignal): AsyncIterable<RequestsUpdate> {
    const { gateway, tail, machine } = this.#deps;
    return watchRequests({ running: () => gateway.requests(), tail, clock: machine.clock }, signal);
  }

  cancelRequest(requestId: string, actor: string): RunningRequest | undefined {
    const { gateway, logger } = this.#deps;
    const request = gateway.cancel(requestId);
    if (request === undefined) return undefined;
    const { id, keyId } = request;
    logger.event('info', 'request cancelled over the control socket', { id, key: keyId, by: actor });
    return request;
  }

  temporaryKey(ttlMs: number): TemporaryKey {
    return this.#deps.temporaryKeys.make(ttlMs);
  }

  keyUse(keyId: string): Promise<KeyUse | undefined> {
    return this.#deps.gateway.keyUse(keyId);
  }

  async revokeKey(name: string, actor: string): Promise<LiveRevocation | undefined> {
    const { snapshots, store, logger, machine, fleet } = this.#deps;
    const found = snapshots.named(name, machine.clock.nowMs());
    if (found.length > 1) return { written: false, candidates: found.map(({ id }) => id) };
    const [named] = found;
    if (named === undefined || !snapshots.revoke(named.id)) return undefined;
    const key = { id: named.id, label: named.label };
    const keyId = key.id;
    const atMs = machine.clock.nowMs();
    const after = JSON.stringify({ revokedAtMs: atMs, by: this.#handle.id });
    const entry = { atMs, actor, action: 'key.revoke', subject: keyId, after };
    const revocation = store.revoke(keyId, entry);
    if (fleet !== undefined) await publishRevocation(fleet, entry, revocation.written);
    const problem = await revocation.first;
    if (problem === undefined) {
      logger.event('info', 'key revoked over the control socket', { key: keyId });
      return { written: true, key };
    }
    logger.event('warn', 'key revoked only in memory; the store gets the revocation as soon as possible', {
      key: keyId,
      problem,
    });
    void revocation.written.then(() => logger.event('info', 'the revocation is written', { key: keyId }));
    return { written: false, problem, key };
  }

  beforeHandOver(f: (successor: ProxyHandle) => Promise<void>): void {
    this.#beforeHandOver = f;
  }

  onHandOver(f: (successor: ProxyHandle | undefined) => void): void {
    this.#handOverListeners.push(f);
  }

  async #handOver(
    request: HandOverRequest,
    { program, supervisor }: Replaceable & { readonly by: 'successor' },
    signals: HandOverSignals,
  ): Promise<ProxyHandle> {
    const { gateway, store, machine, certificates } = this.#deps;
    const sockets = [
      ...gateway.sockets().map((socket) => ({ ...socket, use: 'clients' as const })),
      ...(certificates?.sockets?.() ?? []).map((socket) => ({ ...socket, use: 'plain' as const })),
    ];
    const newest = await handOver(
      {
        start: this.#deps,
        gateway,
        sockets,
        store,
        handle: this.#handle,
        program,
        supervised: supervisor !== undefined,
        announce: (successor) => this.#beforeHandOver(successor),
      },
      request,
      signals,
    );
    this.#successor = newest.id;
    await this.#markDraining();
    void this.#endWhenIdle(machine.clock, request.graceMs);
    return newest;
  }

  /**
   * After a hand-over, this process serves its existing connections until the last one is closed, and finishes a
   * running certificate order.
   */
  async #endWhenIdle(clock: Clock, graceMs: number | undefined): Promise<void> {
    const { gateway, certificates } = this.#deps;
    const untilMs = clock.monotonicMs() + (graceMs ?? Number.POSITIVE_INFINITY);
    await new Promise<void>((resolve) => {
      const end = clock.every(idleLookMs, () => {
        const isIdle =
          gateway.connections === 0 && gateway.inFlight === 0 && certificates?.isOrdering !== true;
        if (!isIdle && clock.monotonicMs() < untilMs && this.#stopping === undefined) return;
        end();
        resolve();
      });
    });
    await this.stop(0);
  }

  async #stop(graceMs: number): Promise<StopReport> {
    const { gateway, logger, finish } = this.#deps;
    this.#beginStop(graceMs);
    if (this.#handingOver !== undefined) {
      const { id, profile } = this.#handle;
      this.#handingOver.aborter.abort(
        new ProxyError('PROXY_HAND_OVER_FAILED', { params: { id, profile, reason: 'it was stopped' } }),
      );
      const newest = await this.#handingOver.over.catch(() => undefined);
      // The successor already serves, and the stop was meant for whichever process serves.
      if (newest !== undefined) await this.#stopSuccessor(newest, graceMs);
    }
    logger.event('info', 'stopping', { proxy: this.#handle.id, running: gateway.inFlight, graceMs });
    const marked = this.#markDraining();
    if (this.#handle.starting === true) this.#deps.abortStart();
    if (this.#deps.sockets.length > 0) await gateway.leaveSockets();
    const report = await gateway.stop(graceMs);
    await marked;
    const forgotten = await this.#forgottenRevocations();
    const whole = forgotten.length === 0 ? report : { ...report, forgottenRevocations: forgotten };
    logger.event('info', 'stopped', { proxy: this.#handle.id, ...whole });
    void finish().then(() => this.#close(whole));
    return whole;
  }

  async #stopSuccessor(successor: ProxyHandle, graceMs: number): Promise<void> {
    try {
      await controlClient(successor, this.#deps.machine.clock).stop(graceMs);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#deps.logger.event('error', 'the successor was not stopped', { successor: successor.id, problem });
    }
  }

  /** Writes the data that exists only in memory. This is the last chance, so the report names data that is lost. */
  async #forgottenRevocations(): Promise<readonly string[]> {
    const { store, logger } = this.#deps;
    const forgotten = await store.writeRevocations();
    if (store.keepsRevocations) {
      for (const key of forgotten)
        logger.event('warn', 'a revocation is not stored yet; the next proxy of this machine stores it', {
          key,
        });
      return [];
    }
    for (const key of forgotten)
      logger.event('error', 'a revocation was never written, so the key is valid again', { key });
    return forgotten;
  }

  async #markDraining(): Promise<void> {
    if (this.#handle.draining) return;
    this.#handle = { ...this.#handle, draining: true };
    this.#deps.admin.retire();
    try {
      await this.#deps.store.saveHandle(this.#handle);
    } catch {
      // The store is broken, so it cannot record the state; the control socket still reports that the proxy drains.
    }
  }
}

/** A wildcard address and a single address cannot both be bound to the same port. */
function refuseOverlap({ id, port, addresses }: ProxyHandle, config: ProxyConfig): void {
  if (configuredPort(config) !== port) return;
  const wanted = bindAddresses(config);
  const isAll = (address: string): boolean => address === '0.0.0.0' || address === '::';
  const family = (address: string): string => (address.includes(':') ? 'IPv6' : 'IPv4');
  for (const address of wanted.filter((a) => !addresses.includes(a))) {
    const old = addresses.find(
      (a) => !wanted.includes(a) && family(a) === family(address) && (isAll(a) || isAll(address)),
    );
    if (old !== undefined) throw new ProxyError('PROXY_ADDRESS_OVERLAPS', { params: { address, old, id } });
  }
}
