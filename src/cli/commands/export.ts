/** `flm export`: prints the whole configuration as a file for `flm apply`. */
import type { Command } from 'commander';
import { action, type Cli, leaf } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { schemaComment, schemaFile } from '../yaml-file.ts';

const texts = t.apply;

export function exportCommand(cli: Cli): Command {
  return leaf('export', texts.exportDescription, 'flm export > flm.yaml')
    .summary(texts.exportSummary)
    .action(
      action(cli, async ({ flm, json, terminal }) => {
        const configuration = await (await flm.configuration()).export();
        if (json) return terminal.out(JSON.stringify({ $schema: schemaFile('apply'), ...configuration }));
        const { stringify } = await import('yaml');
        // Keys with the same rules share lists in memory. Anchors would make the file hard to read.
        terminal.write(schemaComment('apply') + stringify(configuration, { aliasDuplicateObjects: false }));
      }),
    );
}
