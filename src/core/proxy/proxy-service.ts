/**
 * Starts, stops, restarts and lists proxies. The state of a proxy comes from the running process; the store only holds
 * the handles of the processes to ask.
 *
 * Before a start the service checks the running proxies and the port, so that common mistakes get a clear error. Only
 * the exclusive bind decides who gets the port. Of several starts of one profile at the same moment, a lock chooses one.
 */

import type { Clock } from '../clock.ts';
import { FlmError, ProxyError, StoreError } from '../errors.ts';
import type { AuditRepository } from '../security/ports.ts';
import {
  type EnvironmentSettings,
  noEnvironmentSettings,
  withVariableNames,
} from './environment-settings.ts';
import type {
  HandleRepository,
  ProxyController,
  StartOptions,
  StopReport,
  SuccessorProgram,
} from './ports.ts';
import type { ProfileService } from './profile-service.ts';
import {
  bindAddresses,
  configuredPort,
  mergedConfig,
  type ProxyConfig,
  type ProxyConfigInput,
  parseProxyConfig,
} from './proxy-config.ts';
import { endedWithoutStop, type ProxyHandle, type ProxyStatus, proxyUrl } from './proxy-handle.ts';

/** Returns the program that holds a port, as words that follow "is already in use"; undefined if the port is free. */
export type PortLook = (address: string, port: number) => Promise<string | undefined>;

export interface ProxyServiceDeps {
  readonly profiles: ProfileService;
  readonly handles: HandleRepository;
  readonly controller: ProxyController;
  readonly portLook: PortLook;
  /** The right to start a proxy of this profile; undefined, after a moment, while another process has it. */
  readonly startLock: (profile: string) => Promise<Disposable | undefined>;
  readonly audit: AuditRepository;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** The user who starts and stops, for the audit. */
  readonly actor: string;
  /**
   * Called for a failure after a proxy was started or stopped, which is not undone: with a sentence, and with whether a
   * requested change was not made.
   */
  readonly onProblem: (sentence: string, undone: boolean) => void;
  /** Settings in environment variables. Throws PROXY_INVALID_CONFIG. Absent: none. */
  readonly environmentSettings?: () => EnvironmentSettings;
  /** The profiles are in a database that machines share. Absent: they are not. */
  readonly sharesDatabase?: boolean;
}

export interface StartRequest {
  /** `default` needs no saved profile. */
  readonly profile: string;
  /** Settings that override the profile and the environment, for this run and its restarts. */
  readonly overrides: ProxyConfigInput;
  /** Saves the overrides in the profile when the proxy runs. */
  readonly save: boolean;
}

export interface RestartRequest {
  /** Settings that override the profile and the settings given at the start. */
  readonly overrides: ProxyConfigInput;
  /**
   * The program of the new process, for a proxy in the background. Absent, or if a supervisor watches the proxy: the
   * program that the running process was started from.
   */
  readonly program?: SuccessorProgram;
  /** How long the old process may drain; absent: until its last connection is closed. */
  readonly graceMs?: number;
}

/** A handle in the store, and the status that its process reports. */
export type ProxyView =
  | {
      readonly state: 'starting' | 'running' | 'draining';
      readonly handle: ProxyHandle;
      readonly status: ProxyStatus;
    }
  | { readonly state: 'not-answering'; readonly handle: ProxyHandle };

export interface StoppedProxy {
  readonly handle: ProxyHandle;
  readonly report: StopReport;
}

export class ProxyService {
  readonly #deps: ProxyServiceDeps;

