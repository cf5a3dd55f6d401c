/**
 * Opens a backup from any source. Only the members that the manifest names are written, with the announced size and
 * SHA-256, so a file cannot write outside of the folder or fill the disk. Every other file is refused with a reason.
 */
import { createHash } from 'node:crypto';
import { constants, createReadStream, mkdirSync } from 'node:fs';
import { open, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createGunzip } from 'node:zlib';
import {
  type BackupManifest,
  type BackupMember,
  manifestName,
  maxManifestBytes,
  parseManifest,
} from '../core/backup/backup-manifest.ts';
import { BackupError } from '../core/errors.ts';
import { errnoReason } from '../core/system-error.ts';
import type { AgeKeys } from './age.ts';
import { piped } from './piped.ts';
import { readTar, TarFault, type TarMember } from './tar.ts';

/** `passphrase`, `key`: encrypted, with a passphrase or for recipients. */
export type BackupLock = 'none' | 'passphrase' | 'key';

const ageMark = 'age-encryption.org/v1\n';
/** Enough for the mark and the first recipient. */
const headBytes = 64;
/** Free space that a restore leaves on the disk. */
const spareBytes = 64 * 1024 ** 2;

/** Throws BACKUP_UNREADABLE if the file cannot be read or is no backup. */
export async function lockOf(file: string): Promise<BackupLock> {
  const head = await headOf(file);
  if (head[0] === 0x1f && head[1] === 0x8b) return 'none';
  const text = head.toString('latin1');
  if (!text.startsWith(ageMark)) throw unreadable(file, 'it is no backup of flm');
  return text.startsWith('-> scrypt ', ageMark.length) ? 'passphrase' : 'key';
}

async function headOf(file: string): Promise<Buffer> {
  try {
    // Opening a named pipe without a writer would never end. Reading a place of it is refused.
    const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw unreadable(file, errnoReason(cause), cause);
  }
}

export interface UnpackOptions {
  readonly file: string;
  readonly keys: AgeKeys;
  /** An empty private folder. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Throws BACKUP_UNREADABLE, BACKUP_NEWER, BACKUP_LOCKED or BACKUP_NO_SPACE. */
export async function unpackBackup(options: UnpackOptions): Promise<BackupManifest> {
  const { file, folder, signal } = options;
  const plain = await decryptedFile(options);
  const source = piped(plain, createGunzip());
  try {
    const members = readTar(source as AsyncIterable<Buffer>);
    const manifest = await manifestIn(file, members);
    const total = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
    await checkSpace(file, folder, total);
    for (const expected of manifest.files) {
      const member = await nextMember(members);
      if (member?.name !== expected.name || member.bytes !== expected.bytes)
        throw new TarFault('its members differ from its manifest');
      await write(join(folder, expected.name), member, expected, signal);
    }
    if ((await nextMember(members)) !== undefined) throw new TarFault('its members differ from its manifest');
    // The checksums of gzip and age stand behind the last byte.
    for await (const _ of source) signal.throwIfAborted();
    return manifest;
  } catch (error) {
    signal.throwIfAborted();
    throw reasonOf(file, error);
  } finally {
    source.destroy();
  }
}

async function manifestIn(file: string, members: AsyncGenerator<TarMember>): Promise<BackupManifest> {
  const first = await nextMember(members);
  if (first?.name !== manifestName || first.bytes > maxManifestBytes)
    throw new TarFault('it is no backup of flm');
  const pieces: Buffer[] = [];
  for await (const piece of first.content) pieces.push(piece);
  const parsed = parseManifest(Buffer.concat(pieces).toString());
  if (parsed.state === 'newer') throw new BackupError('BACKUP_NEWER', { params: { file, flm: parsed.flm } });
  if (parsed.state === 'damaged') throw new TarFault('its manifest is damaged');
  return parsed.manifest;
}

async function nextMember(members: AsyncGenerator<TarMember>): Promise<TarMember | undefined> {
  const { value, done } = await members.next();
  return done === true ? undefined : value;
}

async function write(
  path: string,
  { content }: TarMember,
  { sha256 }: BackupMember,
  signal: AbortSignal,
): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  const output = await open(path, 'wx', 0o600);
  try {
    for await (const piece of content) {
      signal.throwIfAborted();
      hash.update(piece);
      await output.writeFile(piece);
    }
    await output.sync();
  } finally {
    await output.close();
  }
  if (hash.digest('hex') !== sha256) throw new TarFault('it is damaged');
}

async function checkSpace(file: string, folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytes + spareBytes) return;
  const mb = (size: number): number => Math.ceil(size / 1e6);
  throw new BackupError('BACKUP_NO_SPACE', {
    params: { file, needed: mb(bytes + spareBytes), free: mb(bavail * bsize), folder },
  });
}

async function decryptedFile({ file, keys }: UnpackOptions): Promise<AsyncIterable<Buffer>> {
  const lock = await lockOf(file);
  const bytes = bytesOf(file);
  if (lock === 'none') return bytes;
  const locked = (reason: string, cause?: unknown): BackupError =>
    new BackupError('BACKUP_LOCKED', { params: { file, reason }, cause });
  const { passphrase, identities = [] } = keys;
  if (lock === 'passphrase' && passphrase === undefined) throw locked('it is encrypted with a passphrase');
  if (lock === 'key' && identities.length === 0) throw locked('it is encrypted for an age key');
  const { decrypted } = await import('./age.ts');
  try {
    return await decrypted(bytes, lock === 'passphrase' ? { passphrase } : { identities });
  } catch (cause) {
    // The package has no codes. Before the content begins, only the key can be wrong, or the header damaged.
    throw lock === 'passphrase'
      ? locked('the passphrase is wrong, or its first bytes are damaged', cause)
      : locked('it was encrypted for another age key, or its first bytes are damaged', cause);
  }
}

/** Opens the file when the first byte is read. */
async function* bytesOf(file: string): AsyncGenerator<Buffer> {
  // Without an encoding, a read stream yields buffers.
  yield* createReadStream(file) as AsyncIterable<Buffer>;
}

const zlibReasons: ReadonlyMap<unknown, string> = new Map([
  ['Z_BUF_ERROR', 'it is cut off'],
  ['Z_DATA_ERROR', 'it is damaged'],
]);

function reasonOf(file: string, error: unknown): unknown {
  if (error instanceof BackupError) return error;
  if (error instanceof TarFault) return unreadable(file, error.message, error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const known = zlibReasons.get(code);
  if (known !== undefined) return unreadable(file, known, error);
  if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) return error;
  // The package for age has no codes.
  return unreadable(file, 'it is damaged or cut off', error);
}

function unreadable(file: string, reason: string, cause?: unknown): BackupError {
  return new BackupError('BACKUP_UNREADABLE', { params: { file, reason }, cause });
}
