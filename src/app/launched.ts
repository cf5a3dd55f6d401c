/**
 * Runs `flm proxy run --launched`, the background process that `flm proxy start` creates. It logs to the log file of its
 * profile.
 */

import type { Environment } from '../core/environment.ts';
import type { LogDestination } from '../observe/logger.ts';
import { endByMistake } from '../process/crash.ts';
import { runDetachedChild } from '../process/detached-child.ts';
import { LogFile } from '../process/log-file.ts';
import { logNodeWarnings } from '../process/log-line.ts';
import { makeHomeFolders } from '../process/paths.ts';
import { thisProgram } from '../process/this-program.ts';
import { thisMachine } from './machine.ts';
import { makeProxyFactory } from './proxy.ts';

/** Resolves with the exit status of the process. */
export async function runLaunched(environment: Environment): Promise<number> {
  const machine = thisMachine(environment);
  makeHomeFolders(machine.paths);
  // The process redirects its stderr to the log file and never restores it, because it runs nothing but the proxy.
  endByMistake();
  let log: LogFile | undefined;
  const destination: LogDestination = {
    write: (line) => log?.write(line),
    get lostLines() {
      return log?.lostLines ?? 0;
    },
  };
  logNodeWarnings((line) => void process.stderr.write(line));
  const { command, args } = thisProgram(process.argv[1] ?? '');
  const program = { command, args: [...args, 'proxy', 'run', '--launched'], env: environment };
  const make = makeProxyFactory(machine, { destination, level: 'info' }, { by: 'successor', program });
  try {
    return await runDetachedChild((options, signal, takeOver) => {
      log = new LogFile({ path: machine.paths.logFile(options.profile), clock: machine.clock });
      return make(options, signal, takeOver);
    });
  } finally {
    // An unfinished write to the disk would keep this process alive, even in `process.exit`.
    if ((await log?.close()) === false) process.kill(process.pid, 'SIGKILL');
  }
}
