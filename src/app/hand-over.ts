/**
 * Replaces the process of a running proxy: starts a successor with the listening sockets, passes the state to it, and
 * drains when the successor serves. If the successor fails at any step, it is ended and cleaned up, and this process
 * continues to serve as before.
 *
 *   spawn --prepared--> hold new connections, export the state --ready--> close the sockets, drain
 *     '------ failed, ended, or too late ------'-------------> end the successor, resume
 */
import { deadline } from '../core/deadline.ts';
import type { Environment } from '../core/environment.ts';
import { FlmError, ProxyError } from '../core/errors.ts';
import { telemetryEnvironment } from '../core/otlp/telemetry-settings.ts';
import type { HandOverRequest, InheritedSocket } from '../core/proxy/ports.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { removeStaleSocket } from '../process/control-socket.ts';
import { LaunchedChild } from '../process/launched-child.ts';
import { startLimitMs } from '../process/launcher.ts';
import { firstInheritedFd, type LaunchCommand, spawnChild } from '../process/spawn-child.ts';
import { withoutSupervisor } from '../process/supervisor.ts';
import type { ProxyStore } from '../store/store.ts';
import { newNonce, newProxyId, type Start } from './proxy-parts.ts';

/** The supervisor that watches the process of a proxy. */
export interface NamedSupervisor {
  readonly name: string;
  /** The command that restarts the proxy. */
  readonly command: string;
}

/** Whether and how the process of a proxy may be replaced. */
export type Replaceable =
  /** A background process of flm, or a process whose supervisor accepts a new main process. */
  | {
      readonly by: 'successor';
      readonly program: LaunchCommand;
      readonly supervisor?: NamedSupervisor | undefined;
    }
  /** A process that a person or another program started in the foreground. */
  | { readonly by: 'nobody'; readonly supervisor?: NamedSupervisor | undefined };

export interface HandOverDeps {
  readonly start: Pick<Start, 'machine' | 'log' | 'logger' | 'options' | 'handOverParts'>;
  readonly gateway: Gateway;
  /** All listening sockets of this process. */
  readonly sockets: readonly InheritedSocket[];
  readonly store: ProxyStore;
  readonly handle: ProxyHandle;
  readonly program: LaunchCommand;
  readonly supervised: boolean;
  /** Names the successor, which runs, to the supervisor. If it rejects, the hand-over fails. */
  readonly announce: (successor: ProxyHandle) => Promise<void>;
}

/** Time on top of the limit for a start, because two processes run on the machine. */
const slackMs = 10_000;
/** Time limit from sending the state to the first accepted connection. New connections wait no longer than this. */
const takeOverMs = 10_000;

export interface HandOverSignals {
  /** The caller has disconnected. Has no effect after the successor has reported `prepared`. */
  readonly caller: AbortSignal;
  /** This proxy was told to stop: its successor must not serve in its place. */
  readonly stopped: AbortSignal;
}

/**
 * Resolves when the successor serves and this process accepts nothing any more. Throws a `ProxyError` (see
 * `ProxyController.handOver`) or the reason of a signal; then this process serves as before.
 */
export async function handOver(
  deps: HandOverDeps,
  request: HandOverRequest,
  { caller, stopped }: HandOverSignals,
): Promise<ProxyHandle> {
  const { machine, logger, handOverParts } = deps.start;
  const { gateway, handle } = deps;
  const successor = new Successor(deps, request);
  const limitMs = startLimitMs(request.options.config) + slackMs;
  const limit = deadline(machine.clock, limitMs, AbortSignal.any([caller, stopped]));
  let isHeld = false;
  try {
    const sockets = deps.sockets.map((socket, index) => ({ ...socket, fd: firstInheritedFd + index }));
    logger.event('info', 'handing over', { proxy: handle.id, successor: successor.id, pid: successor.pid });
    await successor.prepare(sockets, limit.signal);
    limit.end();
    isHeld = true;
    gateway.hold();
    const newest = await successor.takeOver(await handOverParts.exportState(), stopped);
    gateway.retire();
    handOverParts.follow(newest);
    logger.event('info', 'handed over', { proxy: handle.id, successor: newest.id, pid: newest.pid });
    return newest;
  } catch (error) {
    await successor.end();
    if (isHeld) {
      handOverParts.resume();
      gateway.resume();
    }
    const ended = [stopped, caller].find((signal) => signal.aborted);
    const failure =
      ended !== undefined ? ended.reason : limit.isOver ? late(handle, limitMs) : failureOf(error, handle);
    const reason = failure instanceof Error ? failure.message : String(failure);
    logger.event('error', 'the hand-over failed', { proxy: handle.id, successor: successor.id, reason });
    throw failure;
  } finally {
    limit.end();
  }
}

