/**
 * launchd services on macOS: a property list and the commands of `launchctl`. Written from launchd.plist(5) and
 * launchctl(1), and not tested on macOS.
 */

import { posix } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '../core/errors.ts';
import { configuredPort, type ProxyConfig } from '../core/proxy/proxy-config.ts';
import { type ServiceNote, serviceNote, stepTitle } from '../core/service-texts.ts';
import { plistLabel, plistText, unitOfPlist } from './plist.ts';
import {
  type InstallRequest,
  needsRoot,
  type ServiceFile,
  type ServiceState,
  type ServiceSystem,
  unsupported,
} from './service-system.ts';
import { mustRun, type ServiceStep, type ServiceTools, type Words, wordsText } from './service-tools.ts';
import type { ServiceKind, ServiceUnit } from './unit-file.ts';

/** How often, and how many times, flm checks whether launchd has removed a service. */
const lookMs = 250;
const looks = 240;

export class Launchd implements ServiceSystem {
  readonly #tools: ServiceTools;
  readonly #lookMs: number;
  /** launchd cannot be told that another process is the main process. */
  readonly notify = false;

  /** `pauseMs` is for tests. */
  constructor(tools: ServiceTools, pauseMs = lookMs) {
    this.#tools = tools;
    this.#lookMs = pauseMs;
  }

