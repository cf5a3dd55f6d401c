/**
 * Loaded into a proxy of the soak before its own program: says what the process holds, to each client of the Unix socket
 * that is named after its pid in the folder FLM_SOAK_TAPS. A client that sends `rest` gets the figures after a collection.
 */
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What one process holds. */
export interface Held {
  readonly heapUsed: number;
  readonly arrayBuffers: number;
  readonly residentBytes: number;
  /** Sockets, timers and others that keep a process alive. */
  readonly handles: number;
}

const folder = process.env.FLM_SOAK_TAPS;
// Commands of the same program have no channel to a parent; detached proxies do.
if (folder !== undefined && process.send !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (asked: Buffer) => {
      if (asked.toString() === 'rest') for (let i = 0; i < 2; i++) collect();
      try {
        const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
        const handles = process.getActiveResourcesInfo().length;
        socket.end(JSON.stringify({ heapUsed, arrayBuffers, residentBytes: rss, handles } satisfies Held));
      } catch {
        // The system opens a file for it, which it does not while too many are open.
        socket.destroy();
      }
    });
  })
    .listen(join(folder, String(process.pid)))
    .unref();
}
