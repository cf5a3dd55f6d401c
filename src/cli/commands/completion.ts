/**
 * `flm completion SHELL`: a script for the shell, which asks flm itself (`flm __complete WORDS...`) for what may follow.
 *
 * Commands, options and their fixed values come from the command tree. Names of keys, profiles, engines, models, aliases
 * and clients come from the store and the running proxies. A completion prints nothing but candidates and never an error.
 */
import type { Command, Option } from 'commander';
import { clients } from '../../clients/clients.ts';
import { routeIds, scopes } from '../../core/engine/routes.ts';
import { type Cli, leaf, type Session, tellError, usageError } from '../command.ts';
import { languages, t } from '../i18n/texts.ts';
import { namedCommand } from './help.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** Each script passes the words of the command line, with the word at the cursor last. */
const scripts: Readonly<Record<Shell, string>> = {
  bash: `# flm completion for bash. Load it now:  source <(flm completion bash)
# or for every shell:  flm completion bash > ~/.local/share/bash-completion/completions/flm
_flm() {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}") line
  # bash splits words at : and =, which stand in names of models; take the line as it was typed.
  [[ $COMP_LINE == *[:=]* ]] && read -ra words <<<"\${COMP_LINE:0:COMP_POINT}" && {
    [[ \${COMP_LINE:COMP_POINT-1:1} == ' ' ]] && words+=('')
    words=("\${words[@]:1}")
  }
  local typed="\${words[-1]}" cut=''
  [[ $typed == *[:=]* ]] && cut="\${typed%"\${typed##*[:=]}"}"
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("\${line#"$cut"}")
  done < <("\${COMP_WORDS[0]}" __complete --names "\${words[@]}" 2>/dev/null)
}
complete -o nosort -o default -F _flm flm flm-proxy`,
  zsh: `#compdef flm flm-proxy
# flm completion for zsh. Load it now:  source <(flm completion zsh)
# or for every shell, in a folder of $fpath:  flm completion zsh > "\${fpath[1]}/_flm"
_flm() {
  local -a found
  local line
  while IFS= read -r line; do
    found+=("\${\${line//:/\\\\:}/$'\\t'/:}")
  done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe flm found; else _files; fi
}
if [ "$funcstack[1]" = "_flm" ]; then _flm "$@"; else compdef _flm flm flm-proxy; fi`,
  fish: `# flm completion for fish. Load it now:  flm completion fish | source
# or for every shell:  flm completion fish > ~/.config/fish/completions/flm.fish
function __flm_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] __complete $words[2..-1] 2>/dev/null
end
for name in flm flm-proxy
  complete -c $name -f -a '(__flm_complete)'
end`,
};

export function completionCommand(cli: Cli): Command {
  return leaf(
    'completion',
    t.self.about.completion,
    'flm completion fish > ~/.config/fish/completions/flm.fish\nsource <(flm completion bash)',
  )
    .argument('<shell>', shells.join(', '))
    .action((shell: string, { json }: { readonly json?: boolean }) => {
      const script = Object.entries(scripts).find(([name]) => name === shell)?.[1];
      if (script === undefined) {
        const message = t.self.completion.unknownShell(shell, shells.join(', '));
        cli.exit = tellError(usageError('completion', message), cli.terminal, json === true);
        return;
      }
      cli.terminal.out(json === true ? JSON.stringify({ shell, script }) : script);
    });
}

export interface Completion {
  readonly name: string;
  readonly about: string;
}

/** Handles the call of the scripts, `flm __complete [--names] WORDS...`. `--names` leaves out the descriptions. */
export async function complete(cli: Cli, program: Command, argv: readonly string[]): Promise<void> {
  const bare = argv[0] === '--names';
  const place = completedPlace(program, bare ? argv.slice(1) : argv);
  const found = place.names === undefined ? place.fixed : await namesOf(cli, place.names);
  for (const { name, about } of found) {
    if (!name.startsWith(place.typed) || /[\p{Cc}\s]/u.test(name)) continue;
    cli.terminal.out(bare || about === '' ? name : `${name}\t${about}`);
  }
}

/** A kind of name that only the store or a running proxy knows. */
type NameSource = 'key' | 'share' | 'profile' | 'engine' | 'model' | 'alias' | 'proxy';

interface Place {
  readonly typed: string;
  readonly fixed: readonly Completion[];
  readonly names: NameSource | undefined;
}

const plain = (names: readonly string[]): readonly Completion[] => names.map((name) => ({ name, about: '' }));

/** Values of options and arguments, by the name in `<...>`. */
const valuesOf: Readonly<Record<string, readonly Completion[] | NameSource>> = {
  scope: plain(scopes),
  route: plain(routeIds),
  mode: plain(['local-http', 'dev-selfsigned', 'https-acme']),
  shell: plain(shells),
  language: plain(languages),
  client: clients.map(({ id, name }) => ({ name: id, about: name })),
  key: 'key',
  share: 'share',
  profile: 'profile',
  engine: 'engine',
  model: 'model',
  alias: 'alias',
  proxy: 'proxy',
  'proxy-or-profile': 'proxy',
};

/** Options whose value has a general name. */
const optionValues: Readonly<Record<string, NameSource>> = {
  '--engine': 'engine',
  '--model': 'model',
  '--proxy': 'proxy',
};

