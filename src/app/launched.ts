/**
 * Runs `flm proxy run --launched`: the background process that `flm proxy start` creates, or the successor of a proxy
 * that is restarted. It logs to the log file of its profile; under a supervisor to stderr, as its predecessor did.
 */
import type { Environment } from '../core/environment.ts';
import type { RunningProxy, StartOptions, TakeOver } from '../core/proxy/ports.ts';
import { finishReplacement } from '../files/replace-files.ts';
import type { LogDestination } from '../observe/logger.ts';
import { endByMistake } from '../process/crash.ts';
import { runDetachedChild } from '../process/detached-child.ts';
import { LogFile } from '../process/log-file.ts';
import { logLine, logNodeWarnings } from '../process/log-line.ts';
import type { LogStream } from '../process/log-stream.ts';
import { makeHomeFolders } from '../process/paths.ts';
import type { LaunchCommand } from '../process/spawn-child.ts';
import { launchedProxy } from '../process/this-program.ts';
import { type Machine, thisMachine } from './machine.ts';
import { makeProxyFactory } from './proxy.ts';
import type { ProxyLog } from './proxy-parts.ts';
import { openStreamLog } from './run-log.ts';
import { foregroundReplaceable, superviseProxy } from './supervised.ts';

/** Resolves with the exit status of the process. */
export async function runLaunched(environment: Environment): Promise<number> {
  const machine = thisMachine(environment);
  // The process runs nothing but the proxy, so nothing restores what these lines change.
  process.stderr.on('error', () => {});
  endByMistake();
  let log: LogFile | LogStream | undefined;
  const destination: LogDestination = {
    write: (line) => log?.write(line),
    get lostLines() {
      return log?.lostLines ?? 0;
    },
  };
  const proxyLog: ProxyLog = { destination, level: 'info' };
  logNodeWarnings((line) => void process.stderr.write(line));
  const program = launchedProxy(process.argv[1] ?? '', environment);
  let status = 1;
  try {
    status = await runDetachedChild((options, signal, takeOver) => {
      makeHomeFolders(machine.paths);
      finishReplacement(machine.paths.home);
      if (takeOver?.supervised === true) {
        log = openStreamLog(process.stderr, true);
        return startSupervised({ machine, proxyLog, program }, options, signal, takeOver);
      }
      log = new LogFile({ path: machine.paths.logFile(options.profile), clock: machine.clock });
      return makeProxyFactory(machine, proxyLog, { by: 'successor', program })(options, signal, takeOver);
    });
    return status;
  } finally {
    if ((await log?.close()) === false) {
      // An unfinished write to the disk would keep this process alive, even in `process.exit`.
      if (log instanceof LogFile) process.kill(process.pid, 'SIGKILL');
      // A reader of stderr that is too slow does not. systemd would take SIGKILL for a failure of the service.
      process.exit(status);
    }
  }
}

interface Surroundings {
  readonly machine: Machine;
  readonly proxyLog: ProxyLog;
  readonly program: LaunchCommand;
}

/** The predecessor names this process to the supervisor. This process does the same, in case the predecessor has died. */
async function startSupervised(
  { machine, proxyLog, program }: Surroundings,
  options: StartOptions,
  signal: AbortSignal,
  takeOver: TakeOver,
): Promise<RunningProxy> {
  const replaceable = foregroundReplaceable(machine, program, true);
  const running = await makeProxyFactory(machine, proxyLog, replaceable)(options, signal, takeOver);
  const onProblem = (sentence: string): void => proxyLog.destination.write(logLine('warn', sentence));
  void superviseProxy(running, machine, { takeOver, onProblem });
  return running;
}
