/**
 * Loaded into a proxy before its own program (`node --expose-gc --heap-snapshot-string-limit=... --import`): writes the
 * reachable memory of the process to files beside the Unix socket that FLM_MEMORY_TAP names, at each connection to it: a
 * heap snapshot with whole strings, and the bytes of all buffers, those of pools included.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { createServer } from 'node:net';
import { writeHeapSnapshot } from 'node:v8';

const path = process.env.FLM_MEMORY_TAP;
const collect = globalThis.gc;

/** Runs in the process as a script of the inspector's: `this` is the list of all array buffers. */
function dump(this: readonly ArrayBuffer[], file: string): void {
  const { appendFileSync: append } = process.getBuiltinModule('node:fs');
  for (const bytes of this) append(file, Buffer.from(bytes));
}

function dumpBuffers(file: string): void {
  writeFileSync(file, '');
  const session = new Session();
  session.connect();
  session.post('Runtime.evaluate', { expression: 'ArrayBuffer.prototype' }, (_e, { result }) => {
    const prototypeObjectId = result.objectId ?? '';
    session.post('Runtime.queryObjects', { prototypeObjectId }, (_f, { objects }) => {
      session.post('Runtime.callFunctionOn', {
        functionDeclaration: dump.toString(),
        objectId: objects.objectId ?? '',
        arguments: [{ value: file }],
      });
    });
  });
  session.disconnect();
  appendFileSync(file, 'end');
}

if (path !== undefined && collect !== undefined) {
  createServer((socket) => {
    socket.on('error', () => {});
    void collect({ type: 'major', execution: 'sync' });
    writeHeapSnapshot(`${path}.heapsnapshot`);
    dumpBuffers(`${path}.buffers`);
    socket.end();
  })
    .listen(path)
    .unref();
}
