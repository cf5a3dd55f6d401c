/** systemd services: unit files, and the commands of `systemctl`, `journalctl` and `loginctl`. */
import { join } from 'node:path';
import { ProxyError, ServiceError } from '../core/errors.ts';
import { bindAddresses, configuredPort, type ProxyConfig } from '../core/proxy/proxy-config.ts';
import { type ServiceNote, serviceNote, stepTitle } from '../core/service-texts.ts';
import {
  type InstallRequest,
  needsRoot,
  type ServiceFile,
  type ServiceState,
  type ServiceSystem,
  unsupported,
} from './service-system.ts';
import { commandStep, mustRun, type ServiceStep, type ServiceTools, type Words } from './service-tools.ts';
import {
  listenStream,
  type ServiceKind,
  type ServiceUnit,
  serviceUnitText,
  socketText,
  type UnitSocket,
  unitName,
  unitOf,
} from './unit-file.ts';

const firstFreePort = 1024;
const packageFolder = '/usr/lib/systemd/system';

/** The properties of `systemctl show` that a state is read from. */
const shownProperties =
  'ActiveState,SubState,MainPID,NRestarts,UnitFileState,ActiveEnterTimestamp,StatusText';

export class Systemd implements ServiceSystem {
  readonly #tools: ServiceTools;

  constructor(tools: ServiceTools) {
    this.#tools = tools;
  }

  async check(kind: ServiceKind, profile: string): Promise<void> {
    const { uid, userName, facts } = this.#tools;
    // sd_booted(3): this folder exists if and only if systemd runs as the first process.
    if (facts('/run/systemd/system') === undefined)
      throw unsupported(
        'systemd does not run on this machine',
        'Let your supervisor run `flm proxy run`; in a container make it the command of the container.',
      );
    if (kind === 'system') {
      if (uid !== 0) throw needsRoot(this.name(profile));
      return;
    }
    const asked = await this.#tools.run(systemctl('user', 'show-environment'));
    if (asked.code === 0) return;
    const reason = asked.stderr.trim().split('\n')[0]?.replace(/\.$/, '') ?? '';
    throw new ServiceError('SERVICE_NO_USER_MANAGER', {
      params: { user: userName, reason: reason === '' ? 'it does not answer' : reason },
    });
  }

  name(profile: string): string {
    return `${unitName(profile)}.service`;
  }

