/**
 * Removes control sockets that killed proxies left behind. One that somebody answers stays, and so does a young one: its
 * owner may be about to listen.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { removeStaleSocket } from './control-socket.ts';

const youngMs = 60_000;

/** Never rejects: what cannot be removed is looked at again by the next start. */
export async function sweepStaleSockets(folder: string, nowMs: number): Promise<void> {
  let names: readonly string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.sock'));
  } catch {
    return;
  }
  await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      try {
        if (nowMs - statSync(path).mtimeMs > youngMs) await removeStaleSocket(path);
      } catch {
        // Gone meanwhile.
      }
    }),
  );
}
