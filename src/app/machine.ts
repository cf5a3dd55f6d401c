/**
 * Collects the values of this machine and process once and passes them on. No other code reads the environment, the
 * network interfaces or a random source.
 */
import { hash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir, hostname, networkInterfaces, userInfo } from 'node:os';
import { crc32 } from 'node:zlib';
import packageJson from '../../package.json' with { type: 'json' };
import { type Clock, systemClock } from '../core/clock.ts';
import type { SecretRef } from '../core/engine/engine.ts';
import type { Environment } from '../core/environment.ts';
import type { SecretTools } from '../core/security/key-secret.ts';
import { type StoreSettings, storeSettings } from '../core/store-settings.ts';
import { machineAddresses } from '../engines/exposure.ts';
import { findProgram } from '../engines/find-program.ts';
import type { HomePaths } from '../process/paths.ts';
import type { MachineNames } from '../tls/server-names.ts';
import { machinePaths } from './machine-paths.ts';

export interface Machine {
  readonly version: string;
  readonly environment: Environment;
  readonly paths: HomePaths;
  readonly clock: Clock;
  readonly hostname: string;
  readonly secrets: SecretTools;
  /** Returns the current addresses of this machine, without loopback addresses. */
  addresses(): readonly string[];
  /** Returns the current names and addresses of this machine. */
  names(): MachineNames;
  /** Returns the value of a secret reference; undefined if there is none. */
  readSecret(secret: SecretRef): string | undefined;
  /** Returns the path of an installed program. */
  findProgram(name: string): Promise<string | undefined>;
  /** Addresses of the administrator: those of this machine, and the client address of an SSH session. */
  ownAddresses(): readonly string[];
  /** Number of file descriptors that this process may open; undefined if unknown. */
  descriptorLimit(): number | undefined;
  /** The settings of shared stores, read once. Throws STORE_SETTINGS_INVALID. */
  stores(): StoreSettings;
  /** The user name for the audit log. */
  userName(): string;
}

export const secretTools: SecretTools = {
  randomBytes: (count) => randomBytes(count),
  sha256Hex: (text) => hash('sha256', text, 'hex'),
  crc32: (text) => crc32(text),
};

export function thisMachine(environment: Environment): Machine {
  let stores: StoreSettings | undefined;
  let lastAddresses: readonly string[] = [];
  const addresses = (): readonly string[] => {
    try {
      lastAddresses = machineAddresses(networkInterfaces());
    } catch {
      // Too many files are open, or the system does not tell them.
    }
    return lastAddresses;
  };
  return {
    version: packageJson.version,
    environment,
    paths: machinePaths(environment),
    clock: systemClock,
    hostname: hostname(),
    secrets: secretTools,
    addresses,
    names: () => ({
      hostname: hostname(),
      fullName: fullHostName(hostname()),
      addresses: addresses(),
    }),
    readSecret: (secret) => readSecret(secret, environment),
    findProgram: (name) => findProgram(name, environment.PATH ?? '', homedir()),
    // sshd(8): client address, client port, server address, server port.
    ownAddresses: () => ['127.0.0.1', '::1', ...(environment.SSH_CONNECTION?.split(' ').slice(0, 1) ?? [])],
    descriptorLimit,
    stores() {
      stores ??= storeSettings({ environment, hostname: hostname(), readText });
      return stores;
    },
    userName: () => userName(environment),
  };
}

function readSecret(secret: SecretRef, environment: Environment): string | undefined {
  switch (secret.from) {
    case 'env':
      return environment[secret.name];
    case 'file':
      // The caller that needs the value reports the error, with the name of the reference.
      return readText(secret.path);
    case 'value':
      return secret.value;
    default:
      return secret satisfies never;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The host name with its domain, from the hosts file. Asking a name server could take seconds. */
function fullHostName(short: string): string | undefined {
  if (short.includes('.') || process.platform === 'win32') return undefined;
  try {
    const names = readFileSync('/etc/hosts', 'utf8').replaceAll(/#.*/g, '').split(/\s+/);
    return names.find((name) => name.startsWith(`${short}.`));
  } catch {
    // The file does not exist.
    return undefined;
  }
}

function userName(environment: Environment): string {
  try {
    return userInfo().username;
  } catch {
    // The user has no passwd entry, which is common in containers.
    return environment.USER ?? 'unknown';
  }
}

/** Undefined if the system does not report a limit. Node raises the soft limit to the hard limit when it starts. */
function descriptorLimit(): number | undefined {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    return line === null ? undefined : Number(line[1]);
  } catch {
    return undefined;
  }
}
