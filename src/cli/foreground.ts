/**
 * Runs a proxy in this process until a signal ends it; used by `flm proxy run` and `flm up`. The first signal drains,
 * the second ends immediately.
 */
import process from 'node:process';
import type { ProxyLog } from '../app/proxy-parts.ts';
import type { RunningProxy } from '../core/proxy/ports.ts';
import type { StartRequest } from '../core/proxy/proxy-service.ts';
import { tellingWait } from './acme-wait.ts';
import type { Session } from './command.ts';

export type ForegroundProxy = RunningProxy;

/** Throws like `ProxyService.start`. */
export async function runInForeground(
  session: Session,
  request: StartRequest,
  log: ProxyLog,
): Promise<ForegroundProxy> {
  const { flm, cli, signal } = session;
  const running = await tellingWait(session, request, () => flm.run(request, log, signal));
  const { control } = running;
  // `closed` reports the result of the stop.
  const drain = (): void => void control.stop(control.status().config.graceMs);
  cli.onSignal = (count, code) => {
    if (count > 1) process.exit(code);
    // The log has its own message.
    if (session.terminal.log === undefined)
      session.terminal.talk(
        'Stopping: running responses may finish. Press Ctrl-C again to end them immediately.',
      );
    drain();
  };
  if (signal.aborted) drain();
  return running;
}
