/**
 * The ports that `ProxyService` and `ProfileService` need, and the operations that a running proxy offers on its control
 * socket.
 */
import type { Environment } from '../environment.ts';
import type { ErrorParams } from '../errors.ts';
import type { AuditEntry } from '../security/ports.ts';
import type { ProxyConfig, ProxyConfigInput } from './proxy-config.ts';
import type { ProxyHandle, ProxyStatus, RequestLine } from './proxy-handle.ts';
import type { RequestsUpdate, RunningRequest } from './running-request.ts';

/**
 * A saved configuration, by name; the unnamed one is `default`. Stored as the user wrote it, so that later versions can
 * improve defaults.
 */
export interface ProxyProfile {
  readonly name: string;
  readonly config: ProxyConfigInput;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface ProfileRepository {
  /** Inserts the profile, or replaces the one with this name. */
  saveProfile(profile: ProxyProfile, audit?: AuditEntry): Promise<void>;
  loadProfile(name: string): Promise<ProxyProfile | undefined>;
  /** Sorted by name. */
  listProfiles(): Promise<readonly ProxyProfile[]>;
  /** Returns false if there was none. */
  deleteProfile(name: string, audit?: AuditEntry): Promise<boolean>;
}

export interface HandleRepository {
  saveHandle(handle: ProxyHandle): Promise<void>;
  /** Removes the handle of that id and nonce. */
  deleteHandle(id: string, nonce: string): Promise<void>;
  /** Every handle in the store, oldest first, including those of dead processes. */
  listHandles(): Promise<readonly ProxyHandle[]>;
  /**
   * The handles of living processes: each handle is checked against its process. Rows of dead processes are removed if
   * possible, except those of proxies that served and ended without a stop.
   */
  listActiveHandles(): Promise<readonly ProxyHandle[]>;
}

/** A store has one repository for both. */
export type ProxyRepository = ProfileRepository & HandleRepository;

/** Whether the process of a handle lives, decided by the process behind the control socket. */
export type Liveness = (handle: ProxyHandle) => Promise<boolean>;

/** The result of a stop. */
export interface StopReport {
  /** Requests that were running when the stop began. */
  readonly running: number;
  /** How many of these were cut off at the end of the grace time. */
  readonly cut: number;
  readonly tookMs: number;
  /** Ids of keys that were revoked only in memory: the store could not be written until the end. */
  readonly forgottenRevocations?: readonly string[];
}

/** The complete options of one start. */
export interface StartOptions {
  readonly config: ProxyConfig;
  readonly profile: string;
  /** Settings that override the profile; kept for restarts. `config` contains them already. */
  readonly overrides: ProxyConfigInput;
  /** Settings in environment variables, between the profile and the overrides. Absent: none. */
  readonly environment?: ProxyConfigInput;
}

/** What a listening socket is for: requests of clients, or the plain HTTP port beside an `https-acme` proxy. */
export type SocketUse = 'clients' | 'plain';

/** A listening socket of another process, which this process has under the descriptor `fd`. */
export interface InheritedSocket {
  readonly use: SocketUse;
  readonly address: string;
  readonly port: number;
  readonly fd: number;
}

/** The state that a proxy passes to its successor, by the name of each part. JSON only. */
export type HandOverState = Readonly<Record<string, unknown>>;

/** The program of a successor. */
export interface SuccessorProgram {
  /** Absolute. */
  readonly command: string;
  readonly args: readonly string[];
  /** Absent: the environment of the running process. */
  readonly env?: Environment;
}

export interface HandOverRequest {
  readonly options: StartOptions;
  /** Absent: the program that the running process was started from. */
  readonly program?: SuccessorProgram;
  /** How long the running process may drain. Absent: until its last connection is closed. */
  readonly graceMs?: number;
}

/** What a new proxy receives from the proxy that it replaces. */
export interface TakeOver {
  /** The identity that the predecessor chose, so that it can remove what a killed successor leaves. */
  readonly id: string;
  readonly nonce: string;
  readonly predecessorId: string;
  readonly sockets: readonly InheritedSocket[];
  /**
   * A supervisor watches the predecessor. The log goes to stderr, which the supervisor reads, not to the log file of
   * the profile.
   */
  readonly supervised: boolean;
  /**
   * Called when everything but accepting connections is ready. Resolves with the state of the predecessor, which
   * accepts nothing from then on; undefined if the predecessor has died. Rejects if the predecessor gave up the
   * hand-over.
   */
  prepared(): Promise<HandOverState | undefined>;
  /** Resolves when the predecessor has completed the hand-over or has died. Stays pending if it gave up. */
  readonly completed: Promise<void>;
}

/** Starts and ends proxies: inside this process, or as detached ones. */
export interface ProxyController {
  /**
   * Resolves when the proxy answered on its listener. On failure or abort nothing is left: no process, handle or file.
   * Throws a `ProxyError`: PROXY_PORT_IN_USE, PROXY_PORT_FORBIDDEN, PROXY_ADDRESS_UNAVAILABLE, PROXY_START_FAILED, ...
   * An abort rejects with the reason of the signal.
   */
  start(options: StartOptions, signal: AbortSignal): Promise<ProxyHandle>;
  /**
   * Drains and ends the proxy. Resolves when the port is free and the handle removed, immediately if it ended before.
   */
  stop(handle: ProxyHandle, graceMs: number): Promise<StopReport>;
  /**
   * Replaces the proxy by a new process that gets its sockets. Resolves when that process serves. On failure the proxy
   * continues to serve. Throws a `ProxyError`: the error of the new process, PROXY_HAND_OVER_FAILED,
   * PROXY_HAND_OVER_TIMEOUT, PROXY_RESTARTING, PROXY_SUPERVISED, PROXY_IN_FOREGROUND. `unsupported`: the proxy runs an
   * older flm without hand-over.
   */
  handOver(
    handle: ProxyHandle,
    request: HandOverRequest,
    signal: AbortSignal,
  ): Promise<ProxyHandle | 'unsupported'>;
  /** Closes the listener and resolves when the port is free. The proxy continues to drain and then ends. */
  release(handle: ProxyHandle, graceMs: number): Promise<void>;
  /** Throws a `ProxyError` PROXY_CONTROL_UNREACHABLE if the process runs and does not answer. */
  inspect(handle: ProxyHandle): Promise<ProxyStatus | 'gone'>;
}

/** A refused request and the reason, kept for a while in bounded memory. */
export interface RecordedRefusal {
  readonly id: string;
  readonly atMs: number;
  readonly code: string;
  readonly rule: string;
  readonly line: RequestLine;
  /** Parameters of the error's texts; absent if the texts have none. */
  readonly params?: ErrorParams;
}

/** The current use of a key family's limits in one proxy. */
export interface KeyUse {
  /** Requests that may come at once now, of `burst`; null if the key has no rate limit. */
  readonly requests: {
    readonly perMinute: number;
    readonly burst: number;
    readonly remaining: number;
    readonly resetMs: number;
  } | null;
  /** Null if the key has no limit of tokens a minute. */
  readonly tokens: { readonly limit: number; readonly remaining: number; readonly resetMs: number } | null;
  /** Tokens over all proxies, at most 2 s old. */
  readonly tokensToday: number;
  /** Requests in progress that count against its concurrency. */
  readonly inProgress: number;
}

/**
 * A revocation in one proxy, effective immediately. `problem` says why it is not stored yet; the proxy keeps trying.
 */
export interface LiveRevocation {
  readonly written: boolean;
  readonly problem?: string;
  /** The key; absent from an older flm. */
  readonly key?: NamedKey;
  /** Ids of the keys that the label may mean. Then nothing was revoked. */
  readonly candidates?: readonly string[];
}

/** A key as a proxy without a readable store knows it. */
export interface NamedKey {
  readonly id: string;
  readonly label: string;
}

/** A key that exists only in the memory of one proxy. */
export interface TemporaryKey {
  readonly id: string;
  readonly key: string;
  readonly expiresAtMs: number;
}

/** The operations of a running proxy on its control socket. */
export interface ProxyControl {
  status(): ProxyStatus;
  /** Drains and ends. Resolves when the last response is over and the port is free. */
  stop(graceMs: number): Promise<StopReport>;
  /** Closes the listener at once and continues to drain. Resolves when the port is free. */
  release(graceMs: number): Promise<void>;
  /**
   * Starts a successor and hands the listening sockets over to it. Resolves when the successor serves; this process
   * then drains. On failure this process continues to serve. The signal aborts a hand-over whose state is not sent yet.
   */
  handOver(request: HandOverRequest, signal: AbortSignal): Promise<ProxyHandle>;
  /** Reads the changes in the store now. Resolves when they have taken effect. */
  reload(): Promise<void>;
  /** Prometheus text exposition format. */
  metrics(): Promise<string>;
  /** Requests as they end, until the signal aborts. A slow reader loses lines but never delays a request. */
  tail(signal: AbortSignal): AsyncIterable<RequestLine>;
  /** The refusal of that request, if it is among the last ones kept. */
  explain(requestId: string): RecordedRefusal | undefined;
  /** Requests that run now, oldest connection first; a thousand at most. */
  requests(): readonly RunningRequest[];
  /** Requests that ended, newest first: up to 200 of a key, or of all keys. Kept in memory only. */
  recentRequests(keyId?: string): readonly RequestLine[];
  /** The running requests, then what changes, at most four times a second, until the signal aborts. */
  watchRequests(signal: AbortSignal): AsyncIterable<RequestsUpdate>;
  /**
   * Ends a running request with the error REQUEST_CANCELLED. `actor` is for the log. Returns the request as it was;
   * undefined if no request with that id runs.
   */
  cancelRequest(requestId: string, actor: string): RunningRequest | undefined;
  temporaryKey(ttlMs: number): TemporaryKey;
  /** Undefined if the proxy knows no key with that id. */
  keyUse(keyId: string): KeyUse | undefined | Promise<KeyUse | undefined>;
  /**
   * Revokes the key in memory if the store cannot be written, and then in the store as soon as that works. `actor` is
   * for the audit. `name` is the id of the key, or the label of its only secret that can be used, for callers that
   * cannot read the store. Undefined if the proxy knows no such key.
   */
  revokeKey(name: string, actor: string): Promise<LiveRevocation | undefined>;
}

/** A proxy inside this process, as the composition root makes it. Its listener answers when the promise resolves. */
export interface RunningProxy {
  readonly handle: ProxyHandle;
  readonly control: ProxyControl;
  /** Resolves with the grace time when a stop begins. Stays pending if no stop begins. */
  readonly stopping: Promise<number>;
  /**
   * Calls `f` with a successor that runs and waits for nothing any more, before this process retires. If it rejects, the
   * hand-over fails, and this process continues to serve.
   */
  beforeHandOver(f: (successor: ProxyHandle) => Promise<void>): void;
  /** Calls `f` with the successor when it serves, or with undefined when a hand-over has failed. */
  onHandOver(f: (successor: ProxyHandle | undefined) => void): void;
  /** Resolves when the proxy has ended and all its resources are closed. Never rejects. */
  readonly closed: Promise<StopReport>;
}

/**
 * Starts a proxy: binds exclusively, writes the handle (`starting`), opens the control socket, prepares everything
 * else, and writes the handle again. The handle is written before the socket exists, so that the clean-up after a
 * killed process finds the socket through the handle. After a failure, an abort or a stop over the control socket
 * nothing is left. With `takeOver` the proxy accepts
 * connections only after it has the state of its predecessor.
 */
export type ProxyFactory = (
  options: StartOptions,
  signal: AbortSignal,
  takeOver?: TakeOver,
) => Promise<RunningProxy>;
