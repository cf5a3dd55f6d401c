/**
 * The certificate files, below `tls/` in the data folder.
 *
 *   NAME.pem         key and chain in one file, 0600
 *   NAME.crt         certificates without a key, for the settings of clients: the local CA's, replaced ones, a bundle
 *   NAME.lock        held while a process creates or obtains NAME
 *   NAME.key         key of an account with an ACME server, 0600
 *   NAME.order       an ACME order and the key of its certificate, until the certificate is saved, 0600
 *   NAME.tries       the record of attempts with an ACME server, 0600
 *   NAME.renewal     when the ACME server wants the certificate to be renewed, 0600
 *
 * A file is written under another name, flushed and renamed. However the process ends, either the old or the new file is
 * complete. The lock is an exclusive transaction on an empty SQLite file: the system releases it when its holder dies, so
 * no lock is ever stale, and a remaining file has no meaning.
 */
import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { Clock } from '../core/clock.ts';
import { CertificateError } from '../core/errors.ts';
import type { CertificatePair } from '../core/proxy/certificate-provider.ts';
import { codeOf } from '../core/system-error.ts';
import { takeFileLock } from '../files/file-lock.ts';
import { folderFault, makeWithParents } from '../files/private-folder.ts';
import { syncFolder } from '../files/sync-folder.ts';
import { pairText } from './certificate-pair.ts';
import {
  type CertificateStorage,
  type NoteKind,
  type StoredPair,
  storedPair,
} from './certificate-storage.ts';

const namePattern = /^[a-z0-9][a-z0-9._-]{0,200}$/;
const lockRetryMs = 50;
/** A write takes less than a minute. */
const partAgeMs = 60_000;

export class CertificateStore implements CertificateStorage {
  readonly folder: string;
  readonly #clock: Pick<Clock, 'after' | 'monotonicMs'>;

  constructor(folder: string, clock: Pick<Clock, 'after' | 'monotonicMs'>) {
    this.folder = folder;
    this.#clock = clock;
  }

  /** Throws a `CertificateError` CERT_STORE_FAILED if the file exists but cannot be read. */
  async read(name: string): Promise<StoredPair> {
    const path = this.#path(name, 'pem');
    let text: string;
    try {
      const { mode } = await stat(path);
      if (process.platform !== 'win32' && (mode & 0o077) !== 0)
        return { state: 'damaged', reason: `can be read by others (mode ${(mode & 0o777).toString(8)})` };
      text = await readFile(path, 'latin1');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return { state: 'missing' };
      throw failed(path, error);
    }
    return storedPair(text);
  }

  /** Throws a `CertificateError` CERT_STORE_FAILED; then the old file is unchanged. */
  async write(name: string, pair: CertificatePair): Promise<void> {
    await this.#replace(this.#path(name, 'pem'), pairText(pair), 0o600);
  }

  /** Certificates without a key, for clients; returns the path. Throws like `write`. */
  async publish(name: string, pem: string): Promise<string> {
    const path = this.#path(name, 'crt');
    const there = await readFile(path, 'latin1').catch(() => undefined);
    if (there !== pem) await this.#replace(path, pem, 0o644);
    return path;
  }

  /** The certificates published under a name; undefined if there are none. */
  published(name: string): Promise<string | undefined> {
    return readFile(this.#path(name, 'crt'), 'latin1').catch(() => undefined);
  }

  publishedPath(name: string): string {
    return this.#path(name, 'crt');
  }

  placeOf(name: string): string {
    return this.#path(name, 'pem');
  }

  /** Names of the files with this ending, sorted. */
  async names(ending: 'pem' | 'crt' | NoteKind): Promise<readonly string[]> {
    const files = await readdir(this.folder).catch(() => []);
    return files
      .filter((file) => file.endsWith(`.${ending}`) && !file.startsWith('.'))
      .map((file) => file.slice(0, -ending.length - 1))
      .sort();
  }

  /** Returns a private text; undefined if there is none. Throws like `read`. */
  async note(name: string, kind: NoteKind): Promise<string | undefined> {
    const path = this.#path(name, kind);
    try {
      return await readFile(path, 'latin1');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw failed(path, error);
    }
  }

  /** Throws like `write`. */
  async keepNote(name: string, kind: NoteKind, text: string): Promise<void> {
    await this.#replace(this.#path(name, kind), text, 0o600);
  }

  async remove(name: string, ending: 'pem' | 'crt' | NoteKind): Promise<void> {
    await rm(this.#path(name, ending), { force: true });
  }

  /**
   * Runs `f` while no other caller, in this process or another, holds the lock of that name. Throws a
   * `CertificateError` CERT_LOCKED if the lock is not free within `limitMs`, CERT_STORE_FAILED, or the reason of the
   * signal.
   */
  async locked<T>(
    name: string,
    limitMs: number,
    signal: AbortSignal,
    f: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    await this.#makeFolder();
    const path = this.#path(name, 'lock');
    const untilMs = this.#clock.monotonicMs() + limitMs;
    let lock = takeLock(path);
    while (lock === undefined) {
      if (this.#clock.monotonicMs() >= untilMs)
        throw new CertificateError('CERT_LOCKED', { params: { name } });
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#clock.after(lockRetryMs, resolve);
      });
      lock = takeLock(path);
    }
    try {
      // This lock ends only with its process.
      return await f(signal);
    } finally {
      lock[Symbol.dispose]();
    }
  }

  #path(name: string, ending: string): string {
    if (!namePattern.test(name)) throw new Error('the name of a certificate is a file name');
    return join(this.folder, `${name}.${ending}`);
  }

  async #makeFolder(): Promise<void> {
    try {
      makeWithParents(this.folder);
      const fault = folderFault(await stat(this.folder));
      if (fault !== undefined)
        throw new CertificateError('CERT_STORE_FAILED', { params: { file: this.folder, reason: fault } });
    } catch (error) {
      throw error instanceof CertificateError ? error : failed(this.folder, error);
    }
  }

  async #replace(path: string, text: string, mode: number): Promise<void> {
    await this.#makeFolder();
    const part = join(this.folder, `.${randomBytes(6).toString('hex')}.part`);
    try {
      const file = await open(part, 'wx', mode);
      try {
        await this.#sweepParts((await file.stat()).mtimeMs);
        await file.writeFile(text);
        await file.chmod(mode);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, path);
      await syncFolder(this.folder);
    } catch (error) {
      await rm(part, { force: true }).catch(() => {});
      throw failed(path, error);
    }
  }

  /**
   * Removes files of processes that were killed while writing. `nowMs` is the disk's own time: after a clock change, a
   * file that another process is writing now could look old.
   */
  async #sweepParts(nowMs: number): Promise<void> {
    for (const file of await readdir(this.folder)) {
      if (!file.endsWith('.part')) continue;
      const path = join(this.folder, file);
      const age =
        nowMs -
        (await stat(path).then(
          (s) => s.mtimeMs,
          () => Number.NaN,
        ));
      if (age > partAgeMs) await rm(path, { force: true });
    }
  }
}

/** Undefined if another process holds the lock. */
function takeLock(path: string): Disposable | undefined {
  try {
    return takeFileLock(path);
  } catch (error) {
    throw failed(path, error);
  }
}

function failed(file: string, cause: unknown): CertificateError {
  const code = codeOf(cause);
  const reason = code === 'ENOSPC' ? 'the disk is full' : code === 'EROFS' ? 'the disk is read-only' : code;
  return new CertificateError('CERT_STORE_FAILED', { params: { file, reason }, cause });
}
