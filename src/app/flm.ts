/**
 * Connects the parts that commands use: the store, its services, and the control of running proxies. Opening it creates
 * or opens the data folder. The caller must close it.
 */
import type { AuditLog } from '../core/audit/audit-log.ts';
import type { ConfigurationService } from '../core/configuration/configuration-service.ts';
import type { EngineDiscovery } from '../core/engine/engine-discovery.ts';
import { EngineRegistry } from '../core/engine/engine-registry.ts';
import type { Environment } from '../core/environment.ts';
import { FlmError, StoreError } from '../core/errors.ts';
import { environmentSettings } from '../core/proxy/environment-settings.ts';
import type { Fleet } from '../core/proxy/fleet-node.ts';
import type { HandleRepository, LiveRevocation, ProxyController } from '../core/proxy/ports.ts';
import { ProfileService } from '../core/proxy/profile-service.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import { type PortLook, ProxyService } from '../core/proxy/proxy-service.ts';
import type { RequestDirectory } from '../core/proxy/request-directory.ts';
import type { LiveRevocations } from '../core/security/live-revocations.ts';
import type { Retention, UsageRepository } from '../core/security/ports.ts';
import { type CreatedKey, SecurityService } from '../core/security/security-service.ts';
import { ShareService } from '../core/security/share-service.ts';
import { changeRetention } from '../core/usage/retention.ts';
import { type ControlClient, controlClient } from '../process/control-client.ts';
import { DetachedController } from '../process/detached-controller.ts';
import { liveHandles } from '../process/live-handles.ts';
import { LogFile } from '../process/log-file.ts';
import { portHolder } from '../process/port-holder.ts';
import type { LaunchCommand } from '../process/spawn-child.ts';
import { startLock } from '../process/start-lock.ts';
import { launchedProxy } from '../process/this-program.ts';
import { type CertificateManager, makeCertificateManager } from './certificate-manager.ts';
import { makeEngineDiscovery } from './engine-discovery.ts';
import { openFlmStore } from './flm-store.ts';
import type { Machine } from './machine.ts';
import { ownMachine } from './own-machine.ts';
import { requestDirectory } from './request-directory.ts';
import { machineTrustTools } from './trust-tools.ts';

export interface Flm {
  readonly machine: Machine;
  /** Root works with the data of the system service, which was not named by FLM_HOME. */
  readonly ofSystemService: boolean;
  /** The program that background proxies are started from. */
  readonly launch: LaunchCommand;
  /** Starts detached processes. */
  readonly proxies: ProxyService;
  readonly security: SecurityService;
  /** The same service for a caller who is not the user of this process; see `AdminCaller`. */
  securityFor(actor: string, ownAddresses: readonly string[]): SecurityService;
  /** Shares, for the user of this process or for another actor. */
  sharesFor(actor?: string): ShareService;
  readonly engines: EngineRegistry;
  /** Like `securityFor`. */
  enginesFor(actor: string): EngineRegistry;
  /** Like `securityFor`. */
  proxiesFor(actor: string): ProxyService;
  readonly profiles: ProfileService;
  /** Like `securityFor`. */
  profilesFor(actor: string): ProfileService;
  readonly discovery: EngineDiscovery;
  /** Applies and exports the configuration as a file. Loaded only where it is used. */
  configuration(): Promise<ConfigurationService>;
  readonly certificates: CertificateManager;
  readonly usage: UsageRepository;
  /** Changes how long usage and the audit are kept, with an audit entry. Throws ADMIN_INPUT_INVALID. */
  changeRetention(retention: Retention): Promise<void>;
  readonly audit: AuditLog;
  /** The requests of every running proxy. */
  readonly requests: RequestDirectory;
  /** The proxies of all machines that share the database; undefined if none is shared. Throws a `StoreError`. */
  fleet(): Promise<Fleet | undefined>;
  control(handle: ProxyHandle): ControlClient;
  /** Opens the log of a profile's proxies for writing. The caller must close it. */
  openLog(profile: string): LogFile;
  /** A service that starts proxies with another controller. `portLook` finds the program that holds a port. */
  proxiesBy(controller: ProxyController, portLook?: PortLook): ProxyService;
  /** See `SqliteStore.followFiles`. */
  followFiles(): void;
  /** See `FlmOptions.onProblem`. */
  onProblem(sentence: string, undone: boolean): void;
  close(): Promise<void>;
}