class Successor {
  readonly id: string;
  readonly #nonce: string;
  readonly #deps: HandOverDeps;
  readonly #request: HandOverRequest;
  readonly #child: LaunchedChild;

  /** Throws like `spawnChild`. */
  constructor(deps: HandOverDeps, request: HandOverRequest) {
    const { machine, log, options: running } = deps.start;
    const { supervised } = deps;
    const { program = deps.program, options } = request;
    const { FLM_NODE_NAME } = machine.environment;
    // The command that restarts a proxy may run in a shell with another name, but the node stays the same.
    // Telemetry also goes where it went: the shell may have variables for other programs, and lack the secret.
    const env = {
      ...(request.program?.env ?? machine.environment),
      ...(running.config.otlp === undefined ? {} : telemetryEnvironment(machine.environment)),
      FLM_NODE_NAME,
    };
    this.#deps = deps;
    this.#request = request;
    this.id = newProxyId(machine.secrets);
    this.#nonce = newNonce(machine.secrets);
    const child = spawnChild({
      command: { ...program, env: supervised ? withoutSockets(env) : withoutSupervisor(env) },
      home: machine.paths.home,
      output: supervised ? (log.descriptor ?? 2) : machine.paths.logFile(options.profile),
      descriptors: deps.sockets.map(({ fd }) => fd),
    });
    this.#child = new LaunchedChild(child, machine.clock);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async prepare(sockets: readonly InheritedSocket[], signal: AbortSignal): Promise<void> {
    const predecessorId = this.#deps.handle.id;
    const { supervised } = this.#deps;
    const takeOver = { id: this.id, nonce: this.#nonce, predecessorId, sockets, supervised };
    await this.#child.send({ start: this.#request.options, takeOver });
    const message = await this.#child.next(signal);
    if (!('prepared' in message)) throw strange();
  }

  /**
   * Resolves when the successor serves, has acknowledged `kept`, and is announced. A supervisor that knew it earlier would
   * restart everything if the successor died, although this process could serve on.
   */
  async takeOver(state: Readonly<Record<string, unknown>>, stopped: AbortSignal): Promise<ProxyHandle> {
    const { machine } = this.#deps.start;
    const limit = deadline(machine.clock, takeOverMs, stopped);
    try {
      await this.#child.send({ state });
      const message = await this.#child.next(limit.signal);
      if (!('ready' in message)) throw strange();
      await this.#child.send({ kept: true });
      if (!('kept' in (await this.#child.next(limit.signal)))) throw strange();
      await this.#child.whileAlive(this.#deps.announce(message.ready));
      limit.signal.throwIfAborted();
      this.#child.letGo();
      return message.ready;
    } catch (error) {
      if (limit.isOver) throw late(this.#deps.handle, takeOverMs);
      throw error;
    } finally {
      limit.end();
    }
  }

  /** Resolves when the successor has ended and is cleaned up. Never rejects. */
  async end(): Promise<void> {
    const { store, start } = this.#deps;
    await this.#child.kill();
    const { paths } = start.machine;
    for (const name of [this.id, `${this.id}_demo`]) await removeStaleSocket(paths.controlPath(name));
    // The next listing of the store removes a row that could not be removed now.
    await store.deleteHandle(this.id, this.#nonce).catch(() => {});
  }
}

/** Sockets that systemd passed are handed over by flm itself. */
function withoutSockets(env: Environment): Environment {
  return { ...env, LISTEN_FDS: undefined, LISTEN_PID: undefined, LISTEN_FDNAMES: undefined };
}

function strange(): ProxyError {
  return new ProxyError('PROXY_START_FAILED', { params: { reason: 'it said something strange' } });
}

function late({ id, profile }: ProxyHandle, limitMs: number): ProxyError {
  return new ProxyError('PROXY_HAND_OVER_TIMEOUT', { params: { id, profile, seconds: limitMs / 1000 } });
}

/** If the successor reported an error, its code and hint are included. */
function failureOf(error: unknown, { id, profile }: ProxyHandle): unknown {
  const reason = unreported(error);
  if (reason === undefined) return error;
  return new ProxyError('PROXY_HAND_OVER_FAILED', { params: { id, profile, reason }, cause: error });
}

/** Why the successor reported nothing; undefined if it did. */
function unreported(error: unknown): string | undefined {
  if (!(error instanceof FlmError)) return error instanceof Error ? error.message : String(error);
  const { what, reason, errno } = error.params;
  if (error.code === 'PROXY_START_FAILED') return String(reason);
  // A refusal that comes from the successor has no cause here.
  const isOwn = error.code === 'SYSTEM_REFUSED' && error.cause !== undefined;
  return isOwn ? `the system refused ${what}: ${reason} (${errno})` : undefined;
}
