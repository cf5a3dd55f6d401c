import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { readShared, sharedRead } from './shared-reads.ts';

/** Both ends of a connection. */
async function pair(t: TestContext): Promise<readonly [accepted: Socket, client: Socket]> {
  const server = createServer();
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => client.destroy());
  const [accepted] = (await once(server, 'connection')) as [Socket];
  t.after(() => accepted.destroy());
  return [accepted, client];
}

test('this Node lets accepted sockets read into shared memory', async (t) => {
  const [accepted, client] = await pair(t);
  let received = '';
  const isShared = readShared(accepted, (length) => {
    received += sharedRead.toString('latin1', 0, length);
    return true;
  });
  assert.equal(isShared, true);
  accepted.on('data', () => assert.fail('a read of its own'));
  const text = 'a few words '.repeat(20_000);
  client.end(text);
  await once(accepted, 'end');
  assert.equal(received, text);
});

test('a socket that is told to wait reads nothing until it is resumed', async (t) => {
  const [accepted, client] = await pair(t);
  let received = 0;
  readShared(accepted, (length) => {
    received += length;
    return false;
  });
  accepted.resume();
  const total = 3 * sharedRead.length;
  client.end(Buffer.alloc(total));
  const ended = once(accepted, 'end');
  for (let reads = 1; received < total; reads++) {
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(received <= reads * sharedRead.length, `${received} bytes in ${reads} reads`);
    accepted.resume();
  }
  accepted.resume();
  await ended;
  assert.equal(received, total);
});

test('a stream without a handle, and a socket that reads for somebody else, are left as they are', async (t) => {
  const [accepted] = await pair(t);
  assert.equal(
    readShared(accepted, () => true),
    true,
  );
  assert.equal(
    readShared(accepted, () => true),
    false,
  );
  accepted.destroy();
  assert.equal(
    readShared(accepted, () => true),
    false,
  );
});
