/**
 * The key that encrypts secrets in a database that several machines share: keys of engines, private keys of
 * certificates. AES-256-GCM with a random nonce for each secret. A secret is bound to its place (the table and the id of
 * its row), so that it cannot be moved to another row.
 *
 * The key is in a file, never in the database. The file may hold older keys below the first one: the first one encrypts,
 * every one decrypts.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { StoreError } from '../../core/errors.ts';

/** Encrypted bytes, and the id of the key that decrypts them. */
export interface Sealed {
  readonly sealed: Buffer;
  readonly sealedBy: string;
}

/** One key for each line. */
const line = /^flm-store-key-1:([A-Za-z0-9_-]{43})$/;
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

export class StoreKey {
  readonly #file: string;
  readonly #keys = new Map<string, Buffer>();
  /** The id of the key that encrypts. It says nothing about the key itself. */
  readonly id: string;

  /** Throws STORE_KEY_UNUSABLE. */
  constructor(file: string, text: string) {
    this.#file = file;
    const lines = text.split('\n').map((found) => found.trim());
    for (const found of lines.filter((each) => each !== '')) {
      const encoded = line.exec(found)?.[1];
      // The line may be a key with a typing mistake, so it is not shown.
      if (encoded === undefined) throw unusable(file, 'a line of the file is no store key');
      const key = Buffer.from(encoded, 'base64url');
      this.#keys.set(idOf(key), key);
    }
    const [first] = this.#keys.keys();
    if (first === undefined) throw unusable(file, 'the file is empty');
    this.id = first;
  }

  /** `place` is the table and the id of the row: `engine/box`. */
  seal(secret: string | Buffer, place: string): Sealed {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(this.id, place), nonce);
    cipher.setAAD(Buffer.from(place));
    const bytes = [cipher.update(secret), cipher.final()];
    return { sealed: Buffer.concat([nonce, ...bytes, cipher.getAuthTag()]), sealedBy: this.id };
  }

  /** Throws STORE_KEY_UNUSABLE if the secret was encrypted with another key, or for another place. */
  unseal({ sealed, sealedBy }: Sealed, place: string): Buffer {
    const key = this.#keyOf(sealedBy, place);
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes));
      decipher.setAAD(Buffer.from(place));
      decipher.setAuthTag(sealed.subarray(-tagBytes));
      return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
    } catch (cause) {
      throw unusable(this.#file, `the secret of ${place} in the database was changed`, cause);
    }
  }

  #keyOf(id: string, place: string): Buffer {
    const key = this.#keys.get(id);
    if (key !== undefined) return key;
    throw unusable(
      this.#file,
      `the secret of ${place} in the database was encrypted with another store key (${id})`,
    );
  }
}

/** Throws STORE_KEY_UNUSABLE. `file` is undefined if none is configured. */
export function readStoreKey(file: string | undefined): StoreKey {
  if (file === undefined) throw unusable('(FLM_STORE_KEY_FILE)', 'it is not set, and PostgreSQL needs it');
  return new StoreKey(file, readText(file));
}

/** Creates a file that only this user may read. Throws STORE_KEY_UNUSABLE if the file exists. */
export function createStoreKey(file: string): StoreKey {
  const text = `flm-store-key-1:${randomBytes(keyBytes).toString('base64url')}\n`;
  try {
    const created = openSync(file, 'wx', 0o600);
    try {
      writeSync(created, text);
      // A key that is lost in a power failure loses the secrets that it has encrypted.
      fsyncSync(created);
    } finally {
      closeSync(created);
    }
  } catch (cause) {
    throw unusable(file, reasonOf(cause), cause);
  }
  return new StoreKey(file, text);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw unusable(file, reasonOf(cause), cause);
  }
}

const reasons: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'it does not exist'],
  ['EEXIST', 'it exists already, and is not overwritten'],
  ['EACCES', 'this user may not read or write it'],
  ['EISDIR', 'it is a folder'],
]);

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return reasons.get(code) ?? String(code);
}

function unusable(file: string, reason: string, cause?: unknown): StoreError {
  return new StoreError('STORE_KEY_UNUSABLE', { params: { file, reason }, cause });
}

function idOf(key: Buffer): string {
  return createHash('sha256').update('flm-store-key').update(key).digest('hex').slice(0, 12);
}