  async check(kind: ServiceKind, profile: string): Promise<void> {
    if (kind === 'system' && this.#tools.uid !== 0) throw needsRoot(this.name(profile));
  }

  name(profile: string): string {
    return plistLabel(profile);
  }

  file(kind: ServiceKind, profile: string): string {
    return posix.join(this.#folder(kind), `${plistLabel(profile)}.plist`);
  }

  installedFile(kind: ServiceKind, profile: string): string {
    return this.file(kind, profile);
  }

  read(kind: ServiceKind, profile: string): ServiceUnit | undefined {
    return unitOfPlist(this.#tools.read(this.file(kind, profile)) ?? '');
  }

  find(kind: ServiceKind, profile: string): ServiceUnit | undefined {
    return this.read(kind, profile);
  }

  list(kind: ServiceKind): readonly ServiceUnit[] {
    const folder = this.#folder(kind);
    return this.#tools
      .list(folder)
      .filter((name) => /^dev\.flm\.[a-z0-9-]+\.plist$/.test(name))
      .map((name) => unitOfPlist(this.#tools.read(posix.join(folder, name)) ?? ''))
      .filter((unit) => unit !== undefined);
  }

  parse(text: string): ServiceUnit | undefined {
    return unitOfPlist(text);
  }

  checkPackaged(): void {
    // No package for macOS contains a service.
  }

  async sockets({ socket }: InstallRequest): Promise<undefined> {
    // A program gets the sockets by launch_activate_socket(3), which Node does not offer.
    if (socket === true) throw unsupported('launchd cannot pass sockets to flm', 'Leave out --socket.');
  }

  files(unit: ServiceUnit): readonly ServiceFile[] {
    const text = plistText(unit, this.#logFile(unit));
    return [{ file: this.file(unit.kind, unit.profile), text }];
  }

  leftoverSteps(): readonly ServiceStep[] {
    return [];
  }

  startStep(unit: ServiceUnit, wasInstalled: boolean): ServiceStep {
    const { kind, profile } = unit;
    const target = this.#target(unit);
    const bootout: Words = ['launchctl', 'bootout', target];
    const enable: Words = ['launchctl', 'enable', target];
    const bootstrap: Words = ['launchctl', 'bootstrap', this.#domain(kind), this.file(kind, profile)];
    const commands = [...(wasInstalled ? [bootout] : []), enable, bootstrap];
    const atStart = kind === 'system' ? 'startAtBoot' : 'startAtLogin';
    return {
      title: stepTitle(wasInstalled ? 'startAgain' : atStart),
      details: commands.map(wordsText),
      make: async () => {
        if (wasInstalled) await this.#bootOut(unit);
        await mustRun(this.#tools, enable);
        const started = await this.#tools.run(bootstrap);
        if (started.code === 0) return;
        const reason = started.stderr.trim().split('\n')[0]?.replace(/\.$/, '') || 'launchctl failed';
        throw new ServiceError('SERVICE_START_FAILED', {
          params: { unit: plistLabel(profile), reason, start: wordsText(bootstrap) },
        });
      },
    };
  }

  removeSteps(unit: ServiceUnit): readonly ServiceStep[] {
    const file = this.file(unit.kind, unit.profile);
    return [
      {
        title: stepTitle('stopAndRemove', plistLabel(unit.profile)),
        details: [
          ['launchctl', 'bootout', this.#target(unit)],
          ['rm', file],
        ].map(wordsText),
        make: async () => {
          await this.#bootOut(unit);
          this.#tools.remove(file);
        },
      },
    ];
  }

  bootSteps(): readonly ServiceStep[] {
    return [];
  }

  /** launchctl(1) prints this for people. If a later macOS renames a field, the field is missing here. */
  async state(unit: ServiceUnit): Promise<ServiceState> {
    const { code, stdout } = await this.#tools.run(['launchctl', 'print', this.#target(unit)]);
    const value = (name: string): string | undefined =>
      new RegExp(`^\\s*${name} = (.+)$`, 'm').exec(stdout)?.[1];
    const pid = Number(value('pid'));
    const subState = code === 0 ? (value('state') ?? 'unknown') : 'not loaded';
    return {
      state: subState === 'running' ? 'active' : 'inactive',
      subState,
      mainPid: pid > 0 ? pid : null,
      restarts: Math.max(0, Number(value('runs') ?? 1) - 1) || 0,
      enabled: this.read(unit.kind, unit.profile) !== undefined,
      since: null,
      statusText: null,
    };
  }

  logCommand(unit: ServiceUnit, lines: string, follow: boolean): Words {
    return ['tail', '-n', lines, ...(follow ? ['-F'] : []), this.#logFile(unit)];
  }

  notes(unit: ServiceUnit, config: ProxyConfig): readonly ServiceNote[] {
    const port = configuredPort(config);
    return [
      serviceNote('launchd'),
      serviceNote('launchdLog', this.#logFile(unit)),
      ...(unit.kind === 'user' ? [serviceNote('launchdUser')] : []),
      ...(port > 0 && port < 1024 ? [serviceNote('launchdPort', String(port))] : []),
    ];
  }

  /** `bootout` returns before the service has ended, and `bootstrap` fails until then. */
  async #bootOut(unit: ServiceUnit): Promise<void> {
    const target = this.#target(unit);
    // The command fails if the service is not loaded; that is no problem.
    await this.#tools.run(['launchctl', 'bootout', target]);
    for (let look = 0; look < looks; look++) {
      if ((await this.#tools.run(['launchctl', 'print', target])).code !== 0) return;
      await delay(this.#lookMs);
    }
  }

  #domain(kind: ServiceKind): string {
    return kind === 'system' ? 'system' : `gui/${this.#tools.uid}`;
  }

  #target({ kind, profile }: ServiceUnit): string {
    return `${this.#domain(kind)}/${plistLabel(profile)}`;
  }

  #folder(kind: ServiceKind): string {
    return kind === 'system'
      ? '/Library/LaunchDaemons'
      : posix.join(this.#tools.userHome, 'Library/LaunchAgents');
  }

  /** launchd creates the file for the user of the service. The folder must exist. */
  #logFile({ kind, profile }: ServiceUnit): string {
    const folder = kind === 'system' ? '/Library/Logs' : posix.join(this.#tools.userHome, 'Library/Logs');
    return posix.join(folder, `${plistLabel(profile)}.log`);
  }
}
