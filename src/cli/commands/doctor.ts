/** `flm doctor`: finds what is wrong with flm on this machine, and names the command that fixes it. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { bareAction, type Cli, leaf } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { whileWaiting } from '../terminal/progress.ts';
import { doctorText } from '../views/doctor-view.ts';

const texts = t.doctor;

interface DoctorFlags {
  readonly bundle?: string;
}

/** Engines have a few seconds to answer; most reports take less. */
const patienceMs = 1_000;

export function doctorCommand(cli: Cli): Command {
  return leaf('doctor', texts.about, 'flm doctor\nflm doctor --json\nflm doctor --bundle support.json')
    .option('--bundle <file>', texts.bundle)
    .action(
      bareAction(cli, async ({ terminal, json, signal }, { bundle }: DoctorFlags) => {
        const [{ examineMachine }, { systemClock }] = await Promise.all([
          import('../../app/doctor/doctor.ts'),
          import('../../core/clock.ts'),
        ]);
        const { environment, entry } = cli;
        const report = await whileWaiting(terminal, systemClock, { text: texts.waiting, patienceMs }, () =>
          examineMachine({ environment, entry, signal }),
        );
        terminal.out(json ? JSON.stringify(report) : doctorText(report, terminal));
        if (!report.ok) cli.exit = 1;
        if (bundle !== undefined) {
          const { writeBundle } = await import('../../app/doctor/support-bundle.ts');
          const file = resolve(bundle);
          await writeBundle({ environment, entry, report, file });
          terminal.talk(texts.bundled(file));
        }
      }),
    );
}
