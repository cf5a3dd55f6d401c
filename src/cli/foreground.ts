/**
 * A proxy in this process, until a signal ends it: what `flm proxy run` and `flm up` share. The first signal drains, a
 * second one ends at once.
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
  // How a stop went is told by `closed`.
  const drain = (): void => void control.stop(control.status().config.graceMs);
  cli.onSignal = (count, code) => {
    if (count > 1) process.exit(code);
    // The log says so itself.
    if (session.terminal.log === undefined)
      session.terminal.talk('Stopping: running answers may finish. Once more ends them at once.');
    drain();
  };
  if (signal.aborted) drain();
  return running;
}
