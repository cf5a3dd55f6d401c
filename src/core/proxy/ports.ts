/** The ports that `ProxyService` needs, and the operations that a running proxy offers on its control socket. */
import type { ErrorParams } from '../errors.ts';
import type { AuditEntry } from '../security/ports.ts';
import type { ProxyConfig, ProxyConfigInput } from './proxy-config.ts';
import type { ProxyHandle, ProxyStatus, RequestLine } from './proxy-handle.ts';

/** A saved configuration, by name; the unnamed one is `default`. Kept as people wrote it, so that defaults may improve. */
export interface ProxyProfile {
  readonly name: string;
  readonly config: ProxyConfigInput;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface ProxyRepository {
  /** Inserts or replaces by name, whole. */
  saveProfile(profile: ProxyProfile, audit?: AuditEntry): Promise<void>;
  loadProfile(name: string): Promise<ProxyProfile | undefined>;
  /** By name. */
  listProfiles(): Promise<readonly ProxyProfile[]>;
  /** False where there was none. */
  deleteProfile(name: string, audit?: AuditEntry): Promise<boolean>;
  saveHandle(handle: ProxyHandle): Promise<void>;
  /** Removes the handle of that id and nonce. */
  deleteHandle(id: string, nonce: string): Promise<void>;
  /** Every handle in the store, living or not, oldest first. */
  listHandles(): Promise<readonly ProxyHandle[]>;
  /**
   * Only what lives: each handle is checked against its process. Rows of dead ones are removed where that is possible,
   * but for those of proxies that served and ended without a stop.
   */
  listActiveHandles(): Promise<readonly ProxyHandle[]>;
}

/** Says whether the process of a handle lives; the truth is the process behind the control socket. */
export type Liveness = (handle: ProxyHandle) => Promise<boolean>;

/** How a stop went. */
export interface StopReport {
  /** Answers that ran when the stop began. */
  readonly running: number;
  /** Of these, ended by the end of the grace time. */
  readonly cut: number;
  readonly tookMs: number;
  /** Ids of keys that were revoked in its memory alone: the store could not be written until the end. */
  readonly forgottenRevocations?: readonly string[];
}

/** What is asked for at a start. */
export interface StartOptions {
  readonly config: ProxyConfig;
  readonly profile: string;
  /** What was given on top of the profile; kept for restarts. Already part of `config`. */
  readonly overrides: ProxyConfigInput;
}

/** Starts and ends proxies: inside this process, or as detached ones. */
export interface ProxyController {
  /**
   * Resolves when the proxy answered on its listener. On failure or abort nothing is left: no process, handle or file.
   * Throws a `ProxyError`: PROXY_PORT_IN_USE, PROXY_PORT_FORBIDDEN, PROXY_ADDRESS_UNAVAILABLE, PROXY_START_FAILED, ...
   * An abort rejects with the reason of the signal.
   */
  start(options: StartOptions, signal: AbortSignal): Promise<ProxyHandle>;
  /** Drains, then ends. Resolves when the port is free and the handle gone; at once where the proxy is gone already. */
  stop(handle: ProxyHandle, graceMs: number): Promise<StopReport>;
  /** Resolves when the listener let go of its port; the proxy drains on and then ends by itself. */
  release(handle: ProxyHandle, graceMs: number): Promise<void>;
  /** Throws a `ProxyError` PROXY_CONTROL_UNREACHABLE where the process lives and does not answer. */
  inspect(handle: ProxyHandle): Promise<ProxyStatus | 'gone'>;
}

/** A request that was refused, and why, kept for a while in bounded memory. */
export interface RecordedRefusal {
  readonly id: string;
  readonly atMs: number;
  readonly code: string;
  readonly rule: string;
  readonly line: RequestLine;
  /** What the texts of the error are filled with; absent where they have no places. */
  readonly params?: ErrorParams;
}

/** What a key's family uses of its limits in one proxy, now. */
export interface KeyUse {
  /** Requests that may come at once now, of `burst`; null where no rate holds for the key. */
  readonly requests: {
    readonly perMinute: number;
    readonly burst: number;
    readonly remaining: number;
    readonly resetMs: number;
  } | null;
  /** Null where the key has no limit of tokens a minute. */
  readonly tokens: { readonly limit: number; readonly remaining: number; readonly resetMs: number } | null;
  /** Over all proxies, at most 2 s old. */
  readonly tokensToday: number;
  /** Requests in progress that count against its concurrency. */
  readonly inProgress: number;
}

/** A key was revoked in one proxy, at once; `problem` says why the store does not have it yet, and the proxy tries on. */
export interface LiveRevocation {
  readonly written: boolean;
  readonly problem?: string;
}

/** A key that lives only in the memory of one proxy. */
export interface TemporaryKey {
  readonly id: string;
  readonly key: string;
  readonly expiresAtMs: number;
}

/** What a running proxy does for those who may use its control socket. */
export interface ProxyControl {
  status(): ProxyStatus;
  /** Drains and ends; resolves when the last answer is over and the port free. */
  stop(graceMs: number): Promise<StopReport>;
  /** Lets go of the port at once; drains on. Resolves when the port is free. */
  release(graceMs: number): Promise<void>;
  /** Something changed in the store: look now. Resolves when it is in force. */
  reload(): Promise<void>;
  /** Prometheus text exposition format. */
  metrics(): Promise<string>;
  /** Requests as they end, from now on, until aborted. A reader that is too slow loses lines, never delays a request. */
  tail(signal: AbortSignal): AsyncIterable<RequestLine>;
  /** Of the last refusals (bounded), the one of that request. */
  explain(requestId: string): RecordedRefusal | undefined;
  temporaryKey(ttlMs: number): TemporaryKey;
  /** Undefined where the proxy knows no key of that id. */
  keyUse(keyId: string): KeyUse | undefined | Promise<KeyUse | undefined>;
  /**
   * For when the store cannot be written: revokes the key in memory, and then in the store, now or as soon as that
   * works. `actor` is for the audit. Undefined where the proxy knows no key of that id.
   */
  revokeKey(keyId: string, actor: string): Promise<LiveRevocation | undefined>;
}

/** A proxy inside this process, as the composition root makes it. Its listener answers when the promise resolves. */
export interface RunningProxy {
  readonly handle: ProxyHandle;
  readonly control: ProxyControl;
  /** Resolves when it has ended and everything it owned is closed; never rejects. */
  readonly closed: Promise<StopReport>;
}

/**
 * Makes a proxy: binds exclusively, writes the handle (`starting`), opens the control socket, gets everything else
 * ready, and writes the handle again. The handle comes before the socket, so that the sweep after a process that had to
 * be killed finds the socket by the handle. On failure, abort or a stop over the control socket nothing is left.
 */
export type ProxyFactory = (options: StartOptions, signal: AbortSignal) => Promise<RunningProxy>;
