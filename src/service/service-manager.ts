/**
 * Installs and removes a proxy as a service of systemd or launchd. Each operation first makes a plan, which changes
 * nothing: the steps that the user sees, or a `ServiceError` with the reason why the operation is not possible.
 */
import { ServiceError } from '../core/errors.ts';
import { type ServiceNote, serviceNote, stepRemark, stepTitle } from '../core/service-texts.ts';
import { type Account, createAccount, deleteAccount, findAccount, isPerson } from './accounts.ts';
import { type CopyOffer, InstallChecks } from './install-checks.ts';
import { Launchd } from './launchd.ts';
import {
  type InstallRequest,
  type ServiceFile,
  type ServiceState,
  type ServiceSystem,
  unsupported,
} from './service-system.ts';
import {
  commandStep,
  deleteDataStep,
  flmStep,
  type ServiceStep,
  type ServiceTools,
  type Words,
} from './service-tools.ts';
import { Systemd } from './systemd.ts';
import type { ServiceKind, ServiceUnit } from './unit-file.ts';

export interface ServicePlan {
  readonly unit: ServiceUnit;
  readonly steps: readonly ServiceStep[];
  /** Sentences about steps that are not done, or that the user must do. */
  readonly notes: readonly ServiceNote[];
}

export class ServiceManager {
  readonly #tools: ServiceTools;
  readonly #system: ServiceSystem;
  readonly #checks: InstallChecks;

  constructor(tools: ServiceTools) {
    this.#tools = tools;
    this.#system = tools.platform === 'darwin' ? new Launchd(tools) : new Systemd(tools);
    this.#checks = new InstallChecks(tools);
  }

  /** Returns the data of the user behind sudo that a new system service could copy; undefined if there is none. */
  copyOffer(kind: ServiceKind): Promise<CopyOffer | undefined> {
    return this.#checks.copyOffer(kind);
  }