/** The possible completions of the last word. */
export function completedPlace(program: Command, words: readonly string[]): Place {
  const typed = words.at(-1) ?? '';
  let command = program;
  let taken = 0;
  let optionWithValue: Option | undefined;
  for (const word of words.slice(0, -1)) {
    if (optionWithValue !== undefined) {
      optionWithValue = undefined;
      continue;
    }
    if (word.startsWith('-')) {
      // `--lang` of the program may stand anywhere.
      const option = [...command.options, ...program.options].find(
        (o) => o.long === word || o.short === word,
      );
      optionWithValue = option?.required === true ? option : undefined;
      continue;
    }
    const next = namedCommand(command, word);
    if (next !== undefined && taken === 0) command = next;
    else taken += 1;
  }
  if (optionWithValue !== undefined) {
    const value = /<([^>]+)>/.exec(optionWithValue.flags)?.[1] ?? '';
    return placeFor(typed, optionValues[optionWithValue.long ?? ''] ?? valuesOf[value]);
  }
  if (typed.startsWith('-')) {
    const shown = command.createHelp().visibleOptions(command);
    return {
      typed,
      fixed: shown.map((o) => ({ name: o.long ?? o.flags, about: o.description })),
      names: undefined,
    };
  }
  const subs = command.createHelp().visibleCommands(command);
  if (subs.length > 0) {
    return { typed, fixed: subs.map((c) => ({ name: c.name(), about: c.description() })), names: undefined };
  }
  const { registeredArguments } = command;
  const last = registeredArguments.at(-1);
  const argument = registeredArguments[taken] ?? (last?.variadic === true ? last : undefined);
  if (command.name() === 'help') return { typed, fixed: commandsFor(program, words), names: undefined };
  if (argument === undefined) return placeFor(typed, undefined);
  // `flm profile show <name>`, `flm engine remove <id>`: the group determines the kind of name.
  const general = ['name', 'id', 'id-or-url'].includes(argument.name());
  const name = general ? (command.parent?.name() ?? '') : argument.name();
  return placeFor(typed, general && name === 'model' ? 'alias' : valuesOf[name]);
}

function placeFor(typed: string, source: readonly Completion[] | NameSource | undefined): Place {
  return typeof source === 'string'
    ? { typed, fixed: [], names: source }
    : { typed, fixed: source ?? [], names: undefined };
}

/** `flm help key c`: the commands below `key`. */
function commandsFor(program: Command, words: readonly string[]): readonly Completion[] {
  let command = program;
  for (const word of words.slice(1, -1)) command = namedCommand(command, word) ?? command;
  return command
    .createHelp()
    .visibleCommands(command)
    .map((c) => ({ name: c.name(), about: c.description() }));
}

async function namesOf(cli: Cli, source: NameSource): Promise<readonly Completion[]> {
  try {
    const { openFlm } = await import('../../app/flm.ts');
    const flm = await openFlm(cli);
    try {
      return await namesIn(flm, source, cli.signal);
    } finally {
      await flm.close();
    }
  } catch {
    // The command itself reports a data folder that cannot be used.
    return [];
  }
}

async function namesIn(
  flm: Session['flm'],
  source: NameSource,
  signal: AbortSignal,
): Promise<readonly Completion[]> {
  switch (source) {
    case 'key': {
      const keys = (await flm.security.records()).filter((record) => record.revokedAtMs === null);
      return keys.flatMap(({ id, label }) => [
        { name: label, about: id },
        { name: id, about: label },
      ]);
    }
    case 'share': {
      const shares = (await flm.sharesFor().list()).filter(
        (share) => flm.sharesFor().state(share) === 'open',
      );
      return shares.flatMap(({ id, request: { label } }) => [
        { name: label, about: id },
        { name: id, about: label },
      ]);
    }
    case 'profile':
      return (await flm.profiles.list()).map(({ name }) => ({ name, about: '' }));
    case 'proxy':
      return (await flm.proxies.list()).flatMap(({ id, profile }) => [
        { name: profile, about: id },
        { name: id, about: profile },
      ]);
    case 'alias':
      return (await flm.engines.aliases()).map(({ name, target }) => ({ name, about: target }));
    case 'engine':
    case 'model': {
      const aliases = source === 'model' ? await flm.engines.aliases() : [];
      const saved = source === 'engine' ? await flm.engines.list() : [];
      const statuses = await Promise.all(
        (await flm.proxies.list()).map((handle) => flm.control(handle).status(signal)),
      );
      const engines = statuses.flatMap((status) => (status === 'gone' ? [] : status.engines));
      const found: readonly Completion[] =
        source === 'engine'
          ? [
              ...saved.map(({ id, url }) => ({ name: id, about: url })),
              ...engines.map(({ ref }) => ({ name: ref.id, about: ref.url })),
            ]
          : [
              ...aliases.map(({ name, target }) => ({ name, about: target })),
              ...engines.flatMap(({ ref, models }) => models.map(({ id }) => ({ name: id, about: ref.id }))),
            ];
      return [...new Map(found.map((candidate) => [candidate.name, candidate])).values()];
    }
    default:
      return source satisfies never;
  }
}
