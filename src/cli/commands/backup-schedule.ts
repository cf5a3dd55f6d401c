/** `flm backup schedule`: daily backups by running proxies. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { bareAction, type Cli, group, leaf, usageError } from '../command.ts';
import { collect } from '../config-flags.ts';
import { t } from '../i18n/texts.ts';
import { scheduleText } from '../views/backup-view.ts';
import { keptBackups, recipientsOf } from './backup-keys.ts';

const texts = t.backup;
const { about, options } = texts;

interface DailyFlags {
  readonly at: string;
  readonly to?: string;
  readonly recipient?: readonly string[];
  readonly plaintext?: boolean;
  readonly keep?: string;
}

export function scheduleCommands(cli: Cli): Command {
  return group('schedule', about.schedule, [daily(cli), show(cli), off(cli)]);
}

function daily(cli: Cli): Command {
  const name = 'backup schedule daily';
  return leaf('daily', about.daily, 'flm backup schedule daily --at 03:30 --recipient age1...')
    .option('--at <time>', options.at, '03:30')
    .option('--to <folder>', options.to)
    .option('--recipient <age1...>', options.recipient, collect)
    .option('--plaintext', options.plaintext)
    .option('--keep <number>', options.keep)
    .action(
      bareAction(cli, async ({ terminal, json }, flags: DailyFlags) => {
        const { recipient, plaintext, at, to } = flags;
        if ((recipient === undefined) !== (plaintext === true)) throw usageError(name, texts.chooseRecipient);
        if (!/^(?:[01]\d|2[0-3]):[0-5]\d$/.test(at)) throw usageError(name, texts.badTime);
        const recipients = await recipientsOf(name, recipient ?? []);
        const keep = await keptBackups(name, flags.keep);
        const { setScheduleIn } = await import('../../app/backup/backup-tools.ts');
        const found = setScheduleIn(cli.environment, {
          ...{ at, recipients, keep },
          to: to === undefined ? null : resolve(to),
        });
        terminal.out(json ? JSON.stringify(found) : scheduleText(found, terminal));
        if (!json) terminal.talk(texts.scheduleNext);
      }),
    );
}

function show(cli: Cli): Command {
  return leaf('show', about.scheduleShow, 'flm backup schedule show').action(
    bareAction(cli, async ({ terminal, json }) => {
      const { scheduleIn } = await import('../../app/backup/backup-tools.ts');
      const found = scheduleIn(cli.environment);
      if (json) return terminal.out(JSON.stringify(found));
      if (found.schedule === null) return terminal.talk(texts.noSchedule);
      terminal.out(scheduleText(found, terminal));
    }),
  );
}

function off(cli: Cli): Command {
  return leaf('off', about.scheduleOff, 'flm backup schedule off').action(
    bareAction(cli, async ({ terminal, json }) => {
      const { setScheduleIn } = await import('../../app/backup/backup-tools.ts');
      const found = setScheduleIn(cli.environment, undefined);
      if (json) return terminal.out(JSON.stringify(found));
      terminal.out(texts.scheduleEnded);
    }),
  );
}
