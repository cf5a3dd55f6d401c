/** Asks for what encrypts and decrypts backups, or reads it from files. */
import { type BareSession, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';

const texts = t.backup;

export interface KeyFlags {
  readonly passphraseFile?: string;
  readonly identity?: string;
}

interface Keys {
  readonly passphrase?: string;
  readonly identities?: readonly string[];
}

/** What decrypts this backup. Throws BACKUP_UNREADABLE, FILE_UNUSABLE, or USAGE if the question has no answer. */
export async function keysFor(session: BareSession, file: string, flags: KeyFlags): Promise<Keys> {
  const { passphraseFile, identity } = flags;
  const { terminal, json, signal } = session;
  const secrets = await import('../../app/backup/backup-secrets.ts');
  const keys = {
    ...(passphraseFile === undefined ? {} : { passphrase: secrets.readPassphrase(passphraseFile) }),
    ...(identity === undefined ? {} : { identities: await secrets.readIdentities(identity) }),
  };
  const asks = (await secrets.lockOfBackup(file)) === 'passphrase' && passphraseFile === undefined;
  if (!asks || !terminal.interactive || json) return keys;
  const passphrase = await terminal.askSecret(texts.passphraseOf(file), signal);
  return passphrase === undefined ? keys : { ...keys, passphrase };
}

/** Asks twice. Throws USAGE if the answers differ or are too short. */
export async function askPassphrase({ terminal, signal }: BareSession, command: string): Promise<string> {
  const { minPassphraseLength } = await import('../../app/backup/backup-secrets.ts');
  const first = await terminal.askSecret(texts.newPassphrase(minPassphraseLength), signal);
  if (first === undefined || first.length < minPassphraseLength)
    throw usageError(command, texts.shortPassphrase(minPassphraseLength));
  if ((await terminal.askSecret(texts.repeatPassphrase, signal)) !== first)
    throw usageError(command, texts.differentPassphrases);
  return first;
}
