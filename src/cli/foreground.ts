/**
 * A proxy in this process, until a signal ends it: what `flm proxy run` and `flm up` share. The first signal drains, a
 * second one ends at once.
 */
import process from 'node:process';
import type { StopReport } from '../core/proxy/ports.ts';
import type { ProxyHandle, ProxyStatus } from '../core/proxy/proxy-handle.ts';
import type { StartRequest } from '../core/proxy/proxy-service.ts';
import type { Session } from './command.ts';

export interface ForegroundProxy {
  readonly handle: ProxyHandle;
  readonly status: ProxyStatus;
  readonly closed: Promise<StopReport>;
}

/** Throws like `ProxyService.start`. The log goes to stderr, for a person where one reads it, else as JSON lines. */
export async function runInForeground(
  session: Session,
  request: StartRequest,
  log: { readonly quiet?: boolean } = {},
): Promise<ForegroundProxy> {
  const { flm, cli } = session;
  const running = await flm.run(
    request,
    {
      destination: { write: (line) => void process.stderr.write(line) },
      level: log.quiet === true ? 'warn' : 'info',
      pretty: process.stderr.isTTY === true,
    },
    session.signal,
  );
  const { control, handle, closed } = running;
  cli.onSignal = (count, code) => {
    if (count > 1) process.exit(code);
    // How it went is told by `closed`.
    void control.stop(control.status().config.graceMs);
  };
  return { handle, status: control.status(), closed };
}
