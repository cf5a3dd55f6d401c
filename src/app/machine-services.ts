/** The files and programs of this machine that services need, and the manager that uses them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Environment } from '../core/environment.ts';
import { gatherText } from '../core/gathered-bytes.ts';
import { systemHome } from '../process/paths.ts';
import { portHolder } from '../process/port-holder.ts';
import { withoutSupervisor } from '../process/supervisor.ts';
import { thisProgram } from '../process/this-program.ts';
import { copyData } from '../service/copy-data.ts';
import { ServiceManager, type ServicePlan } from '../service/service-manager.ts';
import type { InstallRequest, ServiceState } from '../service/service-system.ts';
import type { RunResult, ServiceStep, ServiceTools, Words } from '../service/service-tools.ts';
import type { ServiceKind, ServiceUnit } from '../service/unit-file.ts';
import { thisMachine } from './machine.ts';

export type { InstallRequest, ServiceKind, ServicePlan, ServiceState, ServiceStep, ServiceUnit };

export interface MachineServices {
  readonly manager: ServiceManager;
  readonly tools: ServiceTools;
  /** Runs a command whose output the caller reads while it runs. */
  follow(command: Words): ChildProcess;
}

const maxOutputBytes = 64 * 1024 ** 2;

export function machineServices(environment: Environment, entry: string): MachineServices {
  const env = environmentOf(environment);
  const { command, args } = thisProgram(entry);
  const program: Words = [command, ...args];
  const machine = thisMachine(environment);
  const tools: ServiceTools = {
    platform: process.platform,
    uid: process.getuid?.(),
    userName: machine.userName(),
    sudoUser: environment.SUDO_USER,
    userHome: homedir(),
    configHome: environment.XDG_CONFIG_HOME || join(homedir(), '.config'),
    ownData: machine.paths.home,
    systemData: environment.FLM_HOME || systemHome({ env: environment, platform: process.platform }),
    program,
    portHolder,
    copyData,
    read(path) {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return undefined;
      }
    },
    list(folder) {
      try {
        return readdirSync(folder);
      } catch {
        return [];
      }
    },
    facts(path) {
      const stats = statSync(path, { throwIfNoEntry: false });
      return stats === undefined
        ? undefined
        : { uid: stats.uid, mode: stats.mode, isFolder: stats.isDirectory() };
    },
    write(path, text) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      writeFileSync(path, text);
      // Independent of the umask: systemd warns about units that users cannot read.
      chmodSync(path, 0o644);
    },
    remove: (path) => rmSync(path, { force: true }),
    removeFolder: (path) => rmSync(path, { recursive: true, force: true }),
    run: (words) => run(words, env),
    flm: (home, words) => run([...program, ...words], { ...env, FLM_HOME: home, FLM_SETUP: 'off' }),
  };
  const manager = new ServiceManager(tools);
  return {
    manager,
    tools,
    follow: ([name, ...words]) =>
      spawn(name, words, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...env } }),
  };
}

/** After `su` or `sudo -u`, a user may have a service manager but no variable with its address. */
function environmentOf(environment: Environment): Environment {
  const folder = `/run/user/${process.getuid?.()}`;
  const runtime = environment.XDG_RUNTIME_DIR || folder;
  return {
    ...withoutSupervisor(environment),
    XDG_RUNTIME_DIR: runtime,
    SYSTEMD_PAGER: '',
    SYSTEMD_COLORS: '0',
  };
}

async function run([name, ...words]: Words, env: Environment): Promise<RunResult> {
  const child = spawn(name, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...env } });
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', (code, signal) => resolve(code ?? (signal === null ? null : 128)));
  });
  const [stdout, stderr, code] = await Promise.all([
    gatherText(child.stdout, maxOutputBytes),
    gatherText(child.stderr, maxOutputBytes),
    ended,
  ]);
  return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
}
