/**
 * Certificates of an ACME server that several machines share, as CertMagic does it: one machine orders, all use the
 * result. A lock lapses after a minute unless its holder extends it, so a machine that dies blocks nobody for long. A
 * holder that could not extend its lock in time stops.
 */
import type { Clock } from '../core/clock.ts';
import { pause } from '../core/deadline.ts';
import { CertificateError } from '../core/errors.ts';
import type { CertificatePair } from '../core/proxy/certificate-provider.ts';
import type { SharedFiles } from '../core/shared-files.ts';
import { pairText } from './certificate-pair.ts';
import {
  type CertificateStorage,
  type NoteKind,
  type StoredPair,
  storedPair,
} from './certificate-storage.ts';

const prefix = 'certificate/';
const lockMs = 60_000;
const extendEachMs = 15_000;
const lockRetryMs = 500;

export class SharedCertificateStore implements CertificateStorage {
  readonly #files: SharedFiles;
  readonly #clock: Clock;
  readonly #newHolder: () => string;

  /** `newHolder` returns another name at each call, on every machine. */
  constructor(files: SharedFiles, clock: Clock, newHolder: () => string) {
    this.#files = files;
    this.#clock = clock;
    this.#newHolder = newHolder;
  }

  async read(name: string): Promise<StoredPair> {
    const text = await this.#text(name, 'pem');
    return text === undefined ? { state: 'missing' } : storedPair(text);
  }

  async write(name: string, pair: CertificatePair): Promise<void> {
    await this.#keep(name, 'pem', pairText(pair));
  }

  async names(ending: 'pem' | NoteKind): Promise<readonly string[]> {
    const files = await this.#reached(() => this.#files.list(prefix));
    return files
      .filter(({ path }) => path.endsWith(`.${ending}`))
      .map(({ path }) => path.slice(prefix.length, -ending.length - 1));
  }

  note(name: string, kind: NoteKind): Promise<string | undefined> {
    return this.#text(name, kind);
  }

  async keepNote(name: string, kind: NoteKind, text: string): Promise<void> {
    await this.#keep(name, kind, text);
  }

  async remove(name: string, ending: 'pem' | NoteKind): Promise<void> {
    await this.#reached(() => this.#files.remove(pathOf(name, ending)));
  }

  placeOf(name: string): string {
    return `${this.#files.shown} (${name})`;
  }

  async locked<T>(
    name: string,
    limitMs: number,
    signal: AbortSignal,
    f: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const lock = `certificate/${name}`;
    const holder = this.#newHolder();
    const untilMs = this.#clock.monotonicMs() + limitMs;
    const take = (): Promise<boolean> => this.#reached(() => this.#files.lock(lock, holder, lockMs));
    let takenAtMs = this.#clock.monotonicMs();
    while (!(await take())) {
      if (this.#clock.monotonicMs() >= untilMs)
        throw new CertificateError('CERT_LOCKED', { params: { name } });
      await pause(this.#clock, lockRetryMs, signal);
      takenAtMs = this.#clock.monotonicMs();
    }
    const lost = new AbortController();
    const stop = this.#clock.every(extendEachMs, () => {
      const askedAtMs = this.#clock.monotonicMs();
      this.#files.lock(lock, holder, lockMs).then(
        (isOurs) => {
          if (isOurs) takenAtMs = askedAtMs;
          else lost.abort(this.#lockLost());
        },
        () => {
          // Well before the lock can lapse in the store.
          if (this.#clock.monotonicMs() - takenAtMs >= lockMs / 2) lost.abort(this.#lockLost());
        },
      );
    });
    try {
      signal.throwIfAborted();
      return await f(AbortSignal.any([signal, lost.signal]));
    } finally {
      stop();
      // Otherwise the lock lapses.
      await this.#files.unlock(lock, holder).catch(() => {});
    }
  }

  async #text(name: string, ending: 'pem' | NoteKind): Promise<string | undefined> {
    return (await this.#reached(() => this.#files.read(pathOf(name, ending))))?.toString('utf8');
  }

  async #keep(name: string, ending: 'pem' | NoteKind, text: string): Promise<void> {
    await this.#reached(() => this.#files.write(pathOf(name, ending), Buffer.from(text)));
  }

  async #reached<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (cause) {
      throw this.#failed(cause instanceof Error ? cause.message.replace(/\.$/, '') : 'unknown error', cause);
    }
  }

  #lockLost(): CertificateError {
    return this.#failed('the lock on the certificate could not be extended in time');
  }

  #failed(reason: string, cause?: unknown): CertificateError {
    return new CertificateError('CERT_STORE_FAILED', { params: { file: this.#files.shown, reason }, cause });
  }
}

function pathOf(name: string, ending: string): string {
  return `${prefix}${name}.${ending}`;
}
