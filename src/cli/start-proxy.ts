/**
 * Starts a proxy for a command, with a message while the start waits for a CA. `flm proxy run` and `flm up` run the
 * proxy in this process until a signal ends it: the first signal drains, the second ends immediately.
 */
import process from 'node:process';
import type { ProxyLog } from '../app/proxy-parts.ts';
import type { RunningProxy } from '../core/proxy/ports.ts';
import type { StartRequest } from '../core/proxy/proxy-service.ts';
import type { Session } from './command.ts';
import { makeFirstAdminKey } from './first-admin-key.ts';
import { t } from './i18n/texts.ts';
import { whileWaiting } from './terminal/progress.ts';

/** Throws like `ProxyService.start`. */
export async function runInForeground(
  session: Session,
  request: StartRequest,
  log: ProxyLog,
): Promise<RunningProxy> {
  const { flm, cli, signal } = session;
  const { runProxy } = await import('../app/run-proxy.ts');
  const running = await startWithNotice(session, request, () => runProxy(flm, { request, log, signal }));
  const { control } = running;
  // `closed` reports the result of the stop.
  const drain = (): void => void control.stop(control.status().config.graceMs);
  cli.onSignal = (count, code) => {
    if (count > 1) process.exit(code);
    // The log has its own message.
    if (session.terminal.log === undefined) session.terminal.talk(t.proxy.stopping);
    drain();
  };
  if (signal.aborted) drain();
  return running;
}

/** A stored certificate is available before this time, and then no message is shown. */
const patienceMs = 1_500;
/** After this time a start without a certificate fails. */
const orderLimitMs = 90_000;

/**
 * Makes the first admin key, and runs `start`. After a while prints that the CA validates the domains. Throws the errors of
 * both.
 */
export async function startWithNotice<T>(
  session: Session,
  request: StartRequest,
  start: () => Promise<T>,
): Promise<T> {
  const { config } = await session.flm.proxies.startOptions(request);
  await makeFirstAdminKey(session);
  if (config.mode !== 'https-acme') return start();
  const domains = config.domains.join(', ');
  const { terminal, flm } = session;
  const wait = { text: t.progress.acme(domains), patienceMs, limitMs: orderLimitMs };
  return whileWaiting(terminal, flm.machine.clock, wait, start);
}
