import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { readShared, sharedRead } from './shared-reads.ts';

/** Every read goes where the last one went. */
const nextMemory = (): undefined => undefined;

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
  const onRead = (length: number): boolean => {
    received += sharedRead.toString('latin1', 0, length);
    return true;
  };
  const isShared = readShared(accepted, { onRead, nextMemory });
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
  const onRead = (length: number): boolean => {
    received += length;
    return false;
  };
  readShared(accepted, { onRead, nextMemory });
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
  const reader = { onRead: () => true, nextMemory };
  assert.equal(readShared(accepted, reader), true);
  assert.equal(readShared(accepted, reader), false);
  accepted.destroy();
  assert.equal(readShared(accepted, reader), false);
});

test('each read goes into the memory that the reader named after the read before', async (t) => {
  const [accepted, client] = await pair(t);
  const own = [Buffer.alloc(1_000), Buffer.alloc(30_000), Buffer.alloc(10)];
  const text = Buffer.from('a few words '.repeat(20_000));
  const reads: string[] = [];
  let memory = sharedRead;
  const turns = [own[0], undefined, own[1], sharedRead, own[2], sharedRead];
  const onRead = (length: number): boolean => {
    assert.ok(length <= memory.length);
    reads.push(memory.toString('latin1', 0, length));
    memory.fill(0);
    return true;
  };
  const named = (): Buffer | undefined => {
    const next = turns.shift();
    if (next !== undefined) memory = next;
    return next;
  };
  assert.equal(readShared(accepted, { onRead, nextMemory: named }), true);
  accepted.resume();
  for (let at = 0; at < text.length; at += 40_000) client.write(text.subarray(at, at + 40_000));
  client.end();
  await once(accepted, 'end');
  assert.equal(reads.join(''), text.toString('latin1'));
  assert.ok(
    reads.some((read) => read.length === 10),
    'a read of the smallest memory',
  );
});
