/**
 * Generates docs/cli.md: keeps the handwritten text above the mark, and adds the help of every command as the program
 * prints it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { makeProgram } from '../../src/cli/program.ts';
import { silentCli } from '../../test/helpers/silent-cli.ts';

const mark =
  '<!-- Below: the help of every command, made by `npm run docs`; a test holds it to the code. -->';

export function cliPage(root: string): string {
  const written = readFileSync(join(root, 'docs/cli.md'), 'utf8').split(mark)[0] ?? '';
  const parts = [...helpOf(makeProgram(silentCli()), ['flm'])];
  return `${written.trimEnd()}\n\n${mark}\n\n## Commands\n\n${parts.join('\n\n')}\n`;
}

function* helpOf(command: Command, path: readonly string[]): Generator<string> {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 100 });
  command.outputHelp();
  yield `${'#'.repeat(path.length + 2)} ${path.join(' ')}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\``;
  for (const sub of command.commands) yield* helpOf(sub, [...path, sub.name()]);
}
