/** Waits in tests for what another process does: looks again every few milliseconds, and says what it saw last. */
import { setTimeout as delay } from 'node:timers/promises';

/** Returns what `look` saw once it holds. A busy machine makes the result later, not wrong. */
export async function eventually<T>(
  look: () => Promise<T> | T,
  holds: (seen: T) => boolean,
  intervalMs = 20,
): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (performance.now() > untilMs) throw new Error(`not in time; last seen: ${JSON.stringify(seen)}`);
    await delay(intervalMs);
  }
}

const patienceMs = 60_000;