  constructor(deps: ProxyServiceDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when the proxy answers on its listener; on failure nothing is left. Throws a `ProxyError`:
   * PROFILE_NOT_FOUND, PROXY_INVALID_CONFIG, PROXY_ALREADY_RUNNING, PROXY_PORT_IN_USE, and what the controller throws.
   */
  async start(request: StartRequest, signal: AbortSignal): Promise<ProxyHandle> {
    const options = await this.startOptions(request);
    using lock = await this.#lockStart(options, signal);
    void lock;
    const handle = await this.#deps.controller.start(options, signal);
    // The proxy runs. Handles that cannot be removed now are removed by the next start.
    await this.#forgetCrashed(options.profile).catch(() => {});
    if (request.save) await this.#saveStarted(request);
    await this.#record('proxy.start', handle);
    return handle;
  }

  /**
   * Returns the complete configuration of a request: the overrides, before the environment, before the profile, before
   * defaults. `inherited` are settings that the environment of a running proxy has set; those of this environment come
   * before them. Throws PROFILE_NOT_FOUND, PROXY_INVALID_CONFIG.
   */
  async startOptions(
    { profile, overrides }: Pick<StartRequest, 'profile' | 'overrides'>,
    inherited: ProxyConfigInput = {},
  ): Promise<StartOptions> {
    const saved = await this.#deps.profiles.savedConfig(profile);
    const own = this.environment();
    const environment = mergedConfig(inherited, own.config);
    const config = parsed(mergedConfig(mergedConfig(saved, environment), overrides), own, overrides);
    const isSet = Object.keys(environment).length > 0;
    return { config, profile, overrides, ...(isSet ? { environment } : {}) };
  }

  /** Settings in environment variables. Throws PROXY_INVALID_CONFIG. */
  environment(): EnvironmentSettings {
    return this.#deps.environmentSettings?.() ?? noEnvironmentSettings;
  }

  /**
   * Drains one proxy and ends it. `which` is an id or a profile; undefined means the only one that runs.
   * Throws PROXY_NOT_RUNNING, PROXY_AMBIGUOUS, PROXY_CONTROL_UNREACHABLE.
   */
  async stop(which: string | undefined, graceMs?: number): Promise<StoppedProxy> {
    return this.#stop(await this.find(which), graceMs);
  }

  /** Drains and ends all proxies at the same time. Returns an empty list if none runs. */
  async stopAll(graceMs?: number): Promise<readonly StoppedProxy[]> {
    const handles = await this.list();
    return Promise.all(handles.map((handle) => this.#stop(handle, graceMs)));
  }

  /**
   * Replaces a proxy by a new process. The old process finishes its responses, or aborts its start. The profile and the
   * environment are read again. Overrides given at the start still apply, below `overrides`. The new process gets the
   * listening sockets, so no connection is refused. If the new process fails, the old one continues to serve. Throws like
   * `find`, `start` and `ProxyController.handOver`, and STORE_SETTINGS_INVALID in a shell without the database of the proxy.
   */
  async restart(
    which: string | undefined,
    { overrides, program, graceMs }: RestartRequest,
    signal: AbortSignal,
  ): Promise<ProxyHandle> {
    const { controller } = this.#deps;
    const old = await this.find(which);
    const status = await controller.inspect(old);
    if (status === 'gone') throw notRunning(which);
    this.#refuseOtherStore(status);
    const request = { profile: old.profile, overrides: mergedConfig(status.overrides, overrides) };
    const options = await this.startOptions(request, status.environment);
    const { config } = options;
    // Keeps the URL of clients valid if the port was chosen automatically.
    const port = configuredPort(config) === 0 ? old.port : configuredPort(config);
    const next = { ...options, config: { ...config, port } };
    const handOver = {
      options: next,
      // A supervised proxy restarts from the files that it was started from.
      ...(program === undefined || status.supervisor !== undefined ? {} : { program }),
      ...(graceMs === undefined ? {} : { graceMs }),
    };
    const successor = await controller.handOver(old, handOver, signal).catch((error: unknown) => {
      // A supervisor would start its process again beside the new one.
      if (isStarting(error) && status.supervisor === undefined) return 'unsupported' as const;
      throw error;
    });
    if (successor !== 'unsupported') {
      await this.#record('proxy.restart', successor);
      return successor;
    }
    // No hand-over is possible: the old process does not serve yet, or runs an older flm.
    const moves = port !== old.port;
    if (!moves) await controller.release(old, status.config.graceMs);
    const handle = await controller.start(next, signal);
    if (moves) await controller.release(old, status.config.graceMs);
    await this.#record('proxy.restart', handle);
    return handle;
  }

  /** Asks each running proxy for its status. Oldest first. */
  async status(): Promise<readonly ProxyView[]> {
    const views = await Promise.all((await this.list()).map((handle) => this.#view(handle)));
    return views.filter((view) => view !== undefined);
  }

  /**
   * Returns the proxies that served and ended without a stop, oldest first: they were killed, crashed, or the machine
   * went down. The next start of their profile removes them.
   */
  async crashed(): Promise<readonly ProxyHandle[]> {
    const handles = await this.#deps.handles.listHandles();
    const living = new Set((await this.list()).map(({ nonce }) => nonce));
    return handles.filter((handle) => !living.has(handle.nonce) && endedWithoutStop(handle));
  }

  /** Returns only running proxies, including draining ones. Oldest first. */
  list(): Promise<readonly ProxyHandle[]> {
    return this.#deps.handles.listActiveHandles();
  }

  /** Returns a proxy that serves. Throws like `find`, and PROXY_STARTING if the selected proxy is still starting. */
  async findServing(which: string | undefined): Promise<ProxyHandle> {
    const serving = withoutReplaced((await this.list()).filter((h) => h.starting !== true && !h.draining));
    const [only] = serving;
    // Without a name, a starting proxy is not selected.
    if (which === undefined && only !== undefined && serving.length === 1) return only;
    const handle = await this.find(which);
    if (handle.starting === true)
      throw new ProxyError('PROXY_STARTING', { params: { id: handle.id, profile: handle.profile } });
    return handle;
  }

  /**
   * Returns a proxy that may still be starting. A draining proxy is returned only by its id. Throws PROXY_NOT_RUNNING,
   * PROXY_AMBIGUOUS.
   */
  async find(which: string | undefined): Promise<ProxyHandle> {
    const handles = await this.list();
    const running = handles.filter((h) => !h.draining);
    const byId = handles.find((h) => h.id === which);
    if (byId !== undefined) return byId;
    const named = which === undefined ? running : running.filter((h) => h.profile === which);
    const meant = withoutReplaced(named);
    const [first, ...others] = meant;
    if (first === undefined) throw notRunning(which);
    if (others.length > 0) {
      const list = meant.map((h) => `${h.id} (profile ${h.profile}, ${proxyUrl(h)})`).join(', ');
      throw new ProxyError('PROXY_AMBIGUOUS', { params: { which: list } });
    }
    return first;
  }

  /**
   * The new process has the environment of this command. Without the database it would serve with the keys and the policy
   * of this machine alone. Under a supervisor it has the environment of the old process.
   */
  #refuseOtherStore({ store, supervisor }: ProxyStatus): void {
    if (store === undefined || supervisor !== undefined || this.#deps.sharesDatabase === true) return;
    const allowed = `the database of the proxy, ${store.database}`;
    throw new StoreError('STORE_SETTINGS_INVALID', {
      faults: [{ field: 'FLM_DATABASE_URL', value: 'not set', allowed }],
    });
  }

  async #forgetCrashed(profile: string): Promise<void> {
    for (const handle of await this.crashed())
      if (handle.profile === profile) await this.#deps.handles.deleteHandle(handle.id, handle.nonce);
  }

  /** A start at the same moment has no handle yet. Waits until its proxy can be seen, or until it has failed. */
  async #lockStart(options: StartOptions, signal: AbortSignal): Promise<Disposable> {
    for (;;) {
      signal.throwIfAborted();
      using taken = new DisposableStack();
      const lock = taken.use(await this.#deps.startLock(options.profile));
      await this.#lookBefore(options);
      if (lock !== undefined) return taken.move();
    }
  }

  async #lookBefore(options: StartOptions): Promise<void> {
    const { config, profile } = options;
    const running = (await this.list()).filter((h) => !h.draining);
    const same = running.find((h) => h.profile === profile);
    if (same !== undefined) {
      throw new ProxyError('PROXY_ALREADY_RUNNING', {
        params: {
          profile,
          state: same.starting === true ? 'starting' : 'running',
          id: same.id,
          url: proxyUrl(same),
        },
      });
    }
    const port = configuredPort(config);
    if (port === 0) return;
    for (const address of bindAddresses(config)) {
      const proxy = running.find((h) => h.port === port && meets(h.addresses, address));
      const holder =
        proxy === undefined
          ? await this.#deps.portLook(address, port)
          : ` by the proxy ${proxy.id} (profile ${proxy.profile}${proxy.starting === true ? ', still starting' : ''})`;
      if (holder !== undefined)
        throw new ProxyError('PROXY_PORT_IN_USE', { params: { address, port, holder } });
    }
  }

  async #stop(handle: ProxyHandle, graceMs: number | undefined): Promise<StoppedProxy> {
    const report = await this.#deps.controller.stop(handle, graceMs ?? (await this.#graceOf(handle)));
    await this.#record('proxy.stop', handle);
    return { handle, report };
  }

  async #graceOf(handle: ProxyHandle): Promise<number> {
    const view = await this.#view(handle);
    return view !== undefined && 'status' in view ? view.status.config.graceMs : defaultGraceMs;
  }

  async #view(handle: ProxyHandle): Promise<ProxyView | undefined> {
    try {
      const status = await this.#deps.controller.inspect(handle);
      if (status === 'gone') return undefined;
      const { draining, starting } = status.handle;
      const state = draining ? 'draining' : starting === true ? 'starting' : 'running';
      return { state, handle: status.handle, status };
    } catch (error) {
      if (error instanceof ProxyError && error.code === 'PROXY_CONTROL_UNREACHABLE')
        return { state: 'not-answering', handle };
      throw error;
    }
  }

