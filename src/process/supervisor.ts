/**
 * Finds the supervisor of this process: the program that restarts a proxy that ends. A supervised proxy must not be
 * replaced by a process that its supervisor does not know.
 *
 * Only `flm proxy run` is ever supervised. INVOCATION_ID and a plain NOTIFY_SOCKET prove nothing: each program that is
 * started in a desktop session or by a terminal that systemd manages inherits them. systemd also sets SYSTEMD_EXEC_PID,
 * the id of the process that it started itself (systemd.exec(5), since version 248).
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Environment } from '../core/environment.ts';

export const supervisorKinds = [
  'systemd-notify',
  'systemd',
  'launchd',
  'runit',
  's6',
  'supervisord',
  'container',
  'none',
] as const;
/** `systemd-notify` is a unit that accepts a new main process; `systemd` is any other unit. */
export type SupervisorKind = (typeof supervisorKinds)[number];

export interface Supervisor {
  readonly kind: SupervisorKind;
  /** The command that restarts the proxy under this supervisor; undefined if there is no supervisor. */
  readonly restartCommand: string | undefined;
  /** The name of the systemd unit, with its suffix. */
  readonly unit?: string;
}

export interface SupervisorFacts {
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  readonly pid: number;
  readonly ppid: number;
  /** Empty if the working folder was deleted. */
  readonly workingFolder: string;
  /** Undefined on Windows. */
  readonly uid: number | undefined;
  /** This process replaced a supervised process, so systemd did not start its pid. */
  readonly successor?: boolean;
  /** Empty if the file cannot be read. */
  read(path: string): string;
  exists(path: string): boolean;
}

/** Facts about the calling process. `env` is passed in because only one file reads the environment. */
export function supervisorFacts(env: Environment, successor = false): SupervisorFacts {
  return {
    env,
    platform: process.platform,
    pid: process.pid,
    ppid: process.ppid,
    workingFolder: workingFolder(),
    uid: process.getuid?.(),
    successor,
    read: (path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return '';
      }
    },
    exists: existsSync,
  };
}

function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    return '';
  }
}

const notifyPrograms: readonly string[] = ['/usr/bin/systemd-notify', '/bin/systemd-notify'];

/** The path of `systemd-notify`; undefined if it is not installed. */
export function notifyProgram({ exists }: Pick<SupervisorFacts, 'exists'>): string | undefined {
  return notifyPrograms.find((path) => exists(path));
}

/** Finds the supervisor of this process, which runs `flm proxy run` or has replaced such a process. */
export function findSupervisor(facts: SupervisorFacts): Supervisor {
  return (
    bySystemd(facts) ?? byParent(facts) ?? byContainer(facts) ?? { kind: 'none', restartCommand: undefined }
  );
}

/**
 * Returns the environment without the variables that a supervisor sets for its child. A program started with this
 * environment is not mistaken for the supervised process.
 */
export function withoutSupervisor(env: Environment): Environment {
  const own = new Set([
    'NOTIFY_SOCKET',
    'WATCHDOG_USEC',
    'WATCHDOG_PID',
    'LISTEN_FDS',
    'LISTEN_PID',
    'LISTEN_FDNAMES',
    'SYSTEMD_EXEC_PID',
    'SUPERVISOR_PROCESS_NAME',
  ]);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.has(name)));
}

function bySystemd(facts: SupervisorFacts): Supervisor | undefined {
  const { env, platform, pid, ppid, successor } = facts;
  if (platform !== 'linux') return undefined;
  const started = Number(env.SYSTEMD_EXEC_PID);
  const notifies = Boolean(env.NOTIFY_SOCKET);
  // systemd before version 248 sets no SYSTEMD_EXEC_PID. A shell or npm may stand between systemd and this process.
  const isOwn = notifies
    ? env.SYSTEMD_EXEC_PID === undefined || started === pid || started === ppid || successor === true
    : started === pid;
  if (!isOwn) return undefined;
  const { unit, manager } = unitOf(facts);
  return {
    kind: notifies && notifyProgram(facts) !== undefined ? 'systemd-notify' : 'systemd',
    restartCommand: `${manager} restart ${unit ?? 'UNIT'}`,
    ...(unit === undefined ? {} : { unit }),
  };
}

/** cgroups(7): the unit is the last part of the path with the suffix of a unit. */
function unitOf({ read }: SupervisorFacts): { readonly unit: string | undefined; readonly manager: string } {
  const path = /^(?:0:|\d+:name=systemd)[^/]*(\/.*)$/m.exec(read('/proc/self/cgroup'))?.[1] ?? '';
  const parts = path.split('/');
  const unit = parts.findLast((part) => /^[\w:.@\\-]+\.service$/.test(part));
  const isUser = parts.some((part) => /^user@\d+\.service$/.test(part)) && !/^user@\d+\./.test(unit ?? '');
  return { unit, manager: isUser ? 'systemctl --user' : 'sudo systemctl' };
}

function byParent(facts: SupervisorFacts): Supervisor | undefined {
  const { env, platform, ppid, read, workingFolder } = facts;
  const parent = read(`/proc/${ppid}/comm`).trim();
  // Both change into the folder of the service before they start it.
  if (parent === 'runsv')
    return { kind: 'runit', restartCommand: `sv restart ${basename(workingFolder) || 'SERVICE'}` };
  if (parent === 's6-supervise')
    return { kind: 's6', restartCommand: `s6-svc -r ${workingFolder || 'SERVICE'}` };
  const program = env.SUPERVISOR_PROCESS_NAME;
  if (program !== undefined && parent.startsWith('supervisord'))
    return { kind: 'supervisord', restartCommand: `supervisorctl restart ${program}` };
  const label = env.XPC_SERVICE_NAME;
  if (platform === 'darwin' && ppid === 1 && label !== undefined && label !== '0')
    return { kind: 'launchd', restartCommand: kickstart(facts, label) };
  return undefined;
}

/** A service of the machine lies in /Library/LaunchDaemons; any other belongs to the login of a user (launchctl(1)). */
function kickstart({ exists, uid }: SupervisorFacts, label: string): string {
  return exists(`/Library/LaunchDaemons/${label}.plist`)
    ? `sudo launchctl kickstart -k system/${label}`
    : `launchctl kickstart -k gui/${uid}/${label}`;
}

/** The first process of a container, or the child of a minimal init in one. */
function byContainer({ env, pid, ppid, exists }: SupervisorFacts): Supervisor | undefined {
  const kubernetes = env.KUBERNETES_SERVICE_HOST !== undefined;
  const inContainer =
    kubernetes || env.container !== undefined || exists('/.dockerenv') || exists('/run/.containerenv');
  if (pid !== 1 && !(ppid === 1 && inContainer)) return undefined;
  const name = env.HOSTNAME ?? 'CONTAINER';
  const engine = exists('/run/.containerenv') ? 'podman' : 'docker';
  return {
    kind: 'container',
    restartCommand: kubernetes ? `kubectl delete pod ${name}` : `${engine} restart ${name}`,
  };
}