export interface FlmOptions {
  readonly environment: Environment;
  /** The script that started this process, `bin/flm.mjs`. A single executable restarts without it. */
  readonly entry: string;
  /** The command changes the machine itself: started as root, it keeps its root rights. */
  readonly keepRoot?: boolean;
  /** The command also works without a readable `flm.db`: it finds proxies by their sockets. */
  readonly withoutStore?: boolean;
  /** Called for each new key as soon as it is stored. */
  readonly onKeyMade?: (made: CreatedKey) => void;
  /** See `DatabaseOptions.onMigrate`. */
  readonly onMigrate?: (file: string) => () => void;
  /** See `ProxyServiceDeps.onProblem`. */
  readonly onProblem?: (sentence: string, undone: boolean) => void;
}

/** Throws HOME_UNSAFE, or a `StoreError` that describes the problem with the database. */
export async function openFlm(options: FlmOptions): Promise<Flm> {
  const { environment } = options;
  const { machine, ofSystemService } = ownMachine(environment, options);
  const { clock, paths } = machine;
  const actor = `cli:${machine.userName()}`;
  const control = (handle: ProxyHandle): ControlClient => controlClient(handle, clock);
  const onProblem = options.onProblem ?? (() => {});
  const { withoutStore = false, onMigrate } = options;
  const store = await openFlmStore(machine, { withoutStore, onMigrate, onProblem });
  const announce = (): Promise<readonly string[]> => announceChange(store.proxies, control, onProblem);
  const announceOnly = async (): Promise<void> => {
    await announce();
  };
  const handles = withoutStore
    ? withLiveHandles(store.proxies, paths.run, (sentence) => onProblem(sentence, false))
    : store.proxies;
  const common = { clock, actor };
  const profilesFor = (who: string): ProfileService =>
    new ProfileService({ repository: store.proxies, clock, actor: who });
  const serviceOf = (controller: ProxyController, portLook = portHolder, who = actor): ProxyService =>
    new ProxyService({
      clock,
      actor: who,
      audit: store.audit,
      profiles: profilesFor(who),
      handles,
      controller,
      portLook,
      startLock: (profile) => startLock(paths.run, profile),
      onProblem,
      environmentSettings: () =>
        environmentSettings(environment, (path) => machine.readSecret({ from: 'file', path })),
      sharesDatabase: store.sharedFiles !== undefined,
    });
  const launch = launchedProxy(options.entry, environment);
  const detached = new DetachedController({
    launch,
    paths,
    clock,
    handles: store.proxies,
  });
  const discovery = makeEngineDiscovery(machine);
  const enginesFor = (who: string): EngineRegistry =>
    new EngineRegistry({ clock, actor: who, repository: store.engines, announce: announceOnly });
  const security = {
    repository: store.security,
    secrets: machine.secrets,
    announce,
    revokeLive: (keyId: string) => revokeLive(store.proxies, control, keyId, actor),
  };
  return {
    machine,
    ofSystemService,
    launch,
    proxies: serviceOf(detached),
    security: new SecurityService({
      ...common,
      ...security,
      ownAddresses: machine.ownAddresses(),
      ...(options.onKeyMade === undefined ? {} : { onKeyMade: options.onKeyMade }),
    }),
    securityFor: (who, ownAddresses) =>
      new SecurityService({ ...common, ...security, actor: who, ownAddresses }),
    engines: enginesFor(actor),
    enginesFor,
    proxiesFor: (who) => serviceOf(detached, portHolder, who),
    profiles: profilesFor(actor),
    profilesFor,
    sharesFor: (who = actor) =>
      new ShareService({ repository: store.shares, clock, secrets: machine.secrets, actor: who }),
    discovery,
    async configuration() {
      const { ConfigurationService: Service } = await import(
        '../core/configuration/configuration-service.ts'
      );
      return new Service({
        ...common,
        repository: store.configuration,
        secrets: machine.secrets,
        ownAddresses: machine.ownAddresses(),
        readSecret: machine.readSecret,
        spelling: (url) => discovery.spelling(url),
        announce,
      });
    },
    fleet: async () => store.nodes?.fleet(),
    certificates: makeCertificateManager(
      machine,
      machineTrustTools(machine),
      announceOnly,
      store.sharedFiles,
    ),
    usage: store.usage,
    changeRetention: (retention) =>
      changeRetention(retention, { usage: store.usage, audit: store.audit, atMs: clock.nowMs(), actor }),
    audit: store.audit,
    requests: requestDirectory({
      handles: () => handles.listActiveHandles(),
      control,
      audit: store.audit,
      clock,
    }),
    control,
    proxiesBy: serviceOf,
    followFiles: () => store.followFiles(),
    onProblem,
    openLog: (profile) => new LogFile({ path: paths.logFile(profile), clock }),
    async close() {
      discovery.close();
      await store.close();
    },
  };
}

