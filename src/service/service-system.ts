/**
 * The program of the operating system that runs services: systemd or launchd. Defines the paths and contents of a
 * service's files, and the commands that start, remove and show the service.
 */
import { ServiceError } from '../core/errors.ts';
import type { ProxyConfig, ProxyConfigInput } from '../core/proxy/proxy-config.ts';
import type { ServiceNote } from '../core/service-texts.ts';
import type { ServiceStep, Words } from './service-tools.ts';
import type { ServiceKind, ServiceUnit, UnitSocket } from './unit-file.ts';

export interface InstallRequest {
  readonly kind: ServiceKind;
  readonly profile: string;
  /** The user of a system service. */
  readonly account: string;
  /** Settings that are saved in the profile, and the flags that set them. */
  readonly settings: ProxyConfigInput;
  readonly settingFlags: readonly string[];
  /** True: systemd opens the sockets. Undefined: only if a port is below 1024. */
  readonly socket: boolean | undefined;
  /** Overwrites a unit that differs. */
  readonly replace: boolean;
  /** Stops proxies that are in the way. */
  readonly stop: boolean;
  /** Copies the data of the user behind sudo. */
  readonly copyData: boolean;
}

export interface ServiceFile {
  readonly file: string;
  readonly text: string;
}

/** A service as the operating system shows it. */
export interface ServiceState {
  /** `active`, `activating`, `failed`, `inactive`, … */
  readonly state: string;
  readonly subState: string;
  /** Null while no process runs. */
  readonly mainPid: number | null;
  /** How often it was restarted since its last start by hand. */
  readonly restarts: number;
  /** True if the service starts at boot, or at login. */
  readonly enabled: boolean;
  /** The start time as systemd prints it; null if the service never started, and under launchd. */
  readonly since: string | null;
  /** The last status text that the proxy sent to systemd; null under launchd. */
  readonly statusText: string | null;
}

export interface ServiceSystem {
  /** Throws a `ServiceError` if this user cannot change services here. */
  check(kind: ServiceKind, profile: string): Promise<void>;
  /** The name of the service, such as `flm.service`. */
  name(profile: string): string;
  /** The path where flm writes the service file. */
  file(kind: ServiceKind, profile: string): string;
  /** The path of the installed service file; a package may use another folder. */
  installedFile(kind: ServiceKind, profile: string): string;
  /** The settings of an installed service; undefined if flm wrote none. */
  read(kind: ServiceKind, profile: string): ServiceUnit | undefined;
  /** Like `read`, but also finds the service of an installed package. */
  find(kind: ServiceKind, profile: string): ServiceUnit | undefined;
  /** All services that flm wrote. */
  list(kind: ServiceKind): readonly ServiceUnit[];
  /** The settings in the text of a service file. */
  parse(text: string): ServiceUnit | undefined;
  /** Throws SERVICE_UNIT_PACKAGED. */
  checkPackaged(profile: string): void;
  /** The sockets that the system opens for the proxy; undefined: the proxy opens them. */
  sockets(request: InstallRequest, config: ProxyConfig): Promise<readonly UnitSocket[] | undefined>;
  /** True if the proxy can report a new main process to it. */
  readonly notify: boolean;
  files(unit: ServiceUnit): readonly ServiceFile[];
  /** Removes files of an earlier installation that the unit no longer has. */
  leftoverSteps(unit: ServiceUnit): readonly ServiceStep[];
  startStep(unit: ServiceUnit, wasInstalled: boolean): ServiceStep;
  removeSteps(unit: ServiceUnit): readonly ServiceStep[];
  /** The steps for a user's service to start at boot. */
  bootSteps(kind: ServiceKind): readonly ServiceStep[];
  state(unit: ServiceUnit): Promise<ServiceState>;
  logCommand(unit: ServiceUnit, lines: string, follow: boolean): Words;
  /** Sentences that the user should read before the installation. */
  notes(unit: ServiceUnit, config: ProxyConfig): readonly ServiceNote[];
}

export function needsRoot(unit: string): ServiceError {
  return new ServiceError('SERVICE_NEEDS_ROOT', { params: { unit } });
}

export function unsupported(reason: string, instead: string): ServiceError {
  return new ServiceError('SERVICE_UNSUPPORTED', { params: { reason, instead } });
}
