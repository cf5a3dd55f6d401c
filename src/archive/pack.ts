/**
 * Writes a backup: a gzip-compressed tar archive, encrypted in the age format if wanted. `tar -xzf` opens it, after
 * `age -d` if it is encrypted.
 *
 * The file has mode 0600. It appears under its name only when it is complete and flushed to the disk.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createGzip } from 'node:zlib';
import { type BackupManifest, type BackupMember, manifestName } from '../core/backup/backup-manifest.ts';
import { syncFolder } from '../files/sync-folder.ts';
import type { AgeLock } from './age.ts';
import { piped } from './piped.ts';
import { type TarFile, tarOf } from './tar.ts';

/** Written while a backup is made. */
const partName = /^\.flm-[0-9a-f]{12}\.part$/;
/** A file that nobody has written for this long was left by a killed process. */
const partAgeMs = 10 * 60_000;

export interface PackOptions {
  readonly file: string;
  readonly manifest: BackupManifest;
  /** The folder that holds the members of the manifest. */
  readonly folder: string;
  readonly lock: AgeLock | undefined;
  /** 12 random hexadecimal digits. */
  readonly id: string;
  readonly signal: AbortSignal;
}

/** Name, size and SHA-256 of a file below `folder`. */
export async function memberOf(folder: string, name: string): Promise<BackupMember> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of contentOf(join(folder, name))) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { name, bytes, sha256: hash.digest('hex') };
}

/** Returns the size of the file. Throws errors of the file system unchanged; then no file is left. */
export async function packBackup(options: PackOptions): Promise<number> {
  const { file, manifest, lock, id, signal } = options;
  const folder = dirname(file);
  await sweepParts(folder);
  const part = join(folder, `.flm-${id}.part`);
  try {
    const output = await open(part, 'wx', 0o600);
    try {
      const members = tarOf(membersOf(options), Date.parse(manifest.createdAt));
      // Without an encoding, a transform yields buffers.
      const archive = piped(members, createGzip({ level: 3 })) as AsyncIterable<Buffer>;
      const bytes = lock === undefined ? archive : await (await import('./age.ts')).encrypted(archive, lock);
      for await (const piece of bytes) {
        signal.throwIfAborted();
        await output.writeFile(piece);
      }
      await output.sync();
    } finally {
      await output.close();
    }
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
  return (await stat(file)).size;
}

function* membersOf({ manifest, folder }: PackOptions): Generator<TarFile> {
  const text = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
  yield { name: manifestName, bytes: text.length, content: () => [text] };
  for (const { name, bytes } of manifest.files)
    yield { name, bytes, content: () => contentOf(join(folder, name)) };
}

function contentOf(path: string): AsyncIterable<Buffer> {
  // Without an encoding, a read stream yields buffers.
  return createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
}

async function sweepParts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!partName.test(name)) continue;
    const path = join(folder, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts !== undefined && Date.now() - facts.mtimeMs > partAgeMs) await rm(path, { force: true });
  }
}
