/**
 * The port to small files that several machines share, such as certificates and challenges of an ACME order, and to the
 * locks on them. A file is replaced as a whole. Contents are secret: an adapter encrypts them where it stores them.
 */

export interface SharedFile {
  readonly path: string;
  readonly bytes: Buffer;
  /** How long ago it was written, by the clock of the store. */
  readonly ageMs: number;
}

/** Each call throws a `StoreError` if the store cannot be reached. */
export interface SharedFiles {
  /** Where the files are, for people. */
  readonly shown: string;
  read(path: string): Promise<Buffer | undefined>;
  /** When it resolves, every machine reads the new content. */
  write(path: string, bytes: Buffer): Promise<void>;
  remove(path: string): Promise<void>;
  /** Files whose path begins with `prefix`, sorted by path. */
  list(prefix: string): Promise<readonly SharedFile[]>;
  /**
   * Takes the lock, or extends it where `holder` has it already. Returns false while another holder has it. The lock is
   * free again after `forMs`, by the clock of the store, unless it is extended.
   */
  lock(name: string, holder: string, forMs: number): Promise<boolean>;
  /** Does nothing where another holder has the lock. */
  unlock(name: string, holder: string): Promise<void>;
}
