/**
 * Installs and removes a proxy as a service of systemd. Each operation first makes a plan, which changes nothing: the
 * steps that the user sees, or a `ServiceError` that says why it cannot be done.
 */
import { join } from 'node:path';
import { ProxyError, ServiceError } from '../core/errors.ts';
import {
  bindAddresses,
  configuredPort,
  type ProxyConfig,
  type ProxyConfigInput,
  parseProxyConfig,
} from '../core/proxy/proxy-config.ts';
import { type Account, createAccount, findAccount, isPerson } from './accounts.ts';
import { programObstacle } from './program-access.ts';
import {
  commandStep,
  deleteDataStep,
  flmStep,
  mustRun,
  type ServiceStep,
  type ServiceTools,
  type Words,
} from './service-tools.ts';
import {
  listenStream,
  type ServiceKind,
  type ServiceUnit,
  serviceText,
  socketText,
  type UnitSocket,
  unitName,
  unitOf,
} from './unit-file.ts';

export interface InstallRequest {
  readonly kind: ServiceKind;
  readonly profile: string;
  /** The user of a system service. */
  readonly account: string;
  /** Settings that are saved in the profile, and the flags that set them. */
  readonly settings: ProxyConfigInput;
  readonly settingFlags: readonly string[];
  /** systemd opens the sockets; undefined: where a port below 1024 needs it. */
  readonly socket: boolean | undefined;
  /** Overwrites a unit that differs. */
  readonly replace: boolean;
  /** Stops proxies that are in the way. */
  readonly stop: boolean;
  /** Copies the data of the person who asked by sudo. */
  readonly copyData: boolean;
}

/** A proxy as `flm proxy status --json` tells it. */
export interface FoundProxy {
  readonly id: string;
  readonly profile: string;
  readonly url: string;
  readonly port: number;
  readonly pid: number;
}

export interface ServicePlan {
  readonly unit: ServiceUnit;
  readonly steps: readonly ServiceStep[];
  /** Sentences about what is not done, or needs the user. */
  readonly notes: readonly string[];
}

/** The data of the person who asked, which may be copied. */
export interface CopyOffer {
  readonly user: string;
  readonly folder: string;
}

export class ServiceManager {
  readonly #tools: ServiceTools;

  constructor(tools: ServiceTools) {
    this.#tools = tools;
  }

