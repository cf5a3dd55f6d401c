/**
 * Checks before a service is installed: the user, the data folder, the configuration, and proxies or programs that use
 * the port. Changes nothing.
 */
import { posix } from 'node:path';
import { ProxyError, ServiceError } from '../core/errors.ts';
import {
  bindAddresses,
  configuredPort,
  type ProxyConfig,
  type ProxyConfigInput,
  parseProxyConfig,
} from '../core/proxy/proxy-config.ts';
import { shellWord } from '../core/shell-word.ts';
import { type Account, findAccount, isPerson } from './accounts.ts';
import { programObstacle } from './program-access.ts';
import type { InstallRequest } from './service-system.ts';
import type { ServiceTools } from './service-tools.ts';
import type { ServiceKind, ServiceUnit } from './unit-file.ts';

/** A proxy in the output of `flm proxy status --json`. */
export interface FoundProxy {
  readonly id: string;
  readonly profile: string;
  readonly url: string;
  readonly port: number;
  readonly pid: number;
}

/** The data of the calling user, which may be copied. */
export interface CopyOffer {
  readonly user: string;
  readonly folder: string;
}

export class InstallChecks {
  readonly #tools: ServiceTools;

  constructor(tools: ServiceTools) {
    this.#tools = tools;
  }

  /** Returns the data of the user behind sudo that a new system service could copy; undefined if there is none. */
  async copyOffer(kind: ServiceKind): Promise<CopyOffer | undefined> {
    const { sudoUser, systemData } = this.#tools;
    if (kind !== 'system' || sudoUser === undefined || sudoUser === 'root') return undefined;
    if (this.#tools.facts(posix.join(systemData, 'flm.db')) !== undefined) return undefined;
    const person = await findAccount(this.#tools, sudoUser);
    if (person === undefined) return undefined;
    const folder = this.#dataOf(person);
    return this.#tools.facts(posix.join(folder, 'flm.db')) === undefined
      ? undefined
      : { user: sudoUser, folder };
  }

  /** Returns the user of a system service; undefined if flm must create the user. Throws a `ServiceError`. */
  async account({ account }: InstallRequest, home: string): Promise<Account | undefined> {
    const unfit = (reason: string): ServiceError =>
      new ServiceError('SERVICE_ACCOUNT_UNFIT', { params: { account, reason } });
    // The names that Debian's useradd(8) accepts and that a unit needs no quotes for.
    if (!/^[a-z_][a-z0-9_-]{0,30}$/.test(account)) throw unfit('it is not a valid name for a system user');
    if (account === 'root') throw unfit('root may do everything');
    const obstacle = programObstacle(this.#tools);
    if (obstacle !== undefined)
      throw new ServiceError('SERVICE_PROGRAM_UNREADABLE', { params: { ...obstacle } });
    const found = await findAccount(this.#tools, account);
    if (found !== undefined && isPerson(this.#tools, found))
      throw unfit(`it belongs to a person (user id ${found.uid})`);
    const folder = this.#tools.facts(home);
    if (folder === undefined) return found;
    const folderUnfit = (reason: string): ServiceError =>
      new ServiceError('SERVICE_FOLDER_UNFIT', {
        params: { folder: home, path: shellWord(home), reason, account },
      });
    if (!folder.isFolder) throw folderUnfit('it is not a folder');
    if (folder.uid === found?.uid) return found;
    if (folder.uid !== 0) throw folderUnfit(`it belongs to another user (user id ${folder.uid})`);
    // A folder such as /srv, given by mistake, must keep its owner.
    if (this.#tools.list(home).some((name) => name !== 'lost+found'))
      throw folderUnfit('it belongs to root and is not empty');
    return found;
  }

  /** Returns the configuration that the service will start with. Throws a `ProxyError`. */
  async config({ profile, settings }: InstallRequest, folder: string): Promise<ProxyConfig> {
    let saved: ProxyConfigInput = {};
    if (this.#tools.facts(posix.join(folder, 'flm.db')) !== undefined) {
      const { code, stdout, stderr } = await this.#tools.flm(folder, ['profile', 'show', profile, '--json']);
      const known =
        code === 0 ? (JSON.parse(stdout) as { readonly config: ProxyConfigInput }).config : undefined;
      // The settings may create the profile, so it may not exist yet.
      if (known === undefined && (Object.keys(settings).length === 0 || !/PROFILE_NOT_FOUND/.test(stderr)))
        throw new ProxyError('PROFILE_NOT_FOUND', { params: { profile, near: '' } });
      saved = known ?? {};
    } else if (profile !== 'default' && Object.keys(settings).length === 0) {
      throw new ProxyError('PROFILE_NOT_FOUND', { params: { profile, near: '' } });
    }
    return parseProxyConfig({ ...saved, ...settings });
  }

  /** Returns the proxies that must end first. Throws SERVICE_PROXY_RUNNING or PROXY_PORT_IN_USE. */
  async inTheWay(
    { profile, stop }: InstallRequest,
    facts: {
      readonly home: string;
      readonly offer: CopyOffer | undefined;
      readonly config: ProxyConfig;
      readonly installed: ServiceUnit | undefined;
    },
  ): Promise<readonly { readonly proxy: FoundProxy; readonly folder: string }[]> {
    const { home, offer, config, installed } = facts;
    const port = configuredPort(config);
    const found: { proxy: FoundProxy; folder: string }[] = [];
    const own = await this.#running(home);
    // The service itself may run; it is restarted.
    if (installed === undefined)
      for (const proxy of own)
        if (proxy.profile === profile || (port !== 0 && proxy.port === port))
          found.push({ proxy, folder: home });
    const person = offer?.folder ?? (await this.#folderOfSudoUser());
    if (person !== undefined && person !== home)
      // A copy of a database that changes meanwhile would be inconsistent.
      for (const proxy of await this.#running(person))
        if (offer !== undefined || (port !== 0 && proxy.port === port)) found.push({ proxy, folder: person });
    if (found.length > 0 && !stop) {
      const proxies = found
        .map(({ proxy }) => `${proxy.id} (profile ${proxy.profile}, ${proxy.url})`)
        .join(', ');
      throw new ServiceError('SERVICE_PROXY_RUNNING', { params: { proxies } });
    }
    const freed = found.some(({ proxy }) => proxy.port === port) || installed !== undefined;
    if (port !== 0 && !freed) {
      for (const address of bindAddresses(config)) {
        const holder = await this.#tools.portHolder(address, port);
        if (holder !== undefined)
          throw new ProxyError('PROXY_PORT_IN_USE', { params: { address, port, holder } });
      }
    }
    return found;
  }

  async #folderOfSudoUser(): Promise<string | undefined> {
    const { sudoUser } = this.#tools;
    if (sudoUser === undefined || sudoUser === 'root' || this.#tools.uid !== 0) return undefined;
    const person = await findAccount(this.#tools, sudoUser);
    return person === undefined ? undefined : this.#dataOf(person);
  }

  /** Returns the proxies that run with this data folder. Empty if none runs, or if the owner's flm does not answer. */
  async #running(folder: string): Promise<readonly FoundProxy[]> {
    if (this.#tools.facts(posix.join(folder, 'flm.db')) === undefined) return [];
    const { code, stdout } = await this.#tools.flm(folder, ['proxy', 'status', '--json']);
    if (code !== 0) return [];
    return (JSON.parse(stdout) as { readonly proxies: readonly FoundProxy[] }).proxies;
  }

  /** Returns the default data folder of another user, without the variables that may move it. */
  #dataOf({ home }: Account): string {
    const isMac = this.#tools.platform === 'darwin';
    return posix.join(home, isMac ? 'Library/Application Support/flm' : '.local/share/flm');
  }
}
