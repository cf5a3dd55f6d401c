/**
 * Suggests a command in place of one that does not exist: a similar name in the same group, or a command of that name in
 * another group (`flm status` is `flm proxy status`). Without a similar name it lists the commands of the group.
 */
import type { Command } from 'commander';
import { nearNames } from '../core/engine/name-suggestions.ts';
import { t } from './i18n/texts.ts';

const texts = t.errors;

const maxShown = 4;

/** Returns a sentence. `path` is the command group, for example `flm key`. */
export function unknownCommand(group: Command, path: readonly string[], word: string): string {
  const asked = ['flm', ...path, word].join(' ');
  const meant = meantCommands(group, path, word);
  if (meant.length > 0) return texts.similarCommands(asked, meant.map(quoted).join(', '));
  if (path.length === 0) return texts.unknownCommand(asked);
  const names = group.commands.map((c) => c.name()).join(', ');
  return texts.commandsOf(asked, ['flm', ...path].join(' '), names);
}

function meantCommands(group: Command, path: readonly string[], word: string): readonly string[] {
  const near = nearNames(word, namesOf(group.commands)).map((name) => ['flm', ...path, name].join(' '));
  if (path.length > 0) return near.slice(0, maxShown);
  const deeper = group.commands.flatMap((parent) =>
    parent.commands.map((sub) => ({ names: namesOf([sub]), command: `flm ${parent.name()} ${sub.name()}` })),
  );
  const exact = deeper.filter(({ names }) => names.includes(word));
  const alike = near.length > 0 ? [] : deeper.filter(({ names }) => nearNames(word, names).length > 0);
  const all = [...exact.map(({ command }) => command), ...near, ...alike.map(({ command }) => command)];
  return [...new Set(all)].slice(0, maxShown);
}

const namesOf = (commands: readonly Command[]): readonly string[] =>
  commands.flatMap((c) => [c.name(), ...c.aliases()]);

const quoted = (command: string): string => `\`${command}\``;
