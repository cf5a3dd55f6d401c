/**
 * The whole command line: all command groups, and the handling of usage errors.
 */
import assert from 'node:assert/strict';
import { Command, CommanderError, Help, type HelpConfiguration } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { chatCommand } from './chat/chat.ts';
import { type Cli, tellError, usageError } from './command.ts';
import { applyCommand } from './commands/apply.ts';
import { auditCommand } from './commands/audit.ts';
import { backupCommands } from './commands/backup.ts';
import { certCommands } from './commands/cert.ts';
import { complete, completionCommand } from './commands/completion.ts';
import { connectCommand } from './commands/connect.ts';
import { dbCommands } from './commands/db.ts';
import { doctorCommand } from './commands/doctor.ts';
import { engineCommands } from './commands/engine.ts';
import { explainCommand } from './commands/explain.ts';
import { exportCommand } from './commands/export.ts';
import { helpCommand, namedCommand, versionCommand } from './commands/help.ts';
import { keyCommands } from './commands/key.ts';
import { modelCommands } from './commands/model.ts';
import { nextCommand } from './commands/next.ts';
import { policyCommands } from './commands/policy.ts';
import { profileCommands } from './commands/profile.ts';
import { proxyCommands, statusCommand } from './commands/proxy.ts';
import { requestsCommand } from './commands/requests.ts';
import { retentionCommand } from './commands/retention.ts';
import { serviceCommands } from './commands/service.ts';
import { shareCommand } from './commands/share.ts';
import { tailCommand } from './commands/tail.ts';
import { uiCommand } from './commands/ui.ts';
import { uninstallCommand } from './commands/uninstall.ts';
import { upCommand } from './commands/up.ts';
import { upgradeCommand } from './commands/upgrade.ts';
import { usageCommand } from './commands/usage.ts';
import { languages, t } from './i18n/texts.ts';
import { translated } from './i18n/translated.ts';
import { printable, textWidth, wrap } from './terminal/layout.ts';
import { topCommand } from './top/top.ts';
import { unknownCommand } from './unknown-command.ts';

const texts = t.help;

/** Common commands come first, in each group and as groups. */
const groups: readonly (readonly [
  group: keyof typeof texts.groups,
  commands: Readonly<Record<string, (cli: Cli) => Command>>,
])[] = [
  ['start', { up: upCommand, chat: chatCommand, connect: connectCommand, ui: uiCommand }],
  ['access', { key: keyCommands, share: shareCommand, policy: policyCommands }],
  ['engines', { engine: engineCommands, model: modelCommands }],
  [
    'observe',
    {
      status: statusCommand,
      doctor: doctorCommand,
      top: topCommand,
      requests: requestsCommand,
      tail: tailCommand,
      usage: usageCommand,
      audit: auditCommand,
      explain: explainCommand,
    },
  ],
  ['https', { cert: certCommands }],
  [
    'operate',
    {
      proxy: proxyCommands,
      profile: profileCommands,
      apply: applyCommand,
      export: exportCommand,
      service: serviceCommands,
      retention: retentionCommand,
      backup: backupCommands,
      db: dbCommands,
    },
  ],
  [
    'self',
    {
      upgrade: upgradeCommand,
      uninstall: uninstallCommand,
      completion: completionCommand,
      version: versionCommand,
      help: helpCommand,
    },
  ],
];

/** Returns the `flm` program with all its commands, or with that one alone. */
export function makeProgram(cli: Cli, only?: string): Command {
  const program = new Command('flm')
    .description(texts.description)
    .version(packageJson.version, '-v, --version', texts.version)
    // Removed from the command line before commander reads it; it may stand anywhere.
    .option('--lang <language>', texts.lang(languages.join(', ')))
    // `flm share` has an argument and commands: `flm share list --json` is a flag of the second.
    .enablePositionalOptions()
    .helpCommand(false);
  const summaries: Readonly<Record<string, string>> = texts.summaries;
  for (const [group, commands] of groups)
    for (const [name, make] of Object.entries(commands)) {
      if (only !== undefined && only !== name) continue;
      const command = make(cli);
      assert.equal(command.name(), name);
      const summary = summaries[name];
      if (summary !== undefined) command.summary(summary);
      program.addCommand(command.helpGroup(texts.groups[group]));
    }
  program
    .configureHelp({ ...translatedHelp, subcommandTerm: (command) => command.name() })
    .addHelpText('after', `\n${texts.more}`);
  prepare(program, cli);
  return program;
}

