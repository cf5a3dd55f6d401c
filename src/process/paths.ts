/**
 * The paths of flm's data: the home folder, with `run/` for control sockets and `logs/`. Environment, platform and
 * system folders are passed in. Only `makeHomeFolders` touches the disk.
 */
import assert from 'node:assert/strict';
import { posix, win32 } from 'node:path';
import type { Environment } from '../core/environment.ts';
import { profileNamePattern } from '../core/proxy/profile-name.ts';
import { privateFolder } from '../files/private-folder.ts';

/** The facts that paths depend on, from the system (`os.homedir()`, `os.tmpdir()`, `process.getuid`). */
export interface PathFacts {
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  readonly userHome: string;
  readonly temporaryFolder: string;
  /** Undefined on Windows. */
  readonly uid: number | undefined;
  /** Names of the files that install system services, so that root finds the data of a system service. */
  readonly serviceFiles?: readonly string[];
}

export interface HomePaths {
  /** Absolute, because the working folder of a proxy is /. */
  readonly home: string;
  /** Root works with the data folder of the system service, because one is installed and FLM_HOME is not set. */
  readonly ofSystemService: boolean;
  readonly run: string;
  readonly logs: string;
  /** Certificates and their keys; `src/tls` creates it when needed. */
  readonly tls: string;
  /** The log of the proxies of a profile. */
  logFile(profile: string): string;
  /** The control socket of a proxy: below `run/`, or at a short path if that path is too long for a socket. */
  controlPath(proxyId: string): string;
}

/** Bytes of a socket's path without the NUL: `sun_path` of unix(7) and of macOS's sys/un.h. */
const maxSocketPathBytes = (platform: NodeJS.Platform): number => (platform === 'darwin' ? 103 : 107);

export function homePaths(facts: PathFacts): HomePaths {
  const { platform, uid } = facts;
  const { join, isAbsolute } = pathsOf(platform);
  const ofSystemService = usesSystemHome(facts);
  const home = ofSystemService ? systemHome(facts) : homeFolder(facts);
  const run = join(home, 'run');
  const logs = join(home, 'logs');
  return {
    home,
    ofSystemService,
    run,
    logs,
    tls: join(home, 'tls'),
    logFile(profile) {
      assert(profileNamePattern.test(profile), 'a profile name is a file name');
      return join(logs, `${profile}.log`);
    },
    controlPath(proxyId) {
      assert(/^\w+$/.test(proxyId), 'a proxy id is a file name');
      if (platform === 'win32') return `\\\\.\\pipe\\flm-${proxyId}`;
      const name = `${proxyId}.sock`;
      const short = `flm-${uid ?? 'user'}`;
      // The path in TMPDIR may itself be long, and a relative one is another folder for each process; /tmp always exists.
      const temporary = [facts.temporaryFolder, '/tmp'].filter((folder) => isAbsolute(folder));
      const places = [run, ...temporary.map((folder) => join(folder, short))];
      const fits = (folder: string): boolean =>
        Buffer.byteLength(join(folder, name)) <= maxSocketPathBytes(platform);
      return join(places.find(fits) ?? run, name);
    },
  };
}

/** The data folder of a system service, in the operating system's standard place. */
export function systemHome({ env, platform }: Pick<PathFacts, 'env' | 'platform'>): string {
  if (platform === 'win32') return win32.join(env.ProgramData || 'C:\\ProgramData', 'flm');
  return platform === 'darwin' ? '/Library/Application Support/flm' : '/var/lib/flm';
}

/** The folder of files that install system services. */
export function serviceFolders(platform: NodeJS.Platform): readonly string[] {
  if (platform === 'darwin') return ['/Library/LaunchDaemons'];
  return platform === 'linux'
    ? ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system']
    : [];
}

const serviceFile = /^(flm(-[a-z0-9-]+)?\.service|dev\.flm\.[a-z0-9-]+\.plist)$/;

/** `sudo flm key create` must change the data of the machine's service, not a separate folder of root. */
function usesSystemHome({ env, uid, serviceFiles = [] }: PathFacts): boolean {
  return uid === 0 && !env.FLM_HOME && serviceFiles.some((name) => serviceFile.test(name));
}

/** Creates home, `run/` and `logs/`, private to this user. Throws HOME_UNSAFE. */
export function makeHomeFolders(paths: HomePaths): void {
  for (const folder of [paths.home, paths.run, paths.logs]) privateFolder(folder);
}

function homeFolder({ env, platform, userHome }: PathFacts): string {
  const { join, resolve, isAbsolute } = pathsOf(platform);
  // An empty variable counts as not set.
  if (env.FLM_HOME) return resolve(env.FLM_HOME);
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(userHome, 'AppData', 'Local'), 'flm');
  if (platform === 'darwin') return join(userHome, 'Library', 'Application Support', 'flm');
  // XDG Base Directory Specification: relative paths must be ignored.
  const dataHome = env.XDG_DATA_HOME;
  return dataHome && isAbsolute(dataHome) ? join(dataHome, 'flm') : join(userHome, '.local', 'share', 'flm');
}

function pathsOf(platform: NodeJS.Platform): typeof posix {
  return platform === 'win32' ? win32 : posix;
}
