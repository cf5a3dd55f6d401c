/**
 * Runs one detached start, from the spawned child to the handle. If the start fails or is aborted, no process, socket
 * or handle is left.
 */

import type { Clock } from '../core/clock.ts';
import { deadline } from '../core/deadline.ts';
import { ProxyError } from '../core/errors.ts';
import type { StartOptions } from '../core/proxy/ports.ts';
import type { ProxyConfig } from '../core/proxy/proxy-config.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import { LaunchedChild } from './launched-child.ts';
import { type HomePaths, makeHomeFolders } from './paths.ts';
import { childFor, type LaunchCommand, startFailed } from './spawn-child.ts';
import { withoutSupervisor } from './supervisor.ts';

export interface Launch {
  readonly command: LaunchCommand;
  readonly paths: HomePaths;
  readonly options: StartOptions;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Removes what a killed child may have left. */
  sweep(pid: number): Promise<void>;
}

const startMs = 20_000;
/** Extra time for obtaining the first certificate from a CA: the CA's own limit, and removing the challenge. */
const acmeMs = 110_000;

/** How long a process may take to get ready with this configuration. */
export function startLimitMs(config: Pick<ProxyConfig, 'mode'>): number {
  return startMs + (config.mode === 'https-acme' ? acmeMs : 0);
}

/** Throws the error of the child, PROXY_START_FAILED or PROXY_START_TIMEOUT; on abort the reason of the signal. */
export async function launch(options: Launch): Promise<ProxyHandle> {
  const { paths, signal, clock, command } = options;
  signal.throwIfAborted();
  makeHomeFolders(paths);
  const spawned = childFor({
    // A background process has no supervisor.
    command: { ...command, env: withoutSupervisor(command.env) },
    home: paths.home,
    output: paths.logFile(options.options.profile),
  });
  const child = new LaunchedChild(spawned, clock);
  const limitMs = startLimitMs(options.options.config);
  const limit = deadline(clock, limitMs, signal);
  try {
    await child.send({ start: options.options });
    const message = await child.next(limit.signal);
    if (!('ready' in message)) throw startFailed('it said something strange');
    await child.send({ kept: true });
    child.letGo();
    return message.ready;
  } catch (error) {
    // The next listing removes rows that could not be removed here. The reason of the failure matters more.
    const pid = await child.end();
    if (pid !== undefined) await options.sweep(pid).catch(() => {});
    signal.throwIfAborted();
    if (limit.isOver) throw new ProxyError('PROXY_START_TIMEOUT', { params: { seconds: limitMs / 1000 } });
    throw error;
  } finally {
    limit.end();
  }
}
