/**
 * Upgrades flm: hands running proxies over to the installed files, or first replaces the executable by a verified file.
 * Nothing is downloaded. A proxy that cannot be handed over continues to serve in its old process. If the new file
 * serves no proxy at all, the old file is restored.
 */
import { execFile } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import packageJson from '../../../package.json' with { type: 'json' };
import releaseKey from '../../../release-key.json' with { type: 'json' };
import type { Environment } from '../../core/environment.ts';
import { FlmError, UpgradeError } from '../../core/errors.ts';
import type { SuccessorProgram } from '../../core/proxy/ports.ts';
import type { ProxyService } from '../../core/proxy/proxy-service.ts';
import { capabilitiesOf, type LostCapabilities } from './file-capabilities.ts';
import { type FileKind, type Installation, installCommands, kindOf } from './installation.ts';
import { fileRefusal, hashOf, type SignedName, type VerifyOptions, verifyRelease } from './release-file.ts';
import { isOlderVersion, isVersion, nameConflict, parseReleaseName } from './release-name.ts';
import { copyBeside, replace } from './replace-executable.ts';
import { lockUpgrade } from './upgrade-lock.ts';

const runProgram = promisify(execFile);

export interface HandedOver {
  readonly id: string;
  readonly profile: string;
  readonly from: string;
}

export interface NotHandedOver {
  readonly id: string;
  readonly profile: string;
  readonly code: string;
  readonly reason: string;
  readonly hint: string;
}

export interface HandOverReport {
  readonly handedOver: readonly HandedOver[];
  readonly failed: readonly NotHandedOver[];
}

/**
 * Hands each serving proxy over to `program`, one after the other. A proxy that cannot be handed over continues to
 * serve.
 */
export async function handOverAll(
  proxies: ProxyService,
  program: SuccessorProgram,
  signal: AbortSignal,
): Promise<HandOverReport> {
  const handedOver: HandedOver[] = [];
  const failed: NotHandedOver[] = [];
  const serving = (await proxies.list()).filter((handle) => handle.starting !== true && !handle.draining);
  for (const { id, profile } of serving) {
    try {
      const successor = await proxies.restart(id, { overrides: {}, program }, signal);
      handedOver.push({ id: successor.id, profile, from: id });
    } catch (error) {
      if (!(error instanceof FlmError)) throw error;
      failed.push({ id, profile, code: error.code, reason: error.message, hint: error.hint });
    }
  }
  return { handedOver, failed };
}

export interface UpgradeOptions {
  readonly file: string;
  readonly trustedHash: string | undefined;
  readonly installation: Installation;
  /** The executable to replace. */
  readonly target: string;
  readonly home: string;
  readonly environment: Environment;
  /** The public key of releases; the built-in one if absent. Null in a build without a key. */
  readonly publicKey?: string | null;
}

export type Upgraded =
  | {
      readonly version: string;
      readonly report: HandOverReport;
      /** The old file had them and the new file does not. */
      readonly lostCapabilities?: LostCapabilities;
    }
  /** The file is verified and must be installed by another program. */
  | { readonly commands: readonly string[] };

/**
 * Throws an `UpgradeError`; the old file is then in place and the old processes serve. One proxy that was handed over
 * shows that the new file works, so the file then stays, and `report.failed` has the other proxies.
 */
export async function upgradeTo(options: UpgradeOptions): Promise<Upgraded> {
  const { installation, target } = options;
  const file = resolve(options.file);
  const kind = fileKind(file);
  const { publicKey = builtInKey, trustedHash } = options;
  const verifying: Verifying = { file, kind, publicKey, trustedHash };
  if (kind === 'debian package' || kind === 'npm package') {
    verifyNamed({ ...verifying, hash: await hashOf(file).catch(refuseRead(file)) });
    return { commands: packageCommands(kind, installation, file) };
  }
  if (kind === 'unknown') throw wrongFile(file, 'is neither an executable of Linux nor a package');
  if (installation !== 'executable')
    throw wrongFile(file, `is an executable, and this flm was installed as ${installed[installation]}`);
  if (kind !== `${process.arch} executable`)
    throw wrongFile(file, `is an executable for ${kind.split(' ')[0]}, and this machine is ${process.arch}`);

  const unlock = lockUpgrade(target);
  try {
    return await replaceBy(verifying, options);
  } finally {
    unlock();
  }
}

interface Verifying extends Omit<VerifyOptions, 'hash'> {
  readonly kind: FileKind;
}

/** Verifies that the file belongs to a release under a name that fits it. Returns the name. */
function verifyNamed(verifying: Verifying & VerifyOptions): SignedName {
  const { file, kind } = verifying;
  const signedName = verifyRelease(verifying);
  if (signedName === undefined) return undefined;
  const conflict = nameConflict({ file, signedName, kind, architecture: process.arch });
  if (conflict !== undefined) throw wrongFile(file, conflict);
  return signedName;
}

