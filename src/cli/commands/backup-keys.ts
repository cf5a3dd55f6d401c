/** Flags that several commands have: what encrypts and decrypts backups, and how many stay. */
import type { Command } from 'commander';
import { type BareSession, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';

const texts = t.backup;

export interface KeyFlags {
  readonly passphraseFile?: string;
  readonly identity?: string;
}

/** Adds the flags that open an encrypted backup. */
export function withKeys(command: Command): Command {
  return command
    .option('--passphrase-file <file>', texts.options.passphraseFile)
    .option('--identity <file>', texts.options.identity);
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

/** Throws USAGE if a text is no recipient. */
export async function recipientsOf(command: string, given: readonly string[]): Promise<string[]> {
  const { wrongRecipient } = await import('../../app/backup/backup-secrets.ts');
  const wrong = await wrongRecipient(given);
  if (wrong !== undefined) throw usageError(command, texts.wrongRecipient(wrong));
  return [...given];
}

/** The number of backups that stay. Throws USAGE. */
export async function keptBackups(command: string, given: string | undefined): Promise<number> {
  const { keptByDefault } = await import('../../app/backup/backup-tools.ts');
  if (given === undefined) return keptByDefault;
  if (!/^[1-9]\d{0,3}$/.test(given)) throw usageError(command, texts.badKeep);
  return Number(given);
}
