/**
 * Names of the files of a release, which state kind, version and architecture (docs/adr/0010), and versions of flm.
 *
 * A signature covers the name in SHA256SUMS. A genuine file that does not have the properties in its name was signed by
 * mistake, or was renamed to pass for another version.
 */
import { basename } from 'node:path';
import type { FileKind } from './installation.ts';

/** Versions of https://semver.org/spec/v2.0.0.html, such as 1.0.0 and 1.0.0-rc.1. */
const version = String.raw`\d+\.\d+\.\d+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?`;
const executableName = new RegExp(`^flm-(${version})-linux-(x64|arm64)$`);
const debianName = new RegExp(`^flm-proxy_(${version})_(amd64|arm64)\\.deb$`);
const npmName = new RegExp(`^flm-proxy-(${version})\\.tgz$`);
const wholeVersion = new RegExp(`^${version}$`);

export interface ReleaseName {
  readonly kind: FileKind;
  readonly version: string;
  /** As in `process.arch`; absent if the file is for all. */
  readonly architecture?: string | undefined;
}

/** Undefined if this is not the name of a file that an upgrade can use. */
export function parseReleaseName(name: string): ReleaseName | undefined {
  const executable = executableName.exec(name);
  if (executable !== null) {
    const [, version = '', architecture] = executable;
    return { kind: architecture === 'x64' ? 'x64 executable' : 'arm64 executable', version, architecture };
  }
  const debian = debianName.exec(name);
  if (debian !== null) {
    const [, version = '', architecture] = debian;
    return {
      kind: 'debian package',
      version,
      architecture: architecture === 'amd64' ? 'x64' : architecture,
    };
  }
  const npm = npmName.exec(name);
  return npm === null ? undefined : { kind: 'npm package', version: npm[1] ?? '' };
}

export interface NamedFile {
  /** The path that the user gave. */
  readonly file: string;
  /** The name in the signed line. */
  readonly signedName: string;
  /** Detected from the first bytes of the file. */
  readonly kind: FileKind;
  readonly architecture: string;
}

/** Returns why the file cannot be the one of its signed name on this machine: the end of a sentence about the file. */
export function nameConflict({ file, signedName, kind, architecture }: NamedFile): string | undefined {
  const stated = parseReleaseName(signedName);
  const listed = `SHA256SUMS lists the file as ${signedName}`;
  if (stated === undefined) return `cannot be installed: ${listed}`;
  if (stated.kind !== kind) return `has the contents of the kind "${kind}", but ${listed}`;
  if (stated.architecture !== undefined && stated.architecture !== architecture)
    return `is for ${stated.architecture}, and this machine is ${architecture}`;
  const given = basename(file);
  if (given !== signedName && parseReleaseName(given) !== undefined)
    return `has the name of another file: ${listed}`;
  return undefined;
}

export function isVersion(text: string): boolean {
  return wholeVersion.test(text);
}

/** Compares two versions by the precedence of Semantic Versioning: 1.0.0-rc.1 is older than 1.0.0. */
export function isOlderVersion(version: string, than: string): boolean {
  const [a, b] = [split(version), split(than)];
  const byNumbers = compareIdentifiers(a.numbers, b.numbers);
  if (byNumbers !== 0) return byNumbers < 0;
  // A version with a pre-release part is older than the same version without one.
  if (a.preRelease.length === 0 || b.preRelease.length === 0)
    return a.preRelease.length > b.preRelease.length;
  return compareIdentifiers(a.preRelease, b.preRelease) < 0;
}

function split(version: string): { readonly numbers: string[]; readonly preRelease: string[] } {
  const [, numbers = '', preRelease] = /^([\d.]+)(?:-([^+]+))?/.exec(version) ?? [];
  return { numbers: numbers.split('.'), preRelease: preRelease?.split('.') ?? [] };
}

function compareIdentifiers(a: readonly string[], b: readonly string[]): number {
  for (const [index, left] of a.entries()) {
    const right = b[index];
    // The longer one is newer if all identifiers before are equal.
    if (right === undefined) return 1;
    if (left === right) continue;
    const [leftIsNumber, rightIsNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)];
    if (leftIsNumber && rightIsNumber) return Number(left) - Number(right);
    if (leftIsNumber !== rightIsNumber) return leftIsNumber ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return a.length - b.length;
}