/** Runs one command line (without the program name) and resolves with the exit status. */
export async function runProgram(argv: readonly string[], cli: Cli): Promise<number> {
  if (argv[0] === '__complete') {
    await complete(cli, makeProgram(cli), argv.slice(1));
    return 0;
  }
  // `flm` without arguments shows what runs and the next steps.
  const alone = argv.every((word) => word === '--json');
  const program = alone ? nextCommand(cli) : makeProgram(cli, onlyCommand(argv));
  if (alone) prepare(program, cli);
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // commander has already printed the help or the version.
    if (error.exitCode === 0 || error.code === 'commander.help') return error.exitCode === 0 ? 0 : 1;
    const { command, path } = commandIn(program, argv);
    const [, unknown] = /^error: unknown command '(.*)'/s.exec(error.message) ?? [];
    const message =
      unknown === undefined
        ? translated(sentence(error.message))
        : unknownCommand(command, path, printable(unknown));
    return tellError(usageError(path.join(' '), message), cli.terminal, argv.includes('--json'));
  }
  return cli.exit;
}

/**
 * The only command that the program needs, because making all of them takes longer than most commands; undefined for all. The
 * version needs none.
 */
function onlyCommand([word = '']: readonly string[]): string | undefined {
  const isCommand = groups.some(([, commands]) => Object.hasOwn(commands, word));
  return (isCommand && word !== 'help') || word === '-v' || word === '--version' ? word : undefined;
}

/** The help of commander, with headings in the language of the user, and lines that break between wide characters. */
const translatedHelp: HelpConfiguration = {
  styleTitle: (title) => {
    const titles: Readonly<Record<string, string>> = texts.titles;
    return titles[title] ?? title;
  },
  optionDescription(option) {
    return withValues(Help.prototype.optionDescription.call(this, option));
  },
  argumentDescription(argument) {
    return withValues(Help.prototype.argumentDescription.call(this, argument));
  },
  displayWidth: textWidth,
  // Narrow terminals keep the column of descriptions too.
  minWidthToWrap: 20,
  boxWrap(text, width) {
    if (/^[\x20-\x7e\n]*$/.test(text)) return Help.prototype.boxWrap.call(this, text, width);
    return text
      .split('\n')
      .flatMap((line) => wrap(line, width))
      .join('\n');
  },
};

/** Says what commander appends to a description, ` (choices: "a", "b", default: "a")`, in the language of the user. */
function withValues(description: string): string {
  const appended = / \((?:choices: (.+?))?(?:(?:, )?default: (.+))?\)$/.exec(description);
  if (appended === null || (appended[1] ?? appended[2]) === undefined) return description;
  const said = texts.inBrackets(texts.values(appended[1], appended[2]));
  return `${description.slice(0, appended.index)}${said}`;
}

/** Makes every command throw usage errors; commander neither prints them nor exits the process. */
function prepare(command: Command, cli: Cli): void {
  command
    .exitOverride()
    .helpOption('-h, --help', texts.help)
    .configureHelp({ ...translatedHelp, ...command.configureHelp() })
    .configureOutput({
      writeOut: (text) => cli.terminal.write(text),
      writeErr: (text) => cli.terminal.talk(text.trimEnd()),
      outputError: () => {},
      getOutHelpWidth: () => cli.terminal.columns,
    })
    .showSuggestionAfterError(true);
  for (const sub of command.commands) prepare(sub, cli);
}

/** Turns commander's `error: unknown option '--x'` into a sentence. */
function sentence(message: string): string {
  const text = message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .trim();
  const end = /[.?!)]$/.test(text) ? '' : '.';
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${end}`;
}

/** Finds the deepest existing command in the arguments, and returns it with its names: `proxy`, `start`. */
function commandIn(
  program: Command,
  argv: readonly string[],
): { readonly command: Command; readonly path: readonly string[] } {
  const path: string[] = [];
  let command = program;
  for (const word of argv) {
    const next = namedCommand(command, word);
    if (next === undefined) break;
    path.push(next.name());
    command = next;
  }
  return { command, path };
}
