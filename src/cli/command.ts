/**
 * The common part of all commands: opens and closes flm, turns errors into sentences and exit codes, adds `--json`.
 */
import { statSync } from 'node:fs';
import { Command } from 'commander';
import type { Flm } from '../app/flm.ts';
import type { RunLog } from '../app/run-log.ts';
import type { Environment } from '../core/environment.ts';
import { type ExitStatus, type Fault, FlmError, ProxyError } from '../core/errors.ts';
import { systemRefusal } from '../core/system-error.ts';
import { CreatedSecrets } from './created-secrets.ts';
import { faultNames } from './flag-names.ts';
import { errorForPeople } from './i18n/error-texts.ts';
import { t } from './i18n/texts.ts';
import { translated } from './i18n/translated.ts';
import { printableLines } from './terminal/layout.ts';
import type { Terminal } from './terminal/terminal.ts';
import { shortTime } from './terminal/units.ts';

const texts = t.progress;

/** The input of all commands. */
export interface Cli {
  readonly terminal: Terminal;
  readonly environment: Environment;
  /** Path of the script that started this process. */
  readonly entry: string;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Handles signals in place of `signal`: receives their number so far and the exit code for an immediate exit. */
  onSignal: ((count: number, code: number) => void) | undefined;
  /** Exit status of the process; each command sets it. */
  exit: ExitStatus;
  /** The log of `flm proxy run`, written to stderr. */
  readonly runLog?: RunLog;
  /** A log file that the disk does not accept completely keeps the process alive, even in `process.exit`. */
  logIsStuck?: boolean;
}

/** The objects that the action of a command works with. */
export interface Session extends BareSession {
  readonly flm: Flm;
}

/** Without flm's data: the command concerns the machine, and must not create a data folder. */
export interface BareSession {
  readonly cli: Cli;
  readonly terminal: Terminal;
  /** Print exactly one JSON document on stdout, for programs. */
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** Creates a command with `--json` and an example in its help. */
export function leaf(name: string, description: string, example: string): Command {
  return new Command(name)
    .description(description)
    .option('--json', t.help.json)
    .addHelpText('after', `\n${t.help.example}\n  ${example.replaceAll('\n', '\n  ')}`);
}

/** Creates a group of commands; without a subcommand it prints its help. */
export function group(name: string, description: string, commands: readonly Command[]): Command {
  const command = new Command(name).description(description).helpCommand(false);
  for (const sub of commands) command.addCommand(sub);
  return command;
}

/**
 * Creates the action of a command: opens flm, runs the action, closes flm, and prints an error as text. `Options` are the
 * flags as commander parsed them; arguments come first. `keepRoot` and `withoutStore`: see `FlmOptions`.
 */
export function action<Args extends readonly unknown[], Options>(
  cli: Cli,
  run: (session: Session, options: Options, ...args: Args) => Promise<void>,
  { keepRoot = false, withoutStore = false } = {},
): (...all: unknown[]) => Promise<void> {
  const made = new CreatedSecrets();
  const runBare = bareAction(
    cli,
    async (session, options: Options, ...args: Args) => {
      const { terminal, json } = session;
      const { openFlm } = await import('../app/flm.ts');
      const flm = await openFlm({
        environment: cli.environment,
        entry: cli.entry,
        keepRoot,
        withoutStore,
        onKeyMade: (key) => made.add(key),
        onMigrate: (file) => tellMigration(terminal, file),
        onProblem(sentence, undone) {
          terminal.talk(`${terminal.paint('yellow', '!')} ${printableLines(translated(sentence))}`);
          if (undone) cli.exit = 1;
        },
      });
      if (flm.ofSystemService && !json)
        terminal.talk(terminal.paint('dim', texts.systemService(flm.machine.paths.home)));
      try {
        await run({ ...session, flm }, options, ...args);
      } finally {
        await flm.close();
      }
    },
    made,
  );
  return async (...all) => {
    await runBare(...all);
    if (!(await made.settle(made.watched(cli.terminal))) && cli.exit === 0) cli.exit = 1;
  };
}

/** Smaller files are migrated faster than a person can read. */
const largeFileBytes = 20_000_000;

function tellMigration(terminal: Terminal, file: string): () => void {
  const { size } = statSync(file);
  if (size < largeFileBytes) return () => {};
  const startedMs = performance.now();
  terminal.talk(texts.migrating(file, `${Math.round(size / 1e6)} MB`));
  return () => terminal.talk(texts.migrated(shortTime(performance.now() - startedMs)));
}

/** Creates the action of a command that concerns the machine and not flm's data: errors are printed as text. */
export function bareAction<Args extends readonly unknown[], Options>(
  cli: Cli,
  run: (session: BareSession, options: Options, ...args: Args) => Promise<void>,
  made?: CreatedSecrets,
): (...all: unknown[]) => Promise<void> {
  return async (...all) => {
    // commander passes the arguments, then the options, then the command, and types none of them.
    const options = all.at(-2) as Options & { readonly json?: boolean };
    const args = all.slice(0, -2) as unknown as Args;
    const json = options.json === true;
    const terminal = made?.watched(cli.terminal) ?? cli.terminal;
    try {
      await run({ cli, terminal, json, signal: cli.signal }, options, ...args);
    } catch (error) {
      cli.exit = tellError(error, terminal, json, faultNames(all.at(-1) as Command));
    }
  };
}

/** Creates a usage error of a command. The name excludes the program: `proxy start`. */
export function usageError(command: string, message: string): ProxyError {
  return new ProxyError('USAGE', { params: { message, command: command === '' ? '' : ` ${command}` } });
}

/** Prints one sentence about what happened and one about what to do; with --json, a document on stderr. */
export function tellError(
  error: unknown,
  terminal: Terminal,
  json: boolean,
  nameOf: (fault: Fault) => string | undefined = () => undefined,
): ExitStatus {
  if (isAbort(error)) {
    terminal.talk(t.errors.interrupted);
    return 1;
  }
  if (terminal.log !== undefined) return logError(error, terminal.log);
  const known = knownError(error);
  if (json) {
    const { code, message, hint, faults, moreFaults } = known;
    const listed = faults.length > 0 ? { faults } : {};
    const left = moreFaults > 0 ? { moreFaults } : {};
    terminal.talk(JSON.stringify({ error: { code, message, hint, ...listed, ...left } }));
  } else {
    // The text may contain values from a file, an engine or an argument.
    const { message, hint } = errorForPeople(known, nameOf);
    terminal.talk(`${terminal.paint('red', t.errors.error)} ${printableLines(message)}`);
    terminal.talk(printableLines(hint));
    // Only developers of flm need a stack trace, so it is printed for internal errors only.
    if (known.code === 'INTERNAL') terminal.talk(printableLines(`(${describe(error)})`));
  }
  return known.row.exit;
}

/** Writes an error as one line of the log, with the same document that `--json` prints. */
function logError(error: unknown, log: NonNullable<Terminal['log']>): ExitStatus {
  const known = knownError(error);
  const { code, message, hint, faults, moreFaults, cause } = known;
  log('error', message, {
    code,
    hint,
    error: {
      code,
      message,
      hint,
      ...(faults.length > 0 ? { faults } : {}),
      ...(moreFaults > 0 ? { moreFaults } : {}),
    },
    ...(cause === undefined ? {} : { cause: describe(cause) }),
  });
  return known.row.exit;
}

function knownError(error: unknown): FlmError {
  if (error instanceof FlmError) return error;
  return systemRefusal(error) ?? new ProxyError('INTERNAL', { cause: error });
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
