/**
 * Loaded into a proxy before its own program (`node --expose-gc --import`): tells what its memory holds after a
 * collection, to each client that connects to the Unix socket that FLM_SOAK_TAP names. The proxy itself is the one that is built.
 */
import { createServer } from 'node:net';

const path = process.env.FLM_SOAK_TAP;
if (path !== undefined && globalThis.gc !== undefined) {
  const collect = globalThis.gc;
  createServer((socket) => {
    void collect({ type: 'major', execution: 'sync' });
    void collect({ type: 'major', execution: 'sync' });
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
    socket.on('error', () => {});
    socket.end(JSON.stringify({ heapUsed, arrayBuffers, rss }));
  })
    .listen(path)
    .unref();
}
