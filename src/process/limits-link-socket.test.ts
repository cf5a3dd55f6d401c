import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { acceptLimitsLink, type ConnectLink, dialLimitsLink } from './limits-link-socket.ts';

async function listening(t: TestContext, connect: ConnectLink): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'flm-link-'));
  const path = join(folder, 'c.sock');
  const server = createServer();
  server.on('upgrade', (request, socket) => acceptLimitsLink(request, socket, 'right', connect));
  server.listen(path);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  return path;
}

/** What the connecting side receives. */
function dial(controlPath: string, nonce: string) {
  const opened = Promise.withResolvers<void>();
  const message = Promise.withResolvers<unknown>();
  const closed = Promise.withResolvers<void>();
  const connection = dialLimitsLink(
    { controlPath, nonce },
    { opened: opened.resolve, message: message.resolve, closed: closed.resolve },
  );
  return { connection, opened: opened.promise, message: message.promise, closed: closed.promise };
}

test('messages pass in both directions, characters of several bytes included', async (t) => {
  const received = Promise.withResolvers<unknown>();
  const ended = Promise.withResolvers<void>();
  const path = await listening(t, (id, connection) => {
    connection.send({ welcome: id });
    return { receive: received.resolve, closed: ended.resolve };
  });
  const { connection, opened, message } = dial(path, 'right');
  await opened;
  connection.send({ link: 'schlüssel' });
  connection.send({ n: 1, text: '鍵' });
  assert.deepEqual(await message, { welcome: 'schlüssel' });
  assert.deepEqual(await received.promise, { n: 1, text: '鍵' });
  connection.close();
  await ended.promise;
});

test('a process without the nonce, or for which nothing is held, is hung up on', async (t) => {
  const asked: string[] = [];
  const path = await listening(t, (id) => void asked.push(id));
  await dial(path, 'wrong').closed;
  assert.deepEqual(asked, []);
  const unknown = dial(path, 'right');
  await unknown.opened;
  unknown.connection.send({ link: 'unknown' });
  await unknown.closed;
  assert.deepEqual(asked, ['unknown']);
});

test('a link to a process that is gone, or that speaks something else, is closed', async (t) => {
  const ended = Promise.withResolvers<void>();
  const path = await listening(t, () => ({ receive: () => {}, closed: ended.resolve }));
  await dial(`${path}.gone`, 'right').closed;
  const { connection, opened } = dial(path, 'right');
  await opened;
  connection.send({ link: 'a' });
  connection.send({ text: 'x'.repeat(300_000) });
  // A line without an end is not a message.
  connection.send({ link: 'b' });
  connection.close();
  await ended.promise;
});
