/** Polls in tests for an effect of another process. After the deadline, throws an error with the last value. */
import { setTimeout as delay } from 'node:timers/promises';

/** Returns the first result of `look` that `holds` accepts. On a busy machine this takes longer but gives the same result. */
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
