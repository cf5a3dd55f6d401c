/** What the admin thread does with the messages of its proxy, over a real port. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { AdminWorker } from './admin-worker.ts';
import type { AdminCallMessage, ToAdminThread } from './thread-messages.ts';

const call: AdminCallMessage = {
  method: 'GET',
  target: '/flm/api/v1/requests/events',
  headers: {},
  body: new Uint8Array(),
  caller: { actor: 'key:key_1', scopes: ['admin:read'], address: '127.0.0.1' },
};

test('a stream that waits for its next event ends as soon as its reader leaves', {
  timeout: 60_000,
}, async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  const ended = Promise.withResolvers<void>();
  const waits = Promise.withResolvers<void>();
  async function* texts(signal: AbortSignal | undefined): AsyncGenerator<string> {
    assert(signal !== undefined, 'the call has a signal');
    waits.resolve();
    await once(signal, 'abort');
    ended.resolve();
    yield '';
  }
  new AdminWorker(port2, async () => ({
    api: { handle: async ({ signal }) => ({ status: 200, headers: {}, body: texts(signal) }) },
    close: async () => {},
  }));
  const send = (message: ToAdminThread): void => port1.postMessage(message);
  send({ do: 'call', n: 1, call });
  const [reply] = await once(port1, 'message');
  assert.deepEqual(reply, { say: 'reply', n: 1, status: 200, headers: {} });
  send({ do: 'more', n: 1 });
  await waits.promise;
  send({ do: 'cancel', n: 1 });
  await ended.promise;
});
