/**
 * Shows a message while a start waits for a CA.
 */
import type { StartRequest } from '../core/proxy/proxy-service.ts';
import type { Session } from './command.ts';

/** A stored certificate is available before this time, and then no message is shown. */
const patienceMs = 1_500;

/**
 * Runs `start`, and after a while prints that the CA validates the domains. Throws like `ProxyService.order`, and the
 * errors of `start`.
 */
export async function tellingWait<T>(
  session: Session,
  request: StartRequest,
  start: () => Promise<T>,
): Promise<T> {
  const { config } = await session.flm.proxies.startOptions(request);
  if (config.mode !== 'https-acme') return start();
  const domains = config.domains.join(', ');
  const cancel = session.flm.machine.clock.after(patienceMs, () =>
    session.terminal.talk(`Waiting for the CA to validate ${domains} (90 s at most) ...`),
  );
  try {
    return await start();
  } finally {
    cancel();
  }
}