/**
 * Tells running proxies to read the store, and returns the ids of proxies that did not. They read it themselves a moment
 * later, so this does not wait for a proxy that does not answer. A proxy that answers that it cannot read the store, such
 * as an older flm with a newer database, is reported.
 */
async function announceChange(
  proxies: HandleRepository,
  control: (handle: ProxyHandle) => ControlClient,
  onProblem: (sentence: string, undone: boolean) => void,
): Promise<readonly string[]> {
  const behind: string[] = [];
  const handles = await proxies.listHandles();
  await Promise.all(
    handles.map(async (handle) => {
      try {
        await control(handle).reload();
      } catch (error) {
        behind.push(handle.id);
        if (!(error instanceof FlmError) || error.code === 'PROXY_CONTROL_UNREACHABLE') return;
        const then =
          error.code === 'STORE_NEWER' ? ` It runs an older flm: flm proxy restart ${handle.profile}` : '';
        onProblem(`${handle.id} did not apply the change: ${error.message}${then}`, false);
      }
    }),
  );
  return behind;
}

/** Revokes a key in each running proxy. A proxy that has ended or does not know the key has nothing to revoke. */
async function revokeLive(
  proxies: HandleRepository,
  control: (handle: ProxyHandle) => ControlClient,
  keyId: string,
  actor: string,
): Promise<LiveRevocations> {
  const outcomes = new Map<string, LiveRevocation | 'unreached'>();
  await Promise.all(
    (await proxies.listActiveHandles()).map(async (handle) => {
      const outcome = await control(handle)
        .revokeKey(keyId, actor)
        .catch(() => 'unreached' as const);
      if (outcome !== undefined && outcome !== 'gone') outcomes.set(handle.id, outcome);
    }),
  );
  return outcomes;
}

/**
 * The repository for commands that work without the store. If the store lists no proxies or cannot be read, the handles
 * are those of the proxies that answer. Reports an unreadable store once.
 */
function withLiveHandles(
  stored: HandleRepository,
  controlFolder: string,
  onUnreadable: (sentence: string) => void,
): HandleRepository {
  let toldUnreadable = false;
  const orLive = async (listed: Promise<readonly ProxyHandle[]>): Promise<readonly ProxyHandle[]> => {
    try {
      const handles = await listed;
      // A database that was deleted and created again does not list the running proxies.
      return handles.length > 0 ? handles : await liveHandles(controlFolder);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!toldUnreadable) onUnreadable(`${error.message} ${error.hint}`);
      toldUnreadable = true;
      return liveHandles(controlFolder);
    }
  };
  return {
    saveHandle: (handle) => stored.saveHandle(handle),
    deleteHandle: (id, nonce) => stored.deleteHandle(id, nonce),
    listHandles: () => orLive(stored.listHandles()),
    listActiveHandles: () => orLive(stored.listActiveHandles()),
  };
}
