/**
 * Where the certificates of an ACME server are kept, with the key of the account and the state of an order: in files of
 * this machine, or shared by several machines, which then share its locks.
 */
import type { CertificatePair } from '../core/proxy/certificate-provider.ts';
import { type ReadPair, readPair } from './certificate-pair.ts';

export type StoredPair =
  | { readonly state: 'sound'; readonly pair: ReadPair }
  | { readonly state: 'missing' }
  /** `reason` completes "it ...". */
  | { readonly state: 'damaged'; readonly reason: string };

/** Reads the stored text of a certificate and its key. */
export function storedPair(text: string): StoredPair {
  const pair = readPair(text);
  return typeof pair === 'string' ? { state: 'damaged', reason: pair } : { state: 'sound', pair };
}

/**
 * `key`: of an account; `order`: an order that has begun; `tries`: the record of attempts; `renewal`: when the CA wants
 * the certificate to be renewed.
 */
export type NoteKind = 'key' | 'order' | 'tries' | 'renewal';

/** Each call throws a `CertificateError` CERT_STORE_FAILED if the storage cannot be used. */
export interface CertificateStorage {
  read(name: string): Promise<StoredPair>;
  /** If it throws, the old certificate is unchanged. */
  write(name: string, pair: CertificatePair): Promise<void>;
  /** Names of everything with this ending, sorted. */
  names(ending: 'pem' | NoteKind): Promise<readonly string[]>;
  /** Returns a private text; undefined if there is none. */
  note(name: string, kind: NoteKind): Promise<string | undefined>;
  keepNote(name: string, kind: NoteKind, text: string): Promise<void>;
  remove(name: string, ending: 'pem' | NoteKind): Promise<void>;
  /** Where the certificate of that name is, for people. */
  placeOf(name: string): string;
  /**
   * Runs `f` while no other caller, in this process or another, holds the lock of that name. `f` gets a signal that
   * aborts when the lock is lost. Throws CERT_LOCKED if the lock is not free within `limitMs`, or the reason of the
   * signal.
   */
  locked<T>(
    name: string,
    limitMs: number,
    signal: AbortSignal,
    f: (signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
}