  /** Data of the person who asked by sudo that a new system service could take over; undefined if there is none. */
  async copyOffer(kind: ServiceKind): Promise<CopyOffer | undefined> {
    const { sudoUser, systemData } = this.#tools;
    if (kind !== 'system' || sudoUser === undefined || sudoUser === 'root') return undefined;
    if (this.#tools.facts(join(systemData, 'flm.db')) !== undefined) return undefined;
    const person = await findAccount(this.#tools, sudoUser);
    if (person === undefined) return undefined;
    const folder = join(person.home, '.local/share/flm');
    return this.#tools.facts(join(folder, 'flm.db')) === undefined ? undefined : { user: sudoUser, folder };
  }

  /** Throws a `ServiceError` or a `ProxyError`; then nothing was changed. */
  async planInstall(request: InstallRequest): Promise<ServicePlan> {
    const tools = this.#tools;
    const { kind, profile } = request;
    await this.#checkSystemd(kind, profile);
    const home = kind === 'system' ? tools.systemData : tools.ownData;
    const offer = request.copyData ? await this.copyOffer(kind) : undefined;
    const account = kind === 'system' ? await this.#checkAccount(request, home) : undefined;
    const config = await this.#configOf(request, offer?.folder ?? home);
    const installed = unitOf(tools.read(this.#file(kind, `${unitName(profile)}.service`)) ?? '');
    const inTheWay = await this.#inTheWay(request, { home, offer, config, installed });
    const sockets = await this.#socketsOf(request, config);
    const unit: ServiceUnit = {
      kind,
      profile,
      home,
      ...(kind === 'system' ? { account: request.account } : {}),
      program: tools.program,
      graceMs: config.graceMs,
      ...(sockets === undefined ? {} : { sockets }),
      notify: tools.facts('/usr/bin/systemd-notify') !== undefined,
    };
    const files = this.#filesOf(unit);
    const changed = files.filter(({ file, text }) => tools.read(file) !== text);
    for (const { file, text } of changed) this.#checkReplace(file, text, request, installed !== undefined);
    const steps: ServiceStep[] = [];
    for (const { proxy, folder } of inTheWay)
      steps.push(
        flmStep(tools, `stop ${proxy.id} (profile ${proxy.profile})`, folder, ['proxy', 'stop', proxy.id]),
      );
    if (kind === 'system') steps.push(...this.#folderSteps(request.account, home, account));
    if (offer !== undefined) steps.push(this.#copyStep(offer, home, request.account));
    if (request.settingFlags.length > 0) {
      const args = ['profile', 'save', profile, ...request.settingFlags];
      steps.push(flmStep(tools, `save the settings in profile ${profile}`, home, args));
    }
    if (changed.length > 0) steps.push(this.#writeStep(changed));
    // A socket unit that is no longer wanted would keep the port.
    const oldSocket = this.#file(kind, `${unitName(profile)}.socket`);
    if (sockets === undefined && tools.read(oldSocket) !== undefined)
      steps.push(await this.#removeStep(kind, `${unitName(profile)}.socket`));
    const isUnchanged = changed.length === 0 && steps.length === 0 && (await this.#isActive(unit));
    if (!isUnchanged) steps.push(this.#startStep(unit, installed !== undefined));
    if (kind === 'user') steps.push(...(await this.#lingerSteps()));
    return { unit, steps, notes: this.#notes(request, unit, offer) };
  }

  /** Throws SERVICE_NOT_INSTALLED, SERVICE_NEEDS_ROOT or SERVICE_UNIT_PACKAGED. */
  async planUninstall(kind: ServiceKind, profile: string, data: boolean): Promise<ServicePlan> {
    const tools = this.#tools;
    await this.#checkSystemd(kind, profile);
    const name = unitName(profile);
    const file = this.#file(kind, `${name}.service`);
    const unit = unitOf(tools.read(file) ?? '');
    if (unit === undefined) {
      this.#checkPackaged(name);
      if (tools.read(file) !== undefined) throw differs(file, 'flm did not write it', `${name}.service`);
      throw notInstalled(kind, `${name}.service`);
    }
    const steps = [];
    if (tools.read(this.#file(kind, `${name}.socket`)) !== undefined)
      steps.push(await this.#removeStep(kind, `${name}.socket`));
    steps.push(await this.#removeStep(kind, `${name}.service`));
    const notes: string[] = [];
    if (!data)
      notes.push(
        `The data stays in ${unit.home}${unit.account === undefined ? '' : `, and so does the user ${unit.account} that owns it`}.`,
      );
    else if (kind === 'system') steps.push(...(await this.#dataSteps(unit)));
    return { unit, steps, notes };
  }

  /** The installed unit of a profile, if flm or a package of flm wrote it. */
  unit(kind: ServiceKind, profile: string): ServiceUnit | undefined {
    const name = `${unitName(profile)}.service`;
    const own = unitOf(this.#tools.read(this.#file(kind, name)) ?? '');
    if (own !== undefined || kind === 'user') return own;
    const packaged = this.#tools.read(`/usr/lib/systemd/system/${name}`);
    return packaged === undefined ? undefined : this.#packagedUnit(profile, packaged);
  }

  /** The unit of a package has no line of flm's own: the settings that others need stand in its text. */
  #packagedUnit(profile: string, text: string): ServiceUnit {
    const account = /^User=(\S+)$/m.exec(text)?.[1];
    return {
      kind: 'system',
      profile,
      home: /\bFLM_HOME=(\S+)/.exec(text)?.[1] ?? this.#tools.systemData,
      ...(account === undefined ? {} : { account }),
      program: this.#tools.program,
      graceMs: 30_000,
      notify: text.includes('Type=notify'),
    };
  }

  /** All services of this kind that flm wrote, and may remove. */
  units(kind: ServiceKind): readonly ServiceUnit[] {
    const folder = this.unitFolder(kind);
    return this.#tools
      .list(folder)
      .filter((name) => /^flm(-[a-z0-9-]+)?\.service$/.test(name))
      .map((name) => unitOf(this.#tools.read(join(folder, name)) ?? ''))
      .filter((unit) => unit !== undefined);
  }

  /** Proxies that run with this data folder. Empty if there is none, or its owner's flm cannot be asked. */
  async running(folder: string): Promise<readonly FoundProxy[]> {
    if (this.#tools.facts(join(folder, 'flm.db')) === undefined) return [];
    const { code, stdout } = await this.#tools.flm(folder, ['proxy', 'status', '--json']);
    if (code !== 0) return [];
    return (JSON.parse(stdout) as { readonly proxies: readonly FoundProxy[] }).proxies;
  }

  /** Deletes what flm wrote into a data folder. */
  deleteData(home: string): ServiceStep {
    return deleteDataStep(this.#tools, home);
  }

  unitFolder(kind: ServiceKind): string {
    return kind === 'system' ? '/etc/systemd/system' : join(this.#tools.configHome, 'systemd/user');
  }

  /** Where the unit lies: in the folder of the administrator, or in that of packages. */
  unitFile(kind: ServiceKind, name: string): string {
    const file = this.#file(kind, name);
    return kind === 'user' || this.#tools.facts(file) !== undefined
      ? file
      : `/usr/lib/systemd/system/${name}`;
  }

  /** `systemctl`, for the system or for this user. */
  systemctl(kind: ServiceKind, ...args: readonly string[]): Words {
    return kind === 'system' ? ['systemctl', ...args] : ['systemctl', '--user', ...args];
  }

  #file(kind: ServiceKind, name: string): string {
    return join(this.unitFolder(kind), name);
  }

  async #checkSystemd(kind: ServiceKind, profile: string): Promise<void> {
    const { platform, uid, userName, facts } = this.#tools;
    if (platform !== 'linux') throw unsupported(platform);
    // sd_booted(3): this folder is there exactly where systemd runs as the first process.
    if (facts('/run/systemd/system') === undefined) throw unsupported('no systemd');
    if (kind === 'system') {
      if (uid !== 0)
        throw new ServiceError('SERVICE_NEEDS_ROOT', {
          params: { unit: `${unitName(profile)}.service` },
        });
      return;
    }
    const asked = await this.#tools.run(this.systemctl('user', 'show-environment'));
    if (asked.code === 0) return;
    const reason = asked.stderr.trim().split('\n')[0]?.replace(/\.$/, '') ?? '';
    throw new ServiceError('SERVICE_NO_USER_MANAGER', {
      params: { user: userName, reason: reason === '' ? 'it does not answer' : reason },
    });
  }

  /** Undefined where the user is to be created. */
  async #checkAccount({ account }: InstallRequest, home: string): Promise<Account | undefined> {
    const unfit = (reason: string): ServiceError =>
      new ServiceError('SERVICE_ACCOUNT_UNFIT', { params: { account, reason } });
    // useradd(8) of Debian, and what a unit takes as it is.
    if (!/^[a-z_][a-z0-9_-]{0,30}$/.test(account)) throw unfit('this is no name of a system user');
    if (account === 'root') throw unfit('root may do everything');
    const obstacle = programObstacle(this.#tools);
    if (obstacle !== undefined)
      throw new ServiceError('SERVICE_PROGRAM_UNREADABLE', { params: { ...obstacle } });
    const found = await findAccount(this.#tools, account);
    if (found !== undefined && isPerson(found)) throw unfit(`it belongs to a person (user id ${found.uid})`);
    const folder = this.#tools.facts(home);
    if (folder === undefined) return found;
    const folderUnfit = (reason: string): ServiceError =>
      new ServiceError('SERVICE_FOLDER_UNFIT', { params: { folder: home, reason, account } });
    if (!folder.isFolder) throw folderUnfit('it is not a folder');
    if (folder.uid === found?.uid) return found;
    if (folder.uid !== 0) throw folderUnfit(`it belongs to another user (user id ${folder.uid})`);
    // A folder such as /srv that was named by mistake must keep its owner.
    if (this.#tools.list(home).some((name) => name !== 'lost+found'))
      throw folderUnfit('it belongs to root and is not empty');
    return found;
  }

  /** The configuration that the service will start with. Throws a `ProxyError`. */
  async #configOf({ profile, settings }: InstallRequest, folder: string): Promise<ProxyConfig> {
    let saved: ProxyConfigInput = {};
    if (this.#tools.facts(join(folder, 'flm.db')) !== undefined) {
      const { code, stdout, stderr } = await this.#tools.flm(folder, ['profile', 'show', profile, '--json']);
      const known =
        code === 0 ? (JSON.parse(stdout) as { readonly config: ProxyConfigInput }).config : undefined;
      // A profile that the settings create is not there yet.
      if (known === undefined && (Object.keys(settings).length === 0 || !/PROFILE_NOT_FOUND/.test(stderr)))
        throw new ProxyError('PROFILE_NOT_FOUND', { params: { profile, near: '' } });
      saved = known ?? {};
    } else if (profile !== 'default' && Object.keys(settings).length === 0) {
      throw new ProxyError('PROFILE_NOT_FOUND', { params: { profile, near: '' } });
    }
    return parseProxyConfig({ ...saved, ...settings });
  }

  /** Proxies that must end first. Throws SERVICE_PROXY_RUNNING or PROXY_PORT_IN_USE. */
  async #inTheWay(
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
    const own = await this.running(home);
    // The service itself may run; it is restarted.
    if (installed === undefined)
      for (const proxy of own)
        if (proxy.profile === profile || (port !== 0 && proxy.port === port))
          found.push({ proxy, folder: home });
    const person = offer?.folder ?? (await this.#folderOfSudoUser());
    if (person !== undefined && person !== home)
      // A copy of a database that changes meanwhile would not be whole.
      for (const proxy of await this.running(person))
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
    return person === undefined ? undefined : join(person.home, '.local/share/flm');
  }

  async #socketsOf(
    { kind, socket, profile }: InstallRequest,
    config: ProxyConfig,
  ): Promise<readonly UnitSocket[] | undefined> {
    const port = configuredPort(config);
    const { acme, mode } = config;
    const mayProveByHttp =
      mode === 'https-acme' &&
      (acme.challenge === undefined ? acme.dnsHook === undefined : acme.challenge === 'http-01');
    const isLow = (port > 0 && port < firstFreePort) || (mayProveByHttp && acme.httpPort < firstFreePort);
    if (socket === false || (socket === undefined && !(kind === 'system' && isLow))) return undefined;
    if (port === 0) {
      const value = { field: 'port', value: '0', allowed: 'a fixed port, since systemd opens the socket' };
      throw new ProxyError('PROXY_INVALID_CONFIG', { faults: [value] });
    }
    const hasIpv6 = (this.#tools.read('/proc/net/if_inet6') ?? '') !== '';
    const addresses = bindAddresses(config).filter((address) => hasIpv6 || !address.includes(':'));
    const sockets = addresses.map((address) => ({ address, port }));
    if (!mayProveByHttp) return sockets;
    // A web server may have port 80; the domain is then proved by TLS-ALPN.
    const unitSocket = this.#tools.read(this.#file(kind, `${unitName(profile)}.socket`)) ?? '';
    for (const address of addresses) {
      const isOurs = unitSocket.includes(`ListenStream=${listenStream(address, acme.httpPort)}\n`);
      if (isOurs || (await this.#tools.portHolder(address, acme.httpPort)) === undefined)
        sockets.push({ address, port: acme.httpPort });
    }
    return sockets;
  }

  #filesOf(unit: ServiceUnit): readonly { readonly file: string; readonly text: string }[] {
    const file = (ending: string): string => this.#file(unit.kind, `${unitName(unit.profile)}.${ending}`);
    const service = { file: file('service'), text: serviceText(unit) };
    return unit.sockets === undefined
      ? [service]
      : [{ file: file('socket'), text: socketText(unit) }, service];
  }

  #checkReplace(file: string, _text: string, { replace, profile }: InstallRequest, isOurs: boolean): void {
    this.#checkPackaged(unitName(profile));
    const there = this.#tools.read(file);
    if (there === undefined || replace) return;
    const unit = unitOf(there);
    const isEdited = unit === undefined || ![serviceText(unit), socketText(unit)].includes(there);
    if (isEdited)
      throw differs(file, isOurs ? 'it was edited' : 'flm did not write it', `${unitName(profile)}.service`);
  }

  #checkPackaged(name: string): void {
    for (const folder of ['/usr/lib/systemd/system', '/lib/systemd/system']) {
      const file = `${folder}/${name}.service`;
      if (this.#tools.read(file) !== undefined)
        throw new ServiceError('SERVICE_UNIT_PACKAGED', { params: { file, unit: name } });
    }
  }

  #folderSteps(account: string, home: string, found: Account | undefined): readonly ServiceStep[] {
    const steps: ServiceStep[] = [];
    if (found === undefined)
      steps.push(
        commandStep(this.#tools, `create the system user ${account}`, [createAccount(account, home)]),
      );
    const folder = this.#tools.facts(home);
    if (folder === undefined || folder.uid !== found?.uid || (folder.mode & 0o777) !== 0o700)
      steps.push(
        commandStep(this.#tools, `make the data folder ${home}, for ${account} alone`, [
          ['install', '-d', '-m', '0700', '-o', account, '-g', account, home],
        ]),
      );
    return steps;
  }

  #copyStep({ user, folder }: CopyOffer, home: string, account: string): ServiceStep {
    return {
      title: `copy the data of ${user}: keys, profiles, policy, usage and certificates`,
      details: [`${folder} -> ${home} (the original stays)`],
      make: async () => {
        const owner = await findAccount(this.#tools, account);
        if (owner === undefined)
          throw new ServiceError('SERVICE_ACCOUNT_UNFIT', {
            params: { account, reason: 'it was not created' },
          });
        this.#tools.copyData(folder, home, owner);
      },
    };
  }

  #writeStep(files: readonly { readonly file: string; readonly text: string }[]): ServiceStep {
    return {
      title: 'write the unit',
      details: files.map(({ file }) => file),
      make: async () => {
        for (const { file, text } of files) this.#tools.write(file, text);
      },
    };
  }

  #startStep(unit: ServiceUnit, wasInstalled: boolean): ServiceStep {
    const { kind, sockets } = unit;
    const name = unitName(unit.profile);
    const units = sockets === undefined ? [`${name}.service`] : [`${name}.socket`, `${name}.service`];
    const commands = [
      this.systemctl(kind, 'daemon-reload'),
      this.systemctl(kind, 'enable', ...units),
      this.systemctl(kind, 'reset-failed', `${name}.service`),
      // A socket that changed is opened again; its service must not run then.
      ...(wasInstalled ? [this.systemctl(kind, 'stop', ...units.toReversed())] : []),
      this.systemctl(kind, 'start', ...units),
    ];
    return {
      title: wasInstalled ? 'start it again' : 'start it now and at each boot',
      details: commands.map((command) => command.join(' ')),
      make: async () => {
        // There is nothing to reset where it never failed.
        for (const command of commands.slice(0, -1))
          if (command.includes('reset-failed')) await this.#tools.run(command);
          else await mustRun(this.#tools, command);
        const last = commands.at(-1) as Words;
        const started = await this.#tools.run(last);
        if (started.code === 0) return;
        const reason =
          (await this.#failure(unit)) ?? started.stderr.trim().split('\n')[0] ?? 'systemctl failed';
        throw new ServiceError('SERVICE_START_FAILED', {
          params: { unit: `${name}.service`, reason: reason.replace(/\.$/, ''), start: last.join(' ') },
        });
      },
    };
  }

  /** The last error that the proxy wrote to the journal. */
  async #failure({ kind, profile }: ServiceUnit): Promise<string | undefined> {
    const manager = kind === 'system' ? [] : ['--user'];
    const { stdout } = await this.#tools.run([
      'journalctl',
      ...manager,
      '--unit',
      `${unitName(profile)}.service`,
      '--lines',
      '50',
      '--output',
      'cat',
    ]);
    const lines = stdout.split('\n').filter((line) => line.startsWith('{"level":"error"'));
    const last = lines.at(-1);
    return last === undefined ? undefined : (JSON.parse(last) as { readonly msg?: string }).msg;
  }

  async #removeStep(kind: ServiceKind, name: string): Promise<ServiceStep> {
    const file = this.#file(kind, name);
    const commands = [
      this.systemctl(kind, 'disable', '--now', name),
      this.systemctl(kind, 'daemon-reload'),
      this.systemctl(kind, 'reset-failed', name),
    ];
    return {
      title: `stop and remove ${name}`,
      details: [commands[0] as Words, ['rm', file], commands[1] as Words].map((words) => words.join(' ')),
      make: async () => {
        await mustRun(this.#tools, commands[0] as Words);
        this.#tools.remove(file);
        await mustRun(this.#tools, commands[1] as Words);
        await this.#tools.run(commands[2] as Words);
      },
    };
  }

  async #dataSteps({ home, account }: ServiceUnit): Promise<readonly ServiceStep[]> {
    const steps: ServiceStep[] = [deleteDataStep(this.#tools, home)];
    const found = account === undefined ? undefined : await findAccount(this.#tools, account);
    if (found !== undefined && !isPerson(found) && found.home === home)
      steps.push(commandStep(this.#tools, `delete the system user ${found.name}`, [['userdel', found.name]]));
    return steps;
  }

  /** Without it a service of a user ends at logout and does not start at boot. */
  async #lingerSteps(): Promise<readonly ServiceStep[]> {
    const { userName } = this.#tools;
    if (this.#tools.facts(`/var/lib/systemd/linger/${userName}`) !== undefined) return [];
    return [
      commandStep(this.#tools, 'let it run without a login, so that it starts at boot', [
        ['loginctl', 'enable-linger', userName],
      ]),
    ];
  }

  async #isActive({ kind, profile }: ServiceUnit): Promise<boolean> {
    const { code } = await this.#tools.run(this.systemctl(kind, 'is-active', `${unitName(profile)}.service`));
    return code === 0;
  }

  #notes({ kind }: InstallRequest, unit: ServiceUnit, copied: CopyOffer | undefined): readonly string[] {
    return [
      ...(unit.notify
        ? []
        : [
            'systemd-notify is not installed: the service has no watchdog, and a restart refuses connections.',
          ]),
      ...(copied === undefined
        ? []
        : [
            `From then on \`sudo flm\` works with ${unit.home}, and the data in ${copied.folder} is no longer used by the service.`,
          ]),
      ...(kind === 'system' && copied === undefined
        ? [`Manage it with \`sudo flm\`: the data is in ${unit.home}.`]
        : []),
    ];
  }
}

const firstFreePort = 1024;

export function notInstalled(kind: ServiceKind | undefined, unit: string): ServiceError {
  return new ServiceError('SERVICE_NOT_INSTALLED', {
    params: { kind: kind === undefined ? '' : `${kind} `, unit },
  });
}

function differs(file: string, reason: string, unit: string): ServiceError {
  return new ServiceError('SERVICE_UNIT_DIFFERS', { params: { file, reason, unit } });
}

function unsupported(where: string): ServiceError {
  const [reason, instead] =
    where === 'win32'
      ? [
          'Windows services are not supported',
          'Start flm at logon with the Task Scheduler: `schtasks /create /tn flm /sc onlogon /tr "flm proxy run"`.',
        ]
      : where === 'no systemd'
        ? [
            'systemd does not run on this machine',
            'Let your supervisor run `flm proxy run`; in a container make it the command of the container.',
          ]
        : [`${where} has no systemd`, 'Let your supervisor run `flm proxy run`.'];
  return new ServiceError('SERVICE_UNSUPPORTED', { params: { reason, instead } });
}
