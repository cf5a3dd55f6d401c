/** Shows that a backup is being written or read. */
import type { BareSession } from '../command.ts';
import { whileWaiting } from '../terminal/progress.ts';

/** Small backups take less. */
const patienceMs = 1_000;

export async function waiting<T>(
  { terminal }: BareSession,
  text: string,
  work: () => Promise<T>,
): Promise<T> {
  const { systemClock } = await import('../../core/clock.ts');
  return whileWaiting(terminal, systemClock, { text, patienceMs }, work);
}