  /** Throws a `ServiceError` or a `ProxyError`. Changes nothing. */
  async planInstall(request: InstallRequest): Promise<ServicePlan> {
    const tools = this.#tools;
    const system = this.#system;
    const { kind, profile } = request;
    await this.#check(kind, profile);
    const home = kind === 'system' ? tools.systemData : tools.ownData;
    const offer = request.copyData ? await this.#checks.copyOffer(kind) : undefined;
    const account = kind === 'system' ? await this.#checks.account(request, home) : undefined;
    const config = await this.#checks.config(request, offer?.folder ?? home);
    const installed = system.read(kind, profile);
    const inTheWay = await this.#checks.inTheWay(request, { home, offer, config, installed });
    const sockets = await system.sockets(request, config);
    const unit: ServiceUnit = {
      kind,
      profile,
      home,
      ...(kind === 'system' ? { account: request.account } : {}),
      program: tools.program,
      graceMs: config.graceMs,
      ...(sockets === undefined ? {} : { sockets }),
      notify: system.notify,
    };
    const files = system.files(unit);
    const changed = files.filter(({ file, text }) => tools.read(file) !== text);
    for (const { file } of changed) this.#checkReplace(file, request, installed !== undefined);
    const steps: ServiceStep[] = [];
    for (const { proxy, folder } of inTheWay)
      steps.push(
        flmStep(tools, stepTitle('stopProxy', proxy.id, proxy.profile), folder, ['proxy', 'stop', proxy.id]),
      );
    if (kind === 'system') steps.push(...(await this.#folderSteps(request.account, home, account)));
    if (offer !== undefined) steps.push(this.#copyStep(offer, home, request.account));
    if (request.settingFlags.length > 0) {
      const args = ['profile', 'save', profile, ...request.settingFlags];
      steps.push(flmStep(tools, stepTitle('saveSettings', profile), home, args));
    }
    if (changed.length > 0) steps.push(this.#writeStep(changed));
    steps.push(...system.leftoverSteps(unit));
    const isUnchanged = steps.length === 0 && (await system.state(unit)).state === 'active';
    if (!isUnchanged) steps.push(system.startStep(unit, installed !== undefined));
    steps.push(...system.bootSteps(kind));
    return { unit, steps, notes: [...system.notes(unit, config), ...this.#dataNotes(unit, offer)] };
  }

  /** Throws SERVICE_NOT_INSTALLED, SERVICE_NEEDS_ROOT or SERVICE_UNIT_PACKAGED. */
  async planUninstall(kind: ServiceKind, profile: string, data: boolean): Promise<ServicePlan> {
    const system = this.#system;
    await this.#check(kind, profile);
    const unit = system.read(kind, profile);
    if (unit === undefined) {
      system.checkPackaged(profile);
      const file = system.file(kind, profile);
      if (this.#tools.read(file) !== undefined)
        throw differs(file, 'flm did not write it', system.name(profile));
      throw notInstalled(kind, system.name(profile));
    }
    const steps = [...system.removeSteps(unit)];
    const notes: ServiceNote[] = [];
    if (!data)
      notes.push(
        unit.account === undefined
          ? serviceNote('dataStays', unit.home)
          : serviceNote('dataAndUserStay', unit.home, unit.account),
      );
    else if (kind === 'system') steps.push(...(await this.#dataSteps(unit)));
    return { unit, steps, notes };
  }

  /** Returns the installed service of a profile, if flm or a package of flm wrote it. */
  unit(kind: ServiceKind, profile: string): ServiceUnit | undefined {
    return this.#system.find(kind, profile);
  }

  /** Deletes the files that flm wrote into a data folder. */
  deleteData(home: string): ServiceStep {
    return deleteDataStep(this.#tools, home);
  }

  /** Returns all services of this scope that flm wrote, and may remove. */
  units(kind: ServiceKind): readonly ServiceUnit[] {
    return this.#system.list(kind);
  }

  /** The name of the service in the operating system. */
  nameOf(profile: string): string {
    return this.#system.name(profile);
  }

  /** The path of the service file: in the administrator's folder, or in the folder of packages. */
  fileOf({ kind, profile }: ServiceUnit): string {
    return this.#system.installedFile(kind, profile);
  }

  stateOf(unit: ServiceUnit): Promise<ServiceState> {
    return this.#system.state(unit);
  }

  /** Returns the command that prints the log of the service. */
  logCommand(unit: ServiceUnit, lines: string, follow: boolean): Words {
    return this.#system.logCommand(unit, lines, follow);
  }

  async #check(kind: ServiceKind, profile: string): Promise<void> {
    const { platform } = this.#tools;
    if (platform === 'win32')
      throw unsupported(
        'Windows services are not supported',
        'Start flm at logon with the Task Scheduler: `schtasks /create /tn flm /sc onlogon /tr "flm proxy run"`.',
      );
    if (platform !== 'linux' && platform !== 'darwin')
      throw unsupported(`${platform} has no systemd`, 'Let your supervisor run `flm proxy run`.');
    await this.#system.check(kind, profile);
  }

  #checkReplace(file: string, { replace, profile }: InstallRequest, isOurs: boolean): void {
    const system = this.#system;
    system.checkPackaged(profile);
    const there = this.#tools.read(file);
    if (there === undefined || replace) return;
    const unit = system.parse(there);
    const isEdited = unit === undefined || !system.files(unit).some(({ text }) => text === there);
    if (isEdited)
      throw differs(file, isOurs ? 'it was edited' : 'flm did not write it', system.name(profile));
  }

  async #folderSteps(
    account: string,
    home: string,
    found: Account | undefined,
  ): Promise<readonly ServiceStep[]> {
    const steps: ServiceStep[] = [];
    if (found === undefined)
      steps.push(
        commandStep(
          this.#tools,
          stepTitle('createUser', account),
          await createAccount(this.#tools, account, home),
        ),
      );
    const folder = this.#tools.facts(home);
    if (folder === undefined || folder.uid !== found?.uid || (folder.mode & 0o777) !== 0o700)
      steps.push(
        commandStep(this.#tools, stepTitle('makeFolder', home, account), [
          ['install', '-d', '-m', '0700', '-o', account, '-g', account, home],
        ]),
      );
    return steps;
  }

  #copyStep({ user, folder }: CopyOffer, home: string, account: string): ServiceStep {
    return {
      title: stepTitle('copyData', user),
      details: [],
      remark: stepRemark('originalStays', folder, home),
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

  async #dataSteps({ home, account }: ServiceUnit): Promise<readonly ServiceStep[]> {
    const steps: ServiceStep[] = [deleteDataStep(this.#tools, home)];
    const found = account === undefined ? undefined : await findAccount(this.#tools, account);
    if (found !== undefined && !isPerson(this.#tools, found) && found.home === home)
      steps.push(
        commandStep(this.#tools, stepTitle('deleteUser', found.name), deleteAccount(this.#tools, found.name)),
      );
    return steps;
  }

  #writeStep(files: readonly ServiceFile[]): ServiceStep {
    return {
      title: stepTitle('writeUnit'),
      details: files.map(({ file }) => file),
      make: async () => {
        for (const { file, text } of files) this.#tools.write(file, text);
      },
    };
  }

  #dataNotes({ kind, home }: ServiceUnit, copied: CopyOffer | undefined): readonly ServiceNote[] {
    if (copied !== undefined) return [serviceNote('copied', home, copied.folder)];
    return kind === 'system' ? [serviceNote('withSudo', home)] : [];
  }
}

function notInstalled(kind: ServiceKind, unit: string): ServiceError {
  return new ServiceError('SERVICE_NOT_INSTALLED', { params: { kind: `${kind} `, unit } });
}

function differs(file: string, reason: string, unit: string): ServiceError {
  return new ServiceError('SERVICE_UNIT_DIFFERS', { params: { file, reason, unit } });
}
