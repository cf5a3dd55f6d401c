/**
 * `flm help [COMMAND...]` and `flm version`: common alternatives to `--help` and `--version`.
 */
import { readFileSync } from 'node:fs';
import { getAsset, isSea } from 'node:sea';
import type { Command } from 'commander';
import packageJson from '../../../package.json' with { type: 'json' };
import { type Cli, leaf, tellError, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { otherFlm } from '../name-clash.ts';
import { printable } from '../terminal/layout.ts';
import { unknownCommand } from '../unknown-command.ts';

const texts = t.self;

export function helpCommand(cli: Cli): Command {
  const command = leaf('help', texts.about.help, 'flm help key create').argument(
    '[command...]',
    texts.options.command,
  );
  return command.action((words: readonly string[]) => {
    let shown: Command = command.parent ?? command;
    const path: string[] = [];
    for (const word of words) {
      const next = namedCommand(shown, word);
      if (next === undefined) {
        const unknown = unknownCommand(shown, path, printable(word));
        cli.exit = tellError(usageError(path.join(' '), unknown), cli.terminal, false);
        return;
      }
      shown = next;
      path.push(next.name());
    }
    shown.outputHelp();
  });
}

export function versionCommand(cli: Cli): Command {
  return leaf('version', texts.about.version, 'flm version --json\nflm version --licenses')
    .option('--licenses', texts.options.licenses)
    .action(({ json, licenses }: { readonly json?: boolean; readonly licenses?: boolean }) => {
      const { version } = packageJson;
      if (licenses === true) {
        const text = licencesText();
        return cli.terminal.out(json === true ? JSON.stringify({ version, licenses: text }) : text);
      }
      const node = process.versions.node;
      const platform = `${process.platform}-${process.arch}`;
      if (json === true) return cli.terminal.out(JSON.stringify({ version, node, platform }));
      cli.terminal.out(`flm ${version} (Node ${node}, ${platform})`);
      const other = otherFlm(cli.environment, cli.entry);
      if (other !== undefined) cli.terminal.talk(`${cli.terminal.paint('yellow', '!')} ${other}`);
    });
}

/** The text that the build wrote, inside an executable or beside the bundled code. */
function licencesText(): string {
  if (isSea()) return getAsset('LICENSES.txt', 'utf8').trimEnd();
  return readFileSync(new URL('./LICENSES.txt', import.meta.url), 'utf8').trimEnd();
}

/** A command below `parent`, by name or alias. */
export function namedCommand(parent: Command, word: string): Command | undefined {
  return parent.commands.find((c) => c.name() === word || c.aliases().includes(word));
}
