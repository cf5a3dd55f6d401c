/** `flm retention`: shows or changes how long usage and the audit are kept. */
import type { Command } from 'commander';
import type { Retention } from '../../core/security/ports.ts';
import { action, type Cli, leaf, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { table } from '../terminal/layout.ts';

const texts = t.retention;

type RetentionFlags = Readonly<Partial<Record<keyof Retention, string>>>;

export function retentionCommand(cli: Cli): Command {
  return leaf('retention', texts.about, 'flm retention\nflm retention --hourly-days 30 --audit-days 90')
    .option('--hourly-days <number>', texts.options.hourly)
    .option('--daily-days <number>', texts.options.daily)
    .option('--audit-days <number>', texts.options.audit)
    .action(
      action(cli, async ({ flm, terminal, json }, flags: RetentionFlags) => {
        const before = await flm.usage.retention();
        const asked = changesOf(flags);
        const after = { ...before, ...asked };
        if (Object.keys(asked).length > 0) await flm.changeRetention(after);
        if (json) return terminal.out(JSON.stringify(after));
        terminal.out(
          table(
            [texts.kept, { name: texts.days, right: true }],
            [
              [texts.hourly, String(after.hourlyDays)],
              [texts.daily, String(after.dailyDays)],
              [texts.audit, String(after.auditDays)],
            ],
          ),
        );
        if (Object.keys(asked).length > 0) terminal.talk(texts.changed);
      }),
    );
}

function changesOf({ hourlyDays, dailyDays, auditDays }: RetentionFlags): Partial<Retention> {
  const given = Object.entries({ hourlyDays, dailyDays, auditDays }).filter(([, text]) => text !== undefined);
  return Object.fromEntries(
    given.map(([name, text]) => {
      if (!/^\d{1,9}$/.test(text ?? '')) throw usageError('retention', texts.notWhole(text ?? ''));
      return [name, Number(text)];
    }),
  );
}