async function replaceBy(verifying: Verifying, options: UpgradeOptions): Promise<Upgraded> {
  const { file } = verifying;
  const { target } = options;
  const candidate = copyBeside(file, target);
  try {
    const signedName = verifyNamed({ ...verifying, hash: candidate.hash });
    const version = await versionOf(candidate.path, file);
    if (signedName !== undefined && parseReleaseName(signedName)?.version !== version)
      throw wrongFile(file, `is flm ${version}, but SHA256SUMS lists the file as ${signedName}`);
    if (isOlderVersion(version, packageJson.version)) await checkDatabase(candidate.path, version, options);
    const lost = await capabilitiesOf(target, options.environment);
    const replaced = replace(candidate, target);
    try {
      const report = await handOverBy(replaced.previous, options);
      const first = report.failed.find(({ code }) => code !== 'PROXY_SUPERVISED');
      if (first === undefined || report.handedOver.length > 0) {
        replaced.finish();
        return { version, report, ...(lost && { lostCapabilities: lost }) };
      }
      throw new UpgradeError('UPGRADE_NOT_HANDED_OVER', {
        params: { id: first.id, reason: first.reason, moved: '' },
      });
    } catch (error) {
      replaced.undo();
      throw error;
    }
  } finally {
    candidate.discard();
  }
}

/** The JSON file has null until a maintainer makes a key. */
const builtInKey = releaseKey.publicKey as string | null;

const installed: Readonly<Record<Installation, string>> = {
  executable: 'an executable',
  debian: 'a Debian package',
  npm: 'an npm package',
  clone: 'a clone of the repository',
};

function packageCommands(kind: FileKind, installation: Installation, file: string): readonly string[] {
  if (kind === 'debian package') {
    if (installation !== 'debian')
      throw wrongFile(file, `is a Debian package, and this flm was installed as ${installed[installation]}`);
    return [`sudo apt install ${file}`];
  }
  if (installation !== 'npm')
    throw wrongFile(file, `is an npm package, and this flm was installed as ${installed[installation]}`);
  return [`npm install --global ${file}`, ...installCommands.npm.slice(1)];
}

function fileKind(file: string): FileKind {
  try {
    const opened = openSync(file, 'r');
    try {
      const head = Buffer.alloc(64);
      return kindOf(head.subarray(0, readSync(opened, head)));
    } finally {
      closeSync(opened);
    }
  } catch (error) {
    return refuseRead(file)(error);
  }
}

function refuseRead(file: string): (error: unknown) => never {
  return (error) => {
    throw fileRefusal(error, `to read ${file}`);
  };
}

/** Runs the verified copy: this detects a program that cannot run here before it is installed. */
async function versionOf(program: string, file: string): Promise<string> {
  try {
    const { stdout } = await runProgram(program, ['version', '--json'], { cwd: '/', timeout: 30_000 });
    const { version } = JSON.parse(stdout) as { version?: unknown };
    if (typeof version === 'string' && isVersion(version)) return version;
  } catch (error) {
    throw wrongFile(file, 'does not run on this machine', error);
  }
  throw wrongFile(file, 'is not flm');
}

/**
 * An older program opens the database itself and reports whether it can. It changes nothing, because its schema is not
 * newer.
 */
async function checkDatabase(
  program: string,
  version: string,
  { home, environment }: UpgradeOptions,
): Promise<void> {
  try {
    await runProgram(program, ['profile', 'list', '--json'], {
      cwd: '/',
      env: { ...environment, FLM_HOME: home },
    });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    const reason = /"message":"((?:[^"\\]|\\.)*)"/.exec(stderr)?.[1] ?? stderr.trim().slice(0, 300);
    throw new UpgradeError('UPGRADE_DATABASE', { params: { version, reason }, cause: error });
  }
}

/**
 * The old program performs the hand-over in its own process, as the owner of the data folder. This process keeps the
 * rights to restore the old file.
 */
async function handOverBy(
  previous: string,
  { target, home, environment }: UpgradeOptions,
): Promise<HandOverReport> {
  const args = ['upgrade', '--json', '--hand-over', target];
  const env = { ...environment, FLM_HOME: home };
  const { stdout } = await runProgram(previous, args, { cwd: '/', env }).catch((error: unknown) => {
    // That process reports failed hand-overs on stdout and exits with 1.
    const { stdout: printed = '' } = error as { stdout?: string };
    if (printed.startsWith('{')) return { stdout: printed };
    const { stderr = String(error) } = error as { stderr?: string };
    throw new UpgradeError('UPGRADE_NOT_HANDED_OVER', {
      params: { id: 'The proxy', reason: stderr.trim().slice(0, 300), moved: '' },
      cause: error,
    });
  });
  // Printed by our own command.
  return JSON.parse(stdout) as HandOverReport;
}

function wrongFile(file: string, reason: string, cause?: unknown): UpgradeError {
  return new UpgradeError('UPGRADE_WRONG_FILE', { params: { file, reason }, cause });
}
