/** `flm backup restore`: asks, replaces the data, and tells what stayed. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { bareAction, type Cli, leaf } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { moment } from '../terminal/layout.ts';
import { confirm } from '../terminal/question.ts';
import { restoredText } from '../views/backup-view.ts';
import { type KeyFlags, keysFor, withKeys } from './backup-keys.ts';
import { waiting } from './backup-wait.ts';

const texts = t.backup;
const { about, options } = texts;

interface RestoreFlags extends KeyFlags {
  readonly reviveKeys?: boolean;
  readonly yes?: boolean;
}

export function restoreCommand(cli: Cli): Command {
  return withKeys(
    leaf('restore', about.restore, 'flm proxy stop --all\nflm backup restore FILE').argument(
      '<file>',
      options.file,
    ),
  )
    .option('--revive-keys', options.reviveKeys)
    .option('--yes', options.yes)
    .action(
      bareAction(cli, async (session, flags: RestoreFlags, name: string) => {
        const { terminal, json, signal } = session;
        const { verifyIn, restoreIn } = await import('../../app/backup/backup-tools.ts');
        const file = resolve(name);
        const keys = await keysFor(session, file, flags);
        if (flags.yes !== true && terminal.interactive && !json) {
          const { createdAt, host } = await waiting(session, texts.reading, () =>
            verifyIn(cli.environment, file, keys, signal),
          );
          await confirm(
            session,
            'backup restore',
            texts.replaces(moment(Date.parse(createdAt)), host),
            false,
          );
        } else await confirm(session, 'backup restore', texts.replacesUnread, flags.yes === true);
        const reviveKeys = flags.reviveKeys === true;
        const done = await waiting(session, texts.restoring, () =>
          restoreIn(cli.environment, { file, keys, reviveKeys, signal }),
        );
        terminal.out(json ? JSON.stringify(done) : restoredText(done));
        if (!json) terminal.talk(texts.restoreNext);
      }),
    );
}
