/** `flm backup`: creates, verifies, restores and lists backups, and makes the key that decrypts them. */
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { AgeLock } from '../../app/backup/backup-secrets.ts';
import { type BareSession, bareAction, type Cli, group, leaf, usageError } from '../command.ts';
import { collect } from '../config-flags.ts';
import { t } from '../i18n/texts.ts';
import { createdText, listText, verifiedText } from '../views/backup-view.ts';
import { askPassphrase, type KeyFlags, keptBackups, keysFor, recipientsOf, withKeys } from './backup-keys.ts';
import { restoreCommand } from './backup-restore.ts';
import { scheduleCommands } from './backup-schedule.ts';
import { waiting } from './backup-wait.ts';

const texts = t.backup;
const { about, options } = texts;

interface LockFlags {
  readonly encrypt?: boolean;
  readonly plaintext?: boolean;
  readonly passphraseFile?: string;
  readonly recipient?: readonly string[];
}

interface CreateFlags extends LockFlags {
  readonly to?: string;
  readonly keep?: string;
  /** A running proxy makes the backup of the schedule. */
  readonly scheduled?: boolean;
}

export function backupCommands(cli: Cli): Command {
  return group('backup', about.backup, [
    create(cli),
    verify(cli),
    restoreCommand(cli),
    list(cli),
    scheduleCommands(cli),
    group('key', about.key, [createKey(cli)]),
  ]);
}

function create(cli: Cli): Command {
  return leaf(
    'create',
    about.create,
    'flm backup create --encrypt\nflm backup create --recipient age1... --to /mnt/backups',
  )
    .option('--to <folder>', options.to)
    .option('--encrypt', options.encrypt)
    .option('--passphrase-file <file>', options.passphraseFile)
    .option('--recipient <age1...>', options.recipient, collect)
    .option('--plaintext', options.plaintext)
    .option('--keep <number>', options.keep)
    .addOption(new Option('--scheduled').hideHelp())
    .action(
      bareAction(cli, async (session, flags: CreateFlags) => {
        const { terminal, json, signal } = session;
        const tools = await import('../../app/backup/backup-tools.ts');
        if (flags.scheduled === true) {
          const made = await tools.createScheduledIn(cli.environment, signal);
          return terminal.out(JSON.stringify(made ?? null));
        }
        const keep = await keptBackups('backup create', flags.keep);
        const lock = await lockFor(session, flags);
        const to = flags.to === undefined ? undefined : resolve(flags.to);
        const made = await waiting(session, texts.creating, () =>
          tools.createIn(cli.environment, { to, lock, keep, signal }),
        );
        if (json) return terminal.out(JSON.stringify(made));
        terminal.out(createdText(made));
        if (!made.encrypted) terminal.talk(texts.keepSecret);
      }),
    );
}

function verify(cli: Cli): Command {
  return withKeys(
    leaf('verify', about.verify, 'flm backup verify FILE').argument('<file>', options.file),
  ).action(
    bareAction(cli, async (session, flags: KeyFlags, file: string) => {
      const { terminal, json, signal } = session;
      const { verifyIn } = await import('../../app/backup/backup-tools.ts');
      const keys = await keysFor(session, file, flags);
      const found = await waiting(session, texts.reading, () =>
        verifyIn(cli.environment, file, keys, signal),
      );
      terminal.out(json ? JSON.stringify(found) : verifiedText(found, terminal));
      if (!json) terminal.out(texts.sound);
    }),
  );
}

function list(cli: Cli): Command {
  return leaf('list', about.list, 'flm backup list\nflm backup list /mnt/backups')
    .argument('[folder]', options.folder)
    .action(
      bareAction(cli, async ({ terminal, json }, _flags: object, folder?: string) => {
        const { listIn } = await import('../../app/backup/backup-tools.ts');
        const found = listIn(cli.environment, folder);
        if (json) return terminal.out(JSON.stringify(found));
        if (found.backups.length === 0) return terminal.talk(texts.none(found.folder));
        terminal.out(listText(found, terminal));
      }),
    );
}

function createKey(cli: Cli): Command {
  return leaf('create', about.keyCreate, 'flm backup key create ~/flm-backup-key.txt')
    .argument('<file>', options.keyFile)
    .action(
      bareAction(cli, async ({ terminal, json }, _flags: object, name: string) => {
        const [{ createIdentityFile }, { systemClock }] = await Promise.all([
          import('../../app/backup/backup-secrets.ts'),
          import('../../core/clock.ts'),
        ]);
        const file = resolve(name);
        const recipient = await createIdentityFile(file, systemClock.nowMs());
        if (json) return terminal.out(JSON.stringify({ file, recipient }));
        terminal.out(texts.keyCreated(recipient, file));
        terminal.talk(texts.keyNext);
      }),
    );
}

/** Undefined: not encrypted. A person at a terminal is asked. Throws USAGE or FILE_UNUSABLE. */
async function lockFor(session: BareSession, flags: LockFlags): Promise<AgeLock | undefined> {
  const { encrypt, plaintext, passphraseFile, recipient } = flags;
  const command = 'backup create';
  const encrypts = encrypt === true || passphraseFile !== undefined || recipient !== undefined;
  if (plaintext === true) {
    if (encrypts) throw usageError(command, t.flags.notBoth('--plaintext', '--encrypt'));
    return undefined;
  }
  const secrets = await import('../../app/backup/backup-secrets.ts');
  if (recipient !== undefined) {
    if (passphraseFile !== undefined)
      throw usageError(command, t.flags.notBoth('--recipient', '--passphrase-file'));
    return { recipients: await recipientsOf(command, recipient) };
  }
  if (passphraseFile !== undefined) return { passphrase: secrets.readPassphrase(passphraseFile) };
  const { terminal, json, signal } = session;
  if (!terminal.interactive || json)
    throw usageError(command, encrypts ? texts.noTerminal : texts.chooseEncryption);
  if (!encrypts) {
    const answer = await terminal.ask(texts.encryptQuestion, signal);
    if (answer === undefined) throw usageError(command, texts.chooseEncryption);
    if (/^n/i.test(answer.trim())) return undefined;
  }
  return { passphrase: await askPassphrase(session, command) };
}
