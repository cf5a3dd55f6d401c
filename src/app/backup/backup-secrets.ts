/** Reads what encrypts and decrypts backups: files with passphrases and age identities, and recipients. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { AgeLock } from '../../archive/age.ts';
import { type BackupLock, lockOf } from '../../archive/unpack.ts';
import { ProxyError } from '../../core/errors.ts';
import { errnoReason } from '../../core/system-error.ts';

/** age derives a key from the passphrase so slowly that this length withstands guessing. */
export const minPassphraseLength = 12;

/** The first line of a file. Throws FILE_UNUSABLE. */
export function readPassphrase(file: string): string {
  const [line = ''] = readText(file).split(/\r?\n/);
  if (line.length < minPassphraseLength)
    throw unusable(file, `its first line is no passphrase of at least ${minPassphraseLength} characters`);
  return line;
}

/** Every identity in a file of `age-keygen` or of `flm backup key create`. Throws FILE_UNUSABLE. */
export async function readIdentities(file: string): Promise<readonly string[]> {
  const { isIdentity } = await import('../../archive/age.ts');
  const lines = readText(file).split(/\r?\n/);
  const found = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  if (found.length === 0 || !found.every(isIdentity))
    throw unusable(file, 'it is no file of age identities (AGE-SECRET-KEY-...)');
  return found;
}

/** Returns the first text that is no recipient; undefined if all are. */
export async function wrongRecipient(recipients: readonly string[]): Promise<string | undefined> {
  const { isRecipient } = await import('../../archive/age.ts');
  return recipients.find((text) => !isRecipient(text));
}

/** Creates a file with a new identity that only this user may read, and returns its recipient. Throws FILE_UNUSABLE. */
export async function createIdentityFile(file: string, nowMs: number): Promise<string> {
  const { newAgeKey } = await import('../../archive/age.ts');
  const { identity, recipient } = await newAgeKey();
  try {
    const created = openSync(file, 'wx', 0o600);
    try {
      // The same lines as age-keygen writes.
      const createdAt = new Date(nowMs).toISOString();
      writeSync(created, `# created: ${createdAt}\n# public key: ${recipient}\n${identity}\n`);
      // Backups that were encrypted for an identity that is lost in a power failure are lost too.
      fsyncSync(created);
    } finally {
      closeSync(created);
    }
  } catch (cause) {
    throw unusable(file, errnoReason(cause), cause, 'written');
  }
  return recipient;
}

/** What opens a backup. Throws BACKUP_UNREADABLE. */
export function lockOfBackup(file: string): Promise<BackupLock> {
  return lockOf(file);
}

export type { AgeLock, BackupLock };

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw unusable(file, errnoReason(cause), cause);
  }
}

function unusable(file: string, reason: string, cause?: unknown, done = 'read'): ProxyError {
  return new ProxyError('FILE_UNUSABLE', { params: { file, done, reason }, cause });
}