  file(kind: ServiceKind, profile: string): string {
    return join(this.#folder(kind), this.name(profile));
  }

  installedFile(kind: ServiceKind, profile: string): string {
    const file = this.file(kind, profile);
    return kind === 'user' || this.#tools.facts(file) !== undefined
      ? file
      : join(packageFolder, this.name(profile));
  }

  read(kind: ServiceKind, profile: string): ServiceUnit | undefined {
    return unitOf(this.#tools.read(this.file(kind, profile)) ?? '');
  }

  find(kind: ServiceKind, profile: string): ServiceUnit | undefined {
    const own = this.read(kind, profile);
    if (own !== undefined || kind === 'user') return own;
    const packaged = this.#tools.read(join(packageFolder, this.name(profile)));
    return packaged === undefined ? undefined : this.#packagedUnit(profile, packaged);
  }

  list(kind: ServiceKind): readonly ServiceUnit[] {
    const folder = this.#folder(kind);
    return this.#tools
      .list(folder)
      .filter((name) => /^flm(-[a-z0-9-]+)?\.service$/.test(name))
      .map((name) => unitOf(this.#tools.read(join(folder, name)) ?? ''))
      .filter((unit) => unit !== undefined);
  }

  parse(text: string): ServiceUnit | undefined {
    return unitOf(text);
  }

  checkPackaged(profile: string): void {
    for (const folder of [packageFolder, '/lib/systemd/system']) {
      const file = `${folder}/${this.name(profile)}`;
      if (this.#tools.read(file) !== undefined)
        throw new ServiceError('SERVICE_UNIT_PACKAGED', { params: { file, unit: unitName(profile) } });
    }
  }

  get notify(): boolean {
    return this.#tools.facts('/usr/bin/systemd-notify') !== undefined;
  }

  async sockets(
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
    // A web server may hold port 80. Then TLS-ALPN proves control of the domain.
    const unitSocket = this.#tools.read(this.#socketFile(kind, profile)) ?? '';
    for (const address of addresses) {
      const isOurs = unitSocket.includes(`ListenStream=${listenStream(address, acme.httpPort)}\n`);
      if (isOurs || (await this.#tools.portHolder(address, acme.httpPort)) === undefined)
        sockets.push({ address, port: acme.httpPort });
    }
    return sockets;
  }

  files(unit: ServiceUnit): readonly ServiceFile[] {
    const { kind, profile } = unit;
    const service = { file: this.file(kind, profile), text: serviceUnitText(unit) };
    return unit.sockets === undefined
      ? [service]
      : [{ file: this.#socketFile(kind, profile), text: socketText(unit) }, service];
  }

  leftoverSteps({ kind, profile, sockets }: ServiceUnit): readonly ServiceStep[] {
    // A socket unit that is no longer wanted would keep the port.
    const isLeft = sockets === undefined && this.#tools.read(this.#socketFile(kind, profile)) !== undefined;
    return isLeft ? [this.#removeStep(kind, `${unitName(profile)}.socket`)] : [];
  }

  startStep(unit: ServiceUnit, wasInstalled: boolean): ServiceStep {
    const { kind, sockets } = unit;
    const name = unitName(unit.profile);
    const units = sockets === undefined ? [`${name}.service`] : [`${name}.socket`, `${name}.service`];
    const commands = [
      systemctl(kind, 'daemon-reload'),
      systemctl(kind, 'enable', ...units),
      systemctl(kind, 'reset-failed', `${name}.service`),
      // A changed socket is opened again, and its service must not run at that time.
      ...(wasInstalled ? [systemctl(kind, 'stop', ...units.toReversed())] : []),
      systemctl(kind, 'start', ...units),
    ];
    return {
      title: stepTitle(wasInstalled ? 'startAgain' : 'startAtBoot'),
      details: commands.map((command) => command.join(' ')),
      make: async () => {
        // The command fails if the unit never failed; that is no problem.
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

  removeSteps({ kind, profile }: ServiceUnit): readonly ServiceStep[] {
    const service = this.#removeStep(kind, this.name(profile));
    return this.#tools.read(this.#socketFile(kind, profile)) === undefined
      ? [service]
      : [this.#removeStep(kind, `${unitName(profile)}.socket`), service];
  }

  /** Without lingering, a user's service ends at logout and does not start at boot. */
  bootSteps(kind: ServiceKind): readonly ServiceStep[] {
    const { userName } = this.#tools;
    if (kind === 'system' || this.#tools.facts(`/var/lib/systemd/linger/${userName}`) !== undefined)
      return [];
    return [
      commandStep(this.#tools, stepTitle('runWithoutLogin'), [['loginctl', 'enable-linger', userName]]),
    ];
  }

  async state({ kind, profile }: ServiceUnit): Promise<ServiceState> {
    const { stdout } = await this.#tools.run(
      systemctl(kind, 'show', this.name(profile), '--property', shownProperties),
    );
    const values = new Map(
      stdout.split('\n').map((line) => {
        const at = line.indexOf('=');
        return [line.slice(0, at), line.slice(at + 1)] as const;
      }),
    );
    const value = (name: string): string | null => values.get(name) || null;
    const mainPid = Number(value('MainPID') ?? 0);
    return {
      state: value('ActiveState') ?? 'unknown',
      subState: value('SubState') ?? 'unknown',
      mainPid: mainPid === 0 ? null : mainPid,
      restarts: Number(value('NRestarts') ?? 0),
      enabled: value('UnitFileState') === 'enabled',
      since: value('ActiveEnterTimestamp'),
      statusText: value('StatusText'),
    };
  }

  logCommand({ kind, profile }: ServiceUnit, lines: string, follow: boolean): Words {
    return [
      ...this.#journalctl(kind, profile, lines),
      ...['--no-pager', '--quiet'],
      ...(follow ? ['--follow'] : []),
    ];
  }

  notes({ notify }: ServiceUnit): readonly ServiceNote[] {
    return notify ? [] : [serviceNote('noNotify')];
  }

  #folder(kind: ServiceKind): string {
    return kind === 'system' ? '/etc/systemd/system' : join(this.#tools.configHome, 'systemd/user');
  }

  #socketFile(kind: ServiceKind, profile: string): string {
    return join(this.#folder(kind), `${unitName(profile)}.socket`);
  }

  #journalctl(kind: ServiceKind, profile: string, lines: string): Words {
    return [
      'journalctl',
      ...(kind === 'system' ? [] : ['--user']),
      ...['--unit', this.name(profile), '--lines', lines, '--output', 'cat'],
    ];
  }

  /** The unit of a package has no line with flm's settings, so the settings are read from its text. */
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

  /** Returns the last error that the proxy wrote to the journal. */
  async #failure({ kind, profile }: ServiceUnit): Promise<string | undefined> {
    const { stdout } = await this.#tools.run(this.#journalctl(kind, profile, '50'));
    const last = stdout.split('\n').findLast((line) => line.startsWith('{"level":"error"'));
    return last === undefined ? undefined : (JSON.parse(last) as { readonly msg?: string }).msg;
  }

  #removeStep(kind: ServiceKind, name: string): ServiceStep {
    const file = join(this.#folder(kind), name);
    const disable = systemctl(kind, 'disable', '--now', name);
    const reload = systemctl(kind, 'daemon-reload');
    return {
      title: stepTitle('stopAndRemove', name),
      details: [disable, ['rm', file], reload].map((words) => words.join(' ')),
      make: async () => {
        await mustRun(this.#tools, disable);
        this.#tools.remove(file);
        await mustRun(this.#tools, reload);
        await this.#tools.run(systemctl(kind, 'reset-failed', name));
      },
    };
  }
}

/** Returns the command `systemctl`, for the system or for this user. */
function systemctl(kind: ServiceKind, ...args: readonly string[]): Words {
  return kind === 'system' ? ['systemctl', ...args] : ['systemctl', '--user', ...args];
}
