/** Says what is waited for, where a start waits for a CA. */
import type { StartRequest } from '../core/proxy/proxy-service.ts';
import type { Session } from './command.ts';

/** A certificate that is there already is there at once. */
const patienceMs = 1_500;

/** Runs `start`, and says after a while that a CA is looking. Throws like `ProxyService.order`, and what `start` throws. */
export async function tellingWait<T>(
  session: Session,
  request: StartRequest,
  start: () => Promise<T>,
): Promise<T> {
  const { config } = await session.flm.proxies.startOptions(request);
  if (config.mode !== 'https-acme') return start();
  const domains = config.domains.join(', ');
  const cancel = session.flm.machine.clock.after(patienceMs, () =>
    session.terminal.talk(`Waiting for the CA to look at ${domains} (90 s at most) ...`),
  );
  try {
    return await start();
  } finally {
    cancel();
  }
}