  /** The proxy already runs, so a failure here is reported in addition to the success. */
  async #saveStarted({ profile, overrides }: StartRequest): Promise<void> {
    const { profiles, onProblem } = this.#deps;
    try {
      const saved = await profiles.savedConfig(profile);
      await profiles.save(profile, mergedConfig(saved, overrides));
    } catch (error) {
      if (!(error instanceof FlmError)) throw error;
      const sentence = `The proxy runs, but its settings were not saved in profile ${profile}`;
      onProblem(`${sentence}: ${error.message} ${error.hint}`, true);
    }
  }

  /** A failure of the audit does not undo what the proxy did. */
  async #record(action: string, handle: ProxyHandle): Promise<void> {
    const { audit, clock, actor, onProblem } = this.#deps;
    const { id, profile, port, mode, addresses } = handle;
    try {
      await audit.record({
        atMs: clock.nowMs(),
        actor,
        action,
        subject: id,
        after: JSON.stringify({ profile, port, mode, addresses }),
      });
    } catch (error) {
      if (!(error instanceof FlmError)) throw error;
      onProblem(`The audit does not have this ${action} of ${id}: ${error.message}`, false);
    }
  }
}

/** Parses a configuration. Faults of values from environment variables have the names of the variables. */
function parsed(
  config: ProxyConfigInput,
  { variables }: EnvironmentSettings,
  overrides: ProxyConfigInput,
): ProxyConfig {
  try {
    return parseProxyConfig(config);
  } catch (error) {
    if (!(error instanceof ProxyError) || variables.size === 0) throw error;
    const faults = withVariableNames(error.faults, variables, overrides);
    throw new ProxyError(error.code, { faults, moreFaults: error.moreFaults });
  }
}

/** For a proxy that does not report its own grace time. */
const defaultGraceMs = 30_000;

function isStarting(error: unknown): boolean {
  return error instanceof ProxyError && error.code === 'PROXY_STARTING';
}

/**
 * During a hand-over a profile has two proxies for a moment. Selects the newest one that serves, otherwise a proxy that
 * is still starting.
 */
function withoutReplaced(handles: readonly ProxyHandle[]): readonly ProxyHandle[] {
  const newest = new Map<string, ProxyHandle>();
  for (const handle of handles) {
    const other = newest.get(handle.profile);
    if (other === undefined || handle.starting !== true || other.starting === true)
      newest.set(handle.profile, handle);
  }
  return [...newest.values()];
}

function notRunning(which: string | undefined): ProxyError {
  const words = which === undefined ? '' : ` with the id or profile ${which}`;
  return new ProxyError('PROXY_NOT_RUNNING', { params: { which: words } });
}

function meets(bound: readonly string[], address: string): boolean {
  const all = (a: string): boolean => a === '0.0.0.0' || a === '::';
  return all(address) || bound.some((b) => b === address || all(b));
}
