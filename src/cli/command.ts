/**
 * What every command has in common: how it is opened and closed, how errors become sentences and exit codes, `--json`.
 */
import { Command } from 'commander';
import type { Flm } from '../app/flm.ts';
import type { RunLog } from '../app/run-log.ts';
import type { Environment } from '../core/environment.ts';
import { type ExitStatus, type Fault, FlmError, ProxyError } from '../core/errors.ts';
import { systemRefusal } from '../core/system-error.ts';
import { faultNames } from './flag-names.ts';
import { MadeSecrets } from './made-secrets.ts';
import { printableLines } from './terminal/layout.ts';
import type { Terminal } from './terminal/terminal.ts';

/** What the commands are given. */
export interface Cli {
  readonly terminal: Terminal;
  readonly environment: Environment;
  /** The script that started this process. */
  readonly entry: string;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Takes signals over from `signal`: how many came, and the exit code of an end at once. */
  onSignal: ((count: number, code: number) => void) | undefined;
  /** Where a command leaves its exit status. */
  exit: ExitStatus;
  /** The log of `flm proxy run`, which is stderr. */
  readonly runLog?: RunLog;
  /** A log file that the disk does not take to its end keeps the process alive, even in `process.exit`. */
  logIsStuck?: boolean;
}

/** What an action works with. */
export interface Session {
  readonly cli: Cli;
  readonly terminal: Terminal;
  readonly flm: Flm;
  /** Machines read this: one JSON document on stdout, nothing else there. */
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** A command with `--json` and an example in its help. */
export function leaf(name: string, description: string, example: string): Command {
  return new Command(name)
    .description(description)
    .option('--json', 'print one JSON document')
    .addHelpText('after', `\nExample:\n  ${example.replaceAll('\n', '\n  ')}`);
}

/** A group of commands; alone it prints its help. */
export function group(name: string, description: string, commands: readonly Command[]): Command {
  const command = new Command(name).description(description).helpCommand(false);
  for (const sub of commands) command.addCommand(sub);
  return command;
}

/**
 * Makes a command's action: opens flm, runs, closes, and turns an error into words. `Options` are what commander made
 * of the flags; arguments come in front. `keepRoot` and `withoutStore`: see `FlmOptions`.
 */
export function action<Args extends readonly unknown[], Options>(
  cli: Cli,
  run: (session: Session, options: Options, ...args: Args) => Promise<void>,
  { keepRoot = false, withoutStore = false } = {},
): (...all: unknown[]) => Promise<void> {
  return async (...all) => {
    // commander: the arguments, the options, the command itself.
    const options = all.at(-2) as Options & { readonly json?: boolean };
    const args = all.slice(0, -2) as unknown as Args;
    const json = options.json === true;
    const { signal } = cli;
    const made = new MadeSecrets();
    const terminal = made.watched(cli.terminal);
    try {
      const { openFlm } = await import('../app/flm.ts');
      const flm = openFlm({
        environment: cli.environment,
        entry: cli.entry,
        keepRoot,
        withoutStore,
        onKeyMade: (key) => made.add(key),
        onProblem(sentence, undone) {
          terminal.talk(`${terminal.paint('yellow', '!')} ${printableLines(sentence)}`);
          if (undone) cli.exit = 1;
        },
      });
      try {
        await run({ cli, terminal, flm, json, signal }, options, ...args);
      } finally {
        await flm.close();
      }
    } catch (error) {
      const command = all.at(-1) as Command;
      cli.exit = tellError(error, terminal, json, faultNames(command));
    }
    if (!(await made.settle(terminal)) && cli.exit === 0) cli.exit = 1;
  };
}

/** A mistake in the use of a command, which is named without the program: `proxy start`. */
export function usageError(command: string, message: string): ProxyError {
  return new ProxyError('USAGE', { params: { message, command: command === '' ? '' : ` ${command}` } });
}

/** One sentence that says what happened, one that says what to do; with --json a document on stderr. */
export function tellError(
  error: unknown,
  terminal: Terminal,
  json: boolean,
  nameOf: (fault: Fault) => string | undefined = () => undefined,
): ExitStatus {
  if (isAbort(error)) {
    terminal.talk('Interrupted.');
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
    // What stands in it may come from a file, an engine or an argument.
    terminal.talk(`${terminal.paint('red', 'Error:')} ${printableLines(known.messageNaming(nameOf))}`);
    terminal.talk(printableLines(known.hint));
    // A stack trace is for those who fix flm; nobody else sees one.
    if (known.code === 'INTERNAL') terminal.talk(printableLines(`(${describe(error)})`));
  }
  return known.row.exit;
}

/** One line of the log, with the document that `--json` prints of an error. */
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
