/**
 * Verifies that a file belongs to a release before anything of the file runs.
 *
 * A release signs its checksums: SHA256SUMS.sig is the Ed25519 signature of SHA256SUMS (docs/adr/0010). The name in the
 * signed line states kind, version and architecture, so a renamed file cannot pass for another one. A build without a
 * public key accepts only a checksum that the user gives.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UpgradeError } from '../../core/errors.ts';
import { systemRefusal } from '../../core/system-error.ts';

export interface VerifyOptions {
  /** The name that errors show. */
  readonly file: string;
  /** SHA-256 of the bytes that will be installed, in lower-case hex. */
  readonly hash: string;
  /** Base64 of the SubjectPublicKeyInfo; null in a build without a key. */
  readonly publicKey: string | null;
  /** The checksum that the user trusts instead of a signature. */
  readonly trustedHash?: string | undefined;
}

/** The content of the signed line; absent if the user gave the checksum. */
export type SignedName = string | undefined;

/** Returns the file's name in the release. Throws an `UpgradeError`. */
export function verifyRelease({ file, hash, publicKey, trustedHash }: VerifyOptions): SignedName {
  if (trustedHash !== undefined) {
    if (trustedHash.toLowerCase() !== hash)
      throw new UpgradeError('UPGRADE_WRONG_BYTES', { params: { file, hash, where: '--sha256' } });
    return undefined;
  }
  if (publicKey === null) throw new UpgradeError('UPGRADE_NO_KEY', { params: { file } });
  const folder = dirname(file);
  const sums = besideFile(folder, 'SHA256SUMS', file);
  const signature = besideFile(folder, 'SHA256SUMS.sig', file);
  const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
  if (!verify(null, sums, key, signature)) throw notSigned(file, 'SHA256SUMS.sig is not a signature by flm');
  const lines = sums.toString('utf8').split('\n');
  for (const line of lines) {
    const [, listed, name] = /^([0-9a-f]{64}) [ *](\S+)$/.exec(line) ?? [];
    if (listed === hash) return name;
  }
  if (lines.some((line) => line.endsWith(`  ${basename(file)}`)))
    throw new UpgradeError('UPGRADE_WRONG_BYTES', { params: { file, hash, where: 'SHA256SUMS' } });
  throw notSigned(file, 'SHA256SUMS has no line for it');
}

/** Returns the SHA-256 of a file in hex. Throws if the file cannot be read. */
export async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

function besideFile(folder: string, name: string, file: string): Buffer {
  try {
    return readFileSync(join(folder, name));
  } catch (error) {
    throw notSigned(file, `${join(folder, name)} cannot be read`, error);
  }
}

function notSigned(file: string, reason: string, cause?: unknown): UpgradeError {
  return new UpgradeError('UPGRADE_NOT_SIGNED', { params: { file, reason }, cause });
}

/** Turns an error of the operating system about a file into an error for people. */
export function fileRefusal(error: unknown, doing: string): Error {
  return systemRefusal(error, doing) ?? (error instanceof Error ? error : new Error(String(error)));
}
