/**
 * Runs one command line: streams, signals and exit status of this process. Loaded only for its effects.
 */
import { constants } from 'node:os';
import process from 'node:process';
import { isSea } from 'node:sea';
import { errnoOf, systemRefusal } from '../core/system-error.ts';
import { type Cli, tellError } from './command.ts';
import { environment } from './environment.ts';
import { chooseLanguage, unknownLanguage } from './i18n/language.ts';
import { useLanguage } from './i18n/texts.ts';
import { runProgram } from './program.ts';
import { loggingTerminal, makeTerminal } from './terminal/terminal.ts';

const aborter = new AbortController();
const { argv, language, unknown } = chooseLanguage(process.argv.slice(2), environment);
await useLanguage(language);
const terminal = makeTerminal(process, environment);
/** A standard stream of `flm proxy run` is its log, from the first line to the last. */
const isRun = argv[0] === 'proxy' && argv[1] === 'run';
const runLog = isRun ? (await import('../app/run-log.ts')).openRunLog(logStream(argv)) : undefined;
const cli: Cli = {
  terminal: runLog === undefined ? terminal : loggingTerminal(terminal, runLog.event),
  ...(runLog === undefined ? {} : { runLog }),
  environment,
  // A single executable is its own script; Node sets the name as typed.
  entry: isSea() ? process.execPath : (process.argv[1] ?? ''),
  signal: aborter.signal,
  onSignal: undefined,
  exit: 0,
};

/** A process group gets one signal twice: from the terminal, and forwarded by the parent. Both count as one. */
const echoMs = 250;
let signals = 0;
let lastSignalMs = Number.NEGATIVE_INFINITY;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    const nowMs = performance.now();
    if (nowMs - lastSignalMs < echoMs) return;
    lastSignalMs = nowMs;
    signals += 1;
    const code = 128 + constants.signals[signal];
    if (cli.onSignal !== undefined) return cli.onSignal(signals, code);
    // The command handles the first signal itself. The second signal ends the process.
    if (signals > 1) process.exit(code);
    aborter.abort();
  });
}

const status =
  unknown === undefined
    ? await runProgram(argv, cli)
    : tellError(unknownLanguage(unknown), terminal, argv.includes('--json'));
process.exitCode ??= status === 0 && runLog === undefined ? await statusOfOutput() : status;
// Unwritten lines would keep the process alive.
if (runLog !== undefined && !(await runLog.close())) {
  if (runLog.isFile) process.kill(process.pid, 'SIGKILL');
  process.exit();
}
if (cli.logIsStuck === true) process.kill(process.pid, 'SIGKILL');

/**
 * A result that was not written, such as a table in a file on a full disk, is an error. A reader that closed its end of
 * the pipe, or a terminal that was closed, did not want the rest.
 */
async function statusOfOutput(): Promise<number> {
  const failure = await terminal.written();
  if (terminal.outIsTerminal || errnoOf(failure) === 'EPIPE') return 0;
  const refusal = systemRefusal(failure, 'to write to standard output');
  return refusal === undefined ? 0 : tellError(refusal, terminal, argv.includes('--json'));
}

/** Stderr unless the command says stdout. Read before the command is parsed, because its errors are lines of the log too. */
function logStream(words: readonly string[]): typeof process.stdout | typeof process.stderr {
  const at = words.indexOf('--log-to');
  const isStdout = words.includes('--log-to=stdout') || (at >= 0 && words[at + 1] === 'stdout');
  return isStdout ? process.stdout : process.stderr;
}
